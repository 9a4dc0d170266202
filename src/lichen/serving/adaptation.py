"""What a deployed forecaster would have said, judged by the truth that has arrived since.

Each forecast is made as it is served, with the width as it stands, and the width is moved by what
came true before the next is made (adaptive conformal inference). So one long append moves it as
several short ones do.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.forecasting.fitting import Rows, ahead_of, origins, usual_origins
from lichen.forecasting.panel import Panel
from lichen.forecasting.quantiles import Width
from lichen.forecasting.specification import Specification
from lichen.serving.forecaster import HISTORY, KNOWN, PAST, START, ForecastPredictor

MOST_FORECASTS = 400
"""Forecasts judged at one time: more than a year of days. Of more the newest count: the width
follows what is, and what was long before hardly shows in it."""
MOST_MISSING = 0.2
"""Share of a window that may be missing; a forecast from less says nothing about the model."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The width after what came true.

    Attributes:
        width: its `seen` counts the forecasts whose truth was taken in.
        until: forecasts that start before this moment are done with.
        skipped: forecasts that could not be asked for, or of which no truth was recorded.
    """

    width: Width
    until: np.datetime64
    skipped: int = 0


def rows_needed(specification: Specification, rows: int) -> int:
    """How many of the newest rows `judge` looks at when `rows` of them are new."""
    day = specification.steps_per_day
    stride = day if specification.start_seconds is not None else specification.horizon
    back = max(specification.context, specification.past) + day
    return back + min(rows, MOST_FORECASTS * stride) + specification.horizon


def judge(predictor: ForecastPredictor, panel: Panel, width: Width, since: np.datetime64) -> Judged:
    """Move the width by every forecast that started at or after `since` and has come true.

    Forecasts start at the model's usual time of day, or else every horizon from `since` on. Where
    horizons overlap, each is asked with the width of this moment, not of its own time.

    Args:
        predictor: the deployed files; its width is changed.
        panel: the newest rows, NaN where nothing was recorded.
        width: as it stood.
        since: a moment no forecast before which counts.
    """
    said = predictor.specification
    recorded = _until_recorded(panel)
    rows = due(said, recorded, since)
    if len(rows) == 0:
        return Judged(width, since)
    windows = replace(recorded, values=_filled(recorded.values, said.steps_per_day))
    truth = ahead_of(said, recorded.values, rows)
    skipped = 0
    for row, true in zip(rows.tolist(), truth, strict=True):
        quantiles = None
        if np.isfinite(true).any() and _is_recorded(recorded.values[row - said.context : row]):
            quantiles = _asked(predictor, windows, row, width)
        if quantiles is None:
            skipped += 1
        else:
            width = width.update(said.levels, true, quantiles)
    stride = 1 if said.start_seconds is not None else said.horizon
    return Judged(width, panel.time_of(rows[-1:] + stride)[0], skipped)


def due(specification: Specification, panel: Panel, since: np.datetime64) -> Rows:
    """The rows at which forecasts start that can be judged, at most `MOST_FORECASTS`."""
    first = panel.row_at(since)
    if specification.start_seconds is not None:
        return usual_origins(specification, panel, first, panel.rows)[-MOST_FORECASTS:]
    rows = origins(specification, panel, first, panel.rows)
    spaced: Rows = rows[(rows - first) % specification.horizon == 0]
    return spaced[-MOST_FORECASTS:]


def _until_recorded(panel: Panel) -> Panel:
    """Up to the last row with any truth: rows after it hold at most what is known ahead."""
    found = np.flatnonzero(np.isfinite(panel.values).any(axis=1))
    return panel.until(int(found[-1]) + 1 if len(found) else 0)


def _is_recorded(window: NDArray[np.float64]) -> bool:
    return bool((np.isnan(window).mean(axis=0) <= MOST_MISSING).all())


def _filled(values: NDArray[np.float64], day: int) -> NDArray[np.float64]:
    """Missing cells from the same time the day before, as in training: never from later."""
    filled = values.copy()
    for row in np.flatnonzero(np.isnan(values).any(axis=1)).tolist():
        if row > 0:
            earlier = filled[row - day if row >= day else row - 1]
            filled[row] = np.where(np.isnan(filled[row]), earlier, filled[row])
    return filled


def _asked(predictor: ForecastPredictor, panel: Panel, row: int, width: Width) -> Array | None:
    """Quantiles `(horizon, series, levels)` as served at a row; None if it cannot be asked for."""
    said = predictor.specification
    start = f"{panel.time_of(np.array([row]))[0]}Z"
    arrays: dict[str, Array] = {
        HISTORY: panel.values[None, row - said.context : row].astype(np.float32),
        START: np.array([start.encode()], dtype=np.object_),
    }
    if said.known:
        arrays[KNOWN] = panel.known[None, row : row + said.horizon].astype(np.float32)
    if said.known and said.past:
        arrays[PAST] = panel.known[None, row - said.past : row].astype(np.float32)
    predictor.widen(width)
    try:
        quantiles: Array = predictor.predict(Batch(arrays))["quantiles"][0]
    except InvalidInput:
        return None
    return quantiles
