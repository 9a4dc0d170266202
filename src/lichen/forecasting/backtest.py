"""Rolling-origin forecasts: what would have been said, with what was known by then."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.fitting import (
    Rows,
    ahead_of,
    assembled_at,
    fit_moments,
    moments_between,
    part_alone,
)
from lichen.forecasting.inputs import part_of, restore
from lichen.forecasting.moments import Moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.quantiles import Width, apply, residuals, table
from lichen.forecasting.specification import Specification


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts beside what came true.

    Attributes:
        origins: row of the panel of each first step `(forecasts,)`.
        start: its time, datetime64[s] UTC.
        mean: `(forecasts, horizon, series)`; NaN where the window was not complete.
        truth: the same shape; NaN where nothing was recorded.
    """

    origins: Rows
    start: NDArray[np.datetime64]
    mean: NDArray[np.float64]
    truth: NDArray[np.float64]


def forecast_at(
    specification: Specification, weights: NDArray[np.float32], panel: Panel, rows: Rows
) -> Backtest:
    """What some weights say at some origins, as the served core would."""
    assembled = assembled_at(specification, panel, rows)
    return Backtest(
        rows,
        panel.time_of(rows),
        restore(specification, assembled, assembled.features @ weights),
        ahead_of(specification, panel.values, rows),
    )


def roll(
    specification: Specification,
    panel: Panel,
    penalty: float,
    rows: Rows,
    refit_steps: int | None = None,
) -> Backtest:
    """Forecasts at some origins, each by a model that saw only what was complete by its last refit.

    Args:
        specification: what is fitted.
        panel: the data; rows at or after a refit are not looked at by it.
        penalty: the ridge's.
        rows: origins, ascending, all answered by one part of the model.
        refit_steps: refit whenever so many steps have passed; None: fit once, at the first origin.

    Raises:
        InvalidInput: the origins need both parts, or nothing was complete before the first.
    """
    part = _single_part(specification, panel, rows)
    alone = part_alone(specification, part)
    made = [
        forecast_at(alone, fit_moments(specification, part, moments, penalty), panel, group)
        for group, moments in refits(specification, panel, rows, refit_steps)
    ]
    return Backtest(
        rows,
        panel.time_of(rows),
        np.concatenate([piece.mean for piece in made]),
        np.concatenate([piece.truth for piece in made]),
    )


def refits(
    specification: Specification, panel: Panel, rows: Rows, refit_steps: int | None
) -> Iterator[tuple[Rows, Moments]]:
    """Each refit's origins and the moments of all that was complete by the first of them."""
    part = _single_part(specification, panel, rows)
    known_by = 0
    moments: Moments | None = None
    for group in _groups(rows, refit_steps):
        border = int(group[0])
        fresh = moments_between(specification, panel, part, known_by, border)
        moments = fresh if moments is None else moments + fresh
        known_by = border
        yield group, moments


def _groups(rows: Rows, refit_steps: int | None) -> list[Rows]:
    if refit_steps is None:
        return [rows]
    borders = np.flatnonzero(np.diff((rows - rows[0]) // refit_steps)) + 1
    return np.split(rows, borders)


def _single_part(specification: Specification, panel: Panel, rows: Rows) -> int:
    if len(rows) == 0:
        raise InvalidInput("no forecast fits the rows to test on: leave room for one horizon")
    numbers = np.unique(part_of(specification, panel.time_of(rows)))
    if len(numbers) > 1:
        raise InvalidInput("the origins are at several times of day: test each kind on its own")
    return int(numbers[0])


def roll_quantiles(
    specification: Specification,
    made: Backtest,
    earlier: tuple[NDArray[np.datetime64], NDArray[np.float64]],
    refit_steps: int | None = None,
) -> tuple[NDArray[np.float64], Width]:
    """Quantiles `(forecasts, horizon, series, levels)` for a backtest, and the width at its end.

    The table is made anew at each refit from the residuals `earlier` (starts, residuals) and those
    of the backtest that were complete by then; the width takes in each forecast that was complete
    before the next began.
    """
    left = residuals(specification, made.mean, made.truth)
    quantiles = np.empty((*made.mean.shape, len(specification.levels)))
    width = Width.neutral(specification)
    done = 0
    for group in _groups(made.origins, refit_steps):
        places = np.searchsorted(made.origins, group)
        whole = int(np.searchsorted(made.origins, group[0] - specification.horizon, "right"))
        known = table(
            specification,
            np.concatenate([earlier[0], made.start[:whole]]),
            np.concatenate([earlier[1], left[:whole]]),
        )
        for place in places.tolist():
            one = slice(place, place + 1)
            while (
                done < place and made.origins[done] + specification.horizon <= made.origins[place]
            ):
                width = width.update(specification.levels, made.truth[done], quantiles[done])
                done += 1
            quantiles[one] = apply(specification, known, made.mean[one], made.start[one], width)
    return quantiles, width
