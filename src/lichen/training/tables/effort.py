"""What fits are expected to cost, counted from rows, features and settings, never timed.

In nanojoules of a processor that takes 3.8 W a busy core (M2). It need not be exact: it orders the
portfolio and tells a search when the next trial is not worth its work, the same on every machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

from lichen.frameworks.estimation import Settings

NJ_A_CPU_SECOND = 3_800_000_000.0
OVERHEAD_S = 0.002
"""Of any fit and its scores."""

LOADING_S = 0.02
"""Of a library that boosts, on each of its fits."""

GROWN_TREES = 80
"""Boosting is stopped early: so many trees are usual."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a fit: rows, features, and columns that the core answers."""

    rows: int
    features: int
    outputs: int

    @property
    def cells(self) -> float:
        """Numbers to look at."""
        return float(self.rows) * self.features


def effort_nj(algorithm: str, size: Size, settings: Settings) -> float:
    """Nanojoules that one fit is expected to take."""
    seconds = _SECONDS.get(algorithm, _unknown)(size, settings)
    return NJ_A_CPU_SECOND * (OVERHEAD_S + seconds)


def _number(settings: Settings, name: str, default: float) -> float:
    said = settings.get(name, default)
    return default if isinstance(said, str) else float(said)


def _closed_form(size: Size, settings: Settings) -> float:  # noqa: ARG001 - one form
    side = min(size.rows, size.features)
    return 1e-9 * size.cells * side + 5e-8 * size.cells


def _descent(passes: float) -> Callable[[Size, Settings], float]:
    def seconds(size: Size, settings: Settings) -> float:  # noqa: ARG001 - the same for all
        return 2e-9 * passes * size.cells * size.outputs

    return seconds


def _boosted(size: Size, settings: Settings) -> float:
    trees = GROWN_TREES * size.outputs
    leaves = _number(settings, "leaves", 2 ** _number(settings, "depth", 5))
    return LOADING_S + trees * (2e-8 * size.cells + 6e-6 * leaves * min(1.0, size.rows / 1000))


def _forest(size: Size, settings: Settings) -> float:
    trees = _number(settings, "trees", 100)
    depth = float(size.rows.bit_length())
    looked_at = sqrt(size.features)
    return trees * size.rows * depth * (1e-8 * looked_at + 2e-8)


def _kernel(size: Size, settings: Settings) -> float:  # noqa: ARG001 - one form
    return float(size.rows) ** 2 * (1.2e-8 + 4e-10 * size.features)


def _margin(size: Size, settings: Settings) -> float:  # noqa: ARG001 - one form
    return 0.005 + 4e-7 * size.cells * size.outputs


def _network(size: Size, settings: Settings) -> float:
    return 0.3 + 1e-5 * size.rows * min(_number(settings, "epochs", 30), 30)


def _unknown(size: Size, settings: Settings) -> float:  # noqa: ARG001 - nothing is known
    return 1e-6 * size.cells


_SECONDS: Mapping[str, Callable[[Size, Settings], float]] = {
    "linear": _closed_form,
    "ridge": _closed_form,
    "lasso": _descent(100),
    "elastic-net": _descent(100),
    "linear-gd": _descent(300),
    "linear-sgd": _descent(50),
    "logistic": _descent(60),
    "logistic-sgd": _descent(50),
    "svm": _kernel,
    "linear-svm": _margin,
    "lightgbm": _boosted,
    "xgboost": _boosted,
    "forest": _forest,
    "mlp": _network,
}
