"""From a panel to the weights of the linear core."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.inputs import Assembled, arrange, part_of, parts, transform
from lichen.forecasting.moments import Moments, window_moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.ridge import solve
from lichen.forecasting.specification import Specification

MOST_WINDOWS = 8192
"""Windows with declared features that are laid out in memory to fit from; of more, every n-th."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Complete windows laid out; none touches a NaN.

    Attributes:
        features: float32 `(n, features)` of all parts.
        targets: `(n, horizon)`, less the window's level.
        origins: the row of the panel each starts at.
        series: which series each is of.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float64]
    origins: Rows
    series: Rows


def origins(specification: Specification, panel: Panel, first: int, last: int) -> Rows:
    """Rows a forecast can start at: context and covariates before it, horizon within `last`.

    Args:
        specification: what is forecast.
        panel: the data.
        first: the first row a forecast may start at.
        last: no row at or after it is predicted.
    """
    low = max(first, specification.context, specification.past)
    return np.arange(low, min(last, panel.rows) - specification.horizon + 1, dtype=np.int64)


def usual_origins(specification: Specification, panel: Panel, first: int, last: int) -> Rows:
    """Those of `origins` at the time of day the model usually starts at."""
    rows = origins(specification, panel, first, last)
    usual: Rows = rows[part_of(specification, panel.time_of(rows)) == 0]
    return usual


def fitted_origins(
    specification: Specification, panel: Panel, part: int, first: int, last: int
) -> Rows:
    """Those of `origins` that a part is fitted on: the usual ones, or every n-th of all."""
    if part == 0 and specification.start_seconds is not None:
        return usual_origins(specification, panel, first, last)
    rows = origins(specification, panel, first, last)
    thinned: Rows = rows[rows % _stride(specification, panel) == 0]
    return thinned


def examples(specification: Specification, panel: Panel, rows: Rows) -> Examples:
    """The complete windows around some origins."""
    assembled = assembled_at(specification, panel, rows)
    truth = transform(specification, ahead_of(specification, panel.values, rows))
    series = truth.shape[2]
    targets = (
        truth.transpose(0, 2, 1).reshape(len(rows) * series, specification.horizon)
        - assembled.level[:, None]
    )
    whole = np.isfinite(targets).all(axis=1) & np.isfinite(assembled.features).all(axis=1)
    return Examples(
        assembled.features[whole],
        targets[whole],
        np.repeat(rows, series)[whole],
        np.tile(np.arange(series), len(rows))[whole],
    )


def assembled_at(specification: Specification, panel: Panel, rows: Rows) -> Assembled:
    """What the core is given for forecasts that start at some rows."""
    return arrange(
        specification,
        panel.values[rows[:, None] + np.arange(-specification.context, 0)],
        panel.time_of(rows),
        ahead_of(specification, panel.known, rows),
        panel.known[rows[:, None] + np.arange(-specification.past, 0)],
    )


def ahead_of(
    specification: Specification, columns: NDArray[np.float64], rows: Rows
) -> NDArray[np.float64]:
    """The horizon's values `(origins, horizon, columns)` from each of some rows on."""
    ahead: NDArray[np.float64] = columns[rows[:, None] + np.arange(specification.horizon)]
    return ahead


def moments_between(
    specification: Specification, panel: Panel, part: int, after: int, until: int
) -> Moments:
    """Moments of the windows that were complete by row `until` and not yet by row `after`.

    So the moments of (a, b) and (b, c) sum to those of (a, c), and a refit costs the new rows
    alone. No row at or beyond `until` is looked at.
    """
    first = after - specification.horizon + 1
    if is_window_only(specification, part):
        return window_moments_of(specification, panel, first, until - specification.horizon)
    rows = fitted_origins(specification, panel, part, first, until)
    laid = examples(part_alone(specification, part), panel, rows)
    return Moments.of(laid.features, laid.targets)


def is_window_only(specification: Specification, part: int) -> bool:
    """Whether a part sees the window alone, from any start: one autocorrelation pass will do."""
    usual = part == 0 and specification.start_seconds is not None
    return not usual and not parts(specification)[part].features


def has_intercept(specification: Specification, part: int) -> bool:
    """Whether a part learns a constant; windows that were levelled and stand alone do not.

    A drift learnt from the training rows would be carried on for ever; without it a shifted or
    scaled series has its forecast shifted or scaled.
    """
    return bool(parts(specification)[part].features) or specification.normalisation == 0


def fit_moments(
    specification: Specification, part: int, moments: Moments, penalty: float
) -> NDArray[np.float32]:
    """A part's weights `(features, horizon)` from its moments."""
    weights = solve(moments, penalty, intercept=has_intercept(specification, part))
    return weights.astype(np.float32)


def fit(
    specification: Specification, panel: Panel, penalties: Sequence[float]
) -> NDArray[np.float32]:
    """The weights `(features, horizon)` of the linear core, from every row of the panel.

    `penalties` holds one for each of the model's parts.

    Raises:
        InvalidInput: no window is complete.
    """
    check_enough(specification, panel)
    fitted = [
        fit_moments(
            specification,
            number,
            moments_between(specification, panel, number, 0, panel.rows),
            penalty,
        )
        for number, penalty in zip(range(len(parts(specification))), penalties, strict=True)
    ]
    return np.concatenate(fitted)


def check_enough(specification: Specification, panel: Panel) -> None:
    """Refuse a panel that holds no window at all.

    Raises:
        InvalidInput: fewer rows than one context and one horizon, or other columns than named.
    """
    least = specification.context + specification.horizon
    if panel.rows < least:
        raise InvalidInput(
            f"there are {panel.rows} rows, fewer than the {least} of one context "
            f"({specification.context}) and one horizon ({specification.horizon}): add rows, or "
            "ask for a shorter context or horizon"
        )
    if panel.values.shape[1] != len(specification.targets):
        raise InvalidInput(
            f"the panel has {panel.values.shape[1]} series for {len(specification.targets)} targets"
        )


def part_alone(specification: Specification, part: int) -> Specification:
    """One part as a model of its own, for starts at any time of day."""
    features = parts(specification)[part].features
    return replace(specification, features=features, anytime=(), start_seconds=None)


def window_moments_of(specification: Specification, panel: Panel, first: int, last: int) -> Moments:
    """Moments of the windows whose first step predicted is at a row from `first` to `last`."""
    low = max(0, first - specification.context)
    stretch = transform(specification, panel.values[low : last + specification.horizon])
    gathered = window_moments(stretch, specification.context, specification.horizon)
    return gathered.moments(specification.context, specification.normalisation)


def _stride(specification: Specification, panel: Panel) -> int:
    """Take every n-th start, n sharing no factor with a day so that every hour is met."""
    stride = -(-panel.rows * len(specification.targets) // MOST_WINDOWS)
    while gcd(stride, specification.steps_per_day) > 1:
        stride += 1
    return stride
