"""What a search may draw for each algorithm, and from where it should begin."""

from dataclasses import dataclass

import numpy as np

from lichen.frameworks.estimators import lightgbm


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One hyperparameter: a number between two, or one of several choices.

    Attributes:
        name: of the setting.
        low, high: between which it is drawn; equal where there are choices.
        is_log: whether its logarithm is drawn evenly.
        is_whole: whether it is a whole number.
        choices: instead of numbers; empty: none.
        default: where to begin; None: leave the setting out, the algorithm then chooses by itself.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_whole: bool = False
    choices: tuple[str | float | int | bool, ...] = ()
    default: str | float | int | bool | None = None


def options_of(name: str) -> tuple[str, ...]:
    """Which options of a network's training the algorithm `name` takes as settings."""
    return _OPTIONS.get(name, ())


def search_space(name: str, rows: int, features: int) -> tuple[Dimension, ...]:
    """What to search of the algorithm `name` on so many rows and features, most telling first.

    Empty where it chooses by itself, or there is nothing to choose.
    """
    by_size = {
        "logistic": _logistic,
        "linear-sgd": _stochastic,
        "logistic-sgd": _stochastic,
        "lightgbm": _lightgbm,
        "xgboost": _xgboost,
        "forest": _forest,
    }
    maker = by_size.get(name)
    space = maker(rows, features) if maker else _OF_ANY_SIZE.get(name, ())
    return tuple(one for one in space if one.choices or one.low < one.high)


def _log(name: str, low: float, high: float, default: float | None) -> Dimension:
    return Dimension(name=name, low=low, high=high, is_log=True, default=default)


def _share(name: str, low: float, default: float | None) -> Dimension:
    low = min(1.0, low)
    begun = None if default is None else max(low, default)
    return Dimension(name=name, low=low, high=1.0, default=begun)


def _whole(name: str, low: int, high: int, default: int) -> Dimension:
    return Dimension(
        name=name,
        low=low,
        high=max(low, high),
        is_log=True,
        is_whole=True,
        default=int(np.clip(default, low, max(low, high))),
    )


_OPTIONS = {
    "linear": ("l2",),
    "linear-gd": ("epochs", "learning_rate", "l2"),
    "linear-sgd": ("epochs", "batch_size", "learning_rate", "l2"),
    "logistic": ("l1", "l2"),
    "logistic-sgd": ("epochs", "batch_size", "learning_rate", "l2"),
    "lightgbm": ("l1", "l2", "learning_rate", "patience"),
    "xgboost": ("l1", "l2", "learning_rate", "patience"),
}
_STRENGTH = _log("strength", 1e-4, 1.0, None)
_OF_ANY_SIZE = {
    "lasso": (_STRENGTH,),
    "elastic-net": (_STRENGTH, Dimension(name="mix", low=0.05, high=1.0, default=0.5)),
    "linear-svm": (_log("penalty", 1e-4, 10.0, 0.1),),
    "svm": (
        _log("penalty", 1e-2, 1e3, 3.0),
        _log("gamma", 1e-2, 10.0, 0.5),
        Dimension(name="scale", choices=(True, False), default=True),
    ),
    "mlp": (
        _log("learning_rate", 3e-4, 2e-2, 3e-3),
        _log("l2", 1e-6, 1e-2, 1e-4),
        Dimension(name="layers", choices=("32", "64,32", "128,64"), default="64,32"),
        Dimension(name="dropout", low=0.0, high=0.5, default=0.0),
    ),
}


def _logistic(rows: int, features: int) -> tuple[Dimension, ...]:
    # A unit of prior for each row, and far more where features are nearly as many: words of texts.
    usual = max(1 / rows, (features / rows) ** 2)
    return (
        _log("l2", 1e-6, 10.0, float(np.clip(usual, 1e-6, 1.0))),
        Dimension(name="l1", choices=(0.0, 1e-4, 1e-3, 1e-2), default=0.0),
        Dimension(name="scale", choices=(False, True), default=False),
    )


def _stochastic(_: int, features: int) -> tuple[Dimension, ...]:
    return (
        _log("l2", 1e-7, 1e-1, 1e-5),
        _log("learning_rate", 0.1 / (1 + features), 2 / (1 + features), None),
    )


def _lightgbm(rows: int, features: int) -> tuple[Dimension, ...]:
    return (
        _whole("leaves", 4, min(255, max(8, rows // 10)), 31),
        _log("learning_rate", 0.01, 0.3, 0.1),
        _whole(
            "rows_in_leaf", 2, max(4, min(200, rows // 10)), lightgbm.default_rows_in_leaf(rows)
        ),
        _share("feature_share", 2 / features, lightgbm.FEATURE_SHARE),
        _share("row_share", 0.5, lightgbm.ROW_SHARE),
        _log("l2", 1e-3, 100.0, 1.0),
    )


def _xgboost(_: int, features: int) -> tuple[Dimension, ...]:
    return (
        _whole("depth", 2, 10, 6),
        _log("learning_rate", 0.01, 0.3, 0.1),
        _log("weight_in_leaf", 1e-2, 100.0, 1.0),
        _share("feature_share", 2 / features, lightgbm.FEATURE_SHARE),
        _share("row_share", 0.5, lightgbm.ROW_SHARE),
        _log("l2", 1e-3, 100.0, 1.0),
    )


def _forest(_: int, features: int) -> tuple[Dimension, ...]:
    return (
        _share("feature_share", 1 / features, None),
        Dimension(name="rows_in_leaf", low=1, high=20, is_log=True, is_whole=True),
        Dimension(name="kind", choices=("extra", "random"), default="extra"),
    )
