"""Rows as every algorithm fits them: checked, those of weight 0 left out, classes numbered."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, Settings

ABSENT = -30.0
"""The logit of a class that no row fitted on has: a probability of 1e-13."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Checked examples.

    Attributes:
        features: float32 `(rows, features)`, contiguous.
        target: the value, or the place of the row's class in `present`.
        shares: the rows' weights, their sum 1.
        present: the classes that some row has, in order; empty for a number.
        classes: how many there are; 0: the target is a number.
    """

    features: NDArray[np.float32]
    target: NDArray[np.float64]
    shares: NDArray[np.float64]
    present: tuple[int, ...]
    classes: int

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """The rows' weights, their mean 1; None: all alike."""
        alike = bool((self.shares == self.shares[0]).all())
        return None if alike else self.shares * len(self.shares)

    @property
    def fitted_outputs(self) -> int:
        """How many columns a core of the classes that are present has."""
        return len(self.present) if len(self.present) > 2 else 1


def checked(examples: Examples, *, takes_missing: bool = False) -> Rows:
    """The examples as rows to fit.

    Raises:
        InvalidInput: there is nothing to learn from them, or they break their own rules.
    """
    features = np.ascontiguousarray(examples.features, dtype=np.float32)
    target = np.asarray(examples.target, dtype=np.float64)
    if features.ndim != 2 or target.shape != features.shape[:1]:
        raise InvalidInput(
            f"features {features.shape} and target {target.shape} do not fit each other: "
            "give a row of features for each target"
        )
    if not features.size:
        raise InvalidInput(f"there is nothing to fit on in features {features.shape}")
    _check_values(features, target, takes_missing=takes_missing)
    shares = _shares(examples.weights, len(target))
    if shares.min() == 0:
        kept = shares > 0
        features, target, shares = features[kept], target[kept], shares[kept]
    present, target = _numbered(target, examples.classes)
    return Rows(
        features=features,
        target=target,
        shares=shares,
        present=present,
        classes=examples.classes,
    )


def _check_values(
    features: NDArray[np.float32], target: NDArray[np.float64], *, takes_missing: bool
) -> None:
    if not np.isfinite(target).all():
        raise InvalidInput("the target is not a finite number in every row: leave those rows out")
    if np.isinf(features).any():
        raise InvalidInput("a feature is infinite: clip it, or take it for missing")
    if not takes_missing and np.isnan(features).any():
        raise InvalidInput(
            "a feature is missing (NaN), which this algorithm does not take: fill it in, or "
            "choose one that splits on what is missing (forest, lightgbm, xgboost)"
        )


def _shares(weights: NDArray[np.float64] | None, rows: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(rows, 1 / rows)
    said = np.asarray(weights, dtype=np.float64)
    if said.shape != (rows,):
        raise InvalidInput(f"weights {said.shape} are not one for each of {rows} rows")
    if not np.isfinite(said).all() or said.min() < 0:
        raise InvalidInput("a weight is negative or not finite: weights are 0 or more")
    total = float(said.sum())
    if total <= 0:
        raise InvalidInput("every weight is 0: give some row a weight over 0")
    shares: NDArray[np.float64] = said / total
    return shares


def _numbered(
    target: NDArray[np.float64], classes: int
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """The classes that are present, and each row's place among them."""
    if not classes:
        return (), target
    found, places = np.unique(target, return_inverse=True)
    if found[0] < 0 or found[-1] >= classes or (found != np.rint(found)).any():
        raise InvalidInput(f"classes are numbered 0 to {classes - 1}: the target has others")
    if len(found) < 2:
        raise InvalidInput(
            f"every row is of class {int(found[0])}: there is nothing to tell apart, "
            "give rows of two classes at least"
        )
    if classes > len(target):
        raise InvalidInput(
            f"there are {classes} classes and {len(target)} rows: give several rows of each class, "
            "or predict the target as a number"
        )
    return tuple(int(one) for one in found), places.astype(np.float64)


def standard_of(rows: Rows) -> tuple[float, float]:
    """The mean and deviation of a target of numbers; of classes, what changes nothing."""
    if rows.classes:
        return 0.0, 1.0
    mean = float(rows.shares @ rows.target)
    deviation = float(np.sqrt(rows.shares @ (rows.target - mean) ** 2))
    return mean, deviation or 1.0


def number_in(settings: Settings, name: str, default: float, least: float = 0.0) -> float:
    """The setting of this name, a number not under `least`.

    Raises:
        InvalidInput: it is none.
    """
    said = settings.get(name, default)
    if isinstance(said, (str, bool)) or not np.isfinite(said) or said < least:
        raise InvalidInput(f"setting {name} is {said!r}: give a number of {least:g} or more")
    return float(said)


def quantile_in(settings: Settings, rows: Rows) -> float | None:
    """The quantile that is asked for; None: the mean.

    Raises:
        InvalidInput: it is none, or the target is of classes.
    """
    if "quantile" not in settings:
        return None
    asked = number_in(settings, "quantile", 0.5)
    if not 0 < asked < 1 or rows.classes:
        raise InvalidInput(
            f"setting quantile is {asked:g}: give one over 0 and under 1, and of numbers only"
        )
    return asked


def whole_in(settings: Settings, name: str, default: int, least: int = 1) -> int:
    """The setting of this name, a whole number not under `least`.

    Raises:
        InvalidInput: it is none.
    """
    said = number_in(settings, name, default, least)
    if said != int(said):
        raise InvalidInput(f"setting {name} is {said!r}: give a whole number of {least} or more")
    return int(said)


def check_settings(settings: Settings, known: tuple[str, ...]) -> None:
    """Refuse a setting that the algorithm does not know.

    Raises:
        InvalidInput: there is one.
    """
    unknown = sorted(set(settings) - set(known))
    if unknown:
        taken = ", ".join(sorted(known))
        raise InvalidInput(f"setting {unknown[0]!r} is not known here: it takes {taken}")
