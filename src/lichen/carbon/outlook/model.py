"""The model of an outlook: a profile with a decaying anomaly, and a ridge on what it misses.

All of it is linear in the last two weeks, the calendar and the sun, so it is one matrix: the same
ONNX core, inputs and quantiles as any forecaster of the platform.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.record import DECILES, HORIZON_HOURS
from lichen.carbon.outlook.series import DAY, Series
from lichen.carbon.outlook.solar import clear_sky_kw_per_m2
from lichen.forecasting.fitting import Rows, examples
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.moments import Moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.ridge import solve
from lichen.forecasting.specification import Feature, Kind, Specification

PROFILE_DAYS = 14
CONTEXT = PROFILE_DAYS * DAY
NORMALISATION = 7 * DAY
ANOMALY_HOURS = 3
ANOMALY_LIFE_HOURS = 24.0
BANDS = ((DAY, 0.01), (2 * DAY, 0.1), (HORIZON_HOURS, 1.0))
"""Lead times up to so many hours, and the ridge's penalty a window: the further ahead, the closer
it stays to the profile."""
CALENDAR_WEIGHT = 3.0
MOST_MISSING = 0.25
"""Share of a window that may be filled in; nothing is learnt from one with more."""
SCALE_DAYS = 28
UNIT = "gCO2e/kWh"
SUN = "clear_sky_kw_per_m2"
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Declared:
    """What is fitted, and the matrix that it departs from."""

    specification: Specification
    base: Matrix


def declared(zone: str, place: Place, series: Series) -> Declared:
    """The model of a zone; its scale is that of the first four weeks, and never changes with more.

    Without a place there is no sun, and the clocks are UTC.
    """
    calendar = (
        Feature(Kind.TIME_OF_DAY, lengths=(1, 2, 3), weight=CALENDAR_WEIGHT),
        Feature(Kind.WEEKDAY, weight=CALENDAR_WEIGHT),
    )
    sun = Feature(Kind.AHEAD, SUN, lengths=(HORIZON_HOURS,), weight=CALENDAR_WEIGHT)
    has_place = place.latitude is not None
    scale = float(np.median(series.filled[: SCALE_DAYS * DAY])) or 1.0
    specification = Specification(
        targets=(zone,),
        step_seconds=HOUR_S,
        horizon=HORIZON_HOURS,
        context=CONTEXT,
        units=(UNIT,),
        known=(SUN,) if has_place else (),
        normalisation=NORMALISATION,
        timezone=place.timezone,
        scales=(scale,),
        features=(*calendar, sun) if has_place else calendar,
        levels=DECILES,
    )
    return Declared(specification, _base(specification))


def panel_of(specification: Specification, place: Place, series: Series) -> Panel:
    """The hours beside the sun over them and over one horizon more."""
    rows = series.rows + HORIZON_HOURS
    if not specification.known:
        return series.panel(np.empty((rows, 0)))
    return series.panel(sun_over(place, series.first_hour, rows))


def sun_over(place: Place, first_hour: int, count: int) -> Matrix:
    """The clear sky's light in the middle of each hour, `(count, 1)`."""
    seconds = (first_hour + 0.5 + np.arange(count, dtype=np.float64)) * HOUR_S
    light = clear_sky_kw_per_m2(seconds, place.latitude or 0.0, place.longitude or 0.0)
    return np.asarray(light[:, None], dtype=np.float64)


def learnt_between(made: Declared, panel: Panel, series: Series, after: int, until: int) -> Moments:
    """Moments of the windows that were complete by row `until` and not yet by row `after`.

    What is learnt is the difference to the base. Windows of which too much was missing are left
    out. No row at or beyond `until` is looked at.
    """
    specification = made.specification
    first = max(CONTEXT, after - HORIZON_HOURS + 1)
    rows = np.arange(first, max(first, until - HORIZON_HOURS + 1), dtype=np.int64)
    laid = examples(specification, panel, rows[_is_known(series, rows)])
    return Moments.of(laid.features, laid.targets - laid.features @ made.base)


def _is_known(series: Series, rows: Rows) -> NDArray[np.bool_]:
    """Whether enough of the window and of the horizon of each origin was recorded."""
    gaps = np.concatenate([[0], np.cumsum(np.isnan(series.recorded))])
    before = gaps[rows] - gaps[rows - CONTEXT]
    ahead = gaps[np.minimum(rows + HORIZON_HOURS, series.rows)] - gaps[rows]
    return np.asarray((before <= MOST_MISSING * CONTEXT) & (ahead <= MOST_MISSING * HORIZON_HOURS))


def weights_of(made: Declared, learnt: Moments) -> NDArray[np.float32]:
    """The matrix `(features, horizon)` of the core: the base alone where nothing was learnt."""
    weights = made.base.copy()
    if learnt.rows:
        first = 0
        for last, penalty in BANDS:
            band = slice(first, last)
            part = replace(learnt, xy=learnt.xy[:, band], yy=learnt.yy[band])
            weights[:, band] += solve(part, penalty * learnt.rows)
            first = last
    return weights.astype(np.float32)


def _base(specification: Specification) -> Matrix:
    """The mean of the last days at the same hour, and what is left of the last hours' anomaly."""
    base = np.zeros((feature_count(specification), HORIZON_HOURS))
    anomaly = np.zeros(len(base))
    for back in range(1, ANOMALY_HOURS + 1):
        anomaly[CONTEXT - back] += 1 / ANOMALY_HOURS
        same_hour = (CONTEXT - back) % DAY + np.arange(PROFILE_DAYS) * DAY
        anomaly[same_hour] -= 1 / ANOMALY_HOURS / PROFILE_DAYS
    for step in range(HORIZON_HOURS):
        same_hour = step % DAY + np.arange(PROFILE_DAYS) * DAY
        base[same_hour, step] = 1 / PROFILE_DAYS
        base[:, step] += np.exp(-(step + 1) / ANOMALY_LIFE_HOURS) * anomaly
    return base
