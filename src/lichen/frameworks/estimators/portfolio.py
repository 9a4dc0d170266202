"""Which algorithms there are, cheapest first."""

from importlib.util import find_spec

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Estimator
from lichen.frameworks.estimators.descent import LinearGradientDescent, StochasticDescent
from lichen.frameworks.estimators.forest import Forest
from lichen.frameworks.estimators.lightgbm import LightGbm
from lichen.frameworks.estimators.linear import Linear
from lichen.frameworks.estimators.linear_svm import LinearSvm
from lichen.frameworks.estimators.logistic import Logistic
from lichen.frameworks.estimators.mlp import Mlp
from lichen.frameworks.estimators.shrinking import Shrinking
from lichen.frameworks.estimators.svm import Svm
from lichen.frameworks.estimators.xgboost import XgBoost

_NUMBERS: tuple[Estimator, ...] = (
    Linear(),
    Shrinking("lasso", 1.0),
    Shrinking("elastic-net", None),
    LinearGradientDescent(),
    StochasticDescent("linear-sgd", of_classes=False),
)
_CLASSES: tuple[Estimator, ...] = (
    Logistic(),
    StochasticDescent("logistic-sgd", of_classes=True),
)
_BOTH: tuple[Estimator, ...] = (
    LinearSvm(),
    LightGbm(),
    XgBoost(),
    Forest(),
    Svm(),
    Mlp(),
)
_NEEDS = {
    "xgboost": ("xgboost", "lichen[xgboost]"),
    "lightgbm": ("lightgbm", "lichen[all]"),
    "mlp": ("torch", "lichen[torch]"),
}
"""The package that an algorithm needs, and what to install for it."""


def portfolio(classes: int) -> tuple[Estimator, ...]:
    """The algorithms that can be fitted here, cheapest first.

    Args:
        classes: how many classes the target has; 0: it is a number.
    """
    every = (*(_CLASSES if classes else _NUMBERS), *_BOTH)
    return tuple(one for one in every if not _lacking(one.name))


def left_out(classes: int) -> dict[str, str]:
    """Why algorithms are not in the portfolio here: a sentence for each."""
    every = (*(_CLASSES if classes else _NUMBERS), *_BOTH)
    return {one.name: said for one in every if (said := _lacking(one.name))}


def estimator(name: str) -> Estimator:
    """The algorithm of this name.

    Raises:
        InvalidInput: there is none, or it cannot be fitted here.
    """
    every = {one.name: one for one in (*_NUMBERS, *_CLASSES, *_BOTH)}
    if name not in every:
        raise InvalidInput(f"there is no algorithm {name!r}: there are {', '.join(every)}")
    said = _lacking(name)
    if said:
        raise InvalidInput(said)
    return every[name]


def _lacking(name: str) -> str:
    """What an algorithm lacks here; empty: nothing."""
    package, extra = _NEEDS.get(name, ("", ""))
    if not package or find_spec(package):
        return ""
    return f"algorithm {name} needs {package}: install {extra}"
