"""What a zone's model would have been worth over the last 90 days, beside the 14-day profile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.model import BANDS, PROFILE_DAYS
from lichen.carbon.outlook.record import HORIZON_HOURS
from lichen.carbon.outlook.series import DAY, Series
from lichen.evaluation.scores import mape

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Forecasts that came true: arrays `(forecasts, horizon)`, NaN where nothing was recorded."""

    truth: Floats
    mean: Floats
    low: Floats
    high: Floats
    profile: Floats


@dataclass(frozen=True, slots=True)
class OutlookScore:
    """One figure; `unit` is None where it has none."""

    name: str
    value: float
    unit: str | None = "%"


def profiles(series: Series, rows: NDArray[np.int64]) -> Floats:
    """The mean of the last fourteen days by hour, again and again, from each of some rows on."""
    back = series.filled[rows[:, None] + np.arange(-PROFILE_DAYS * DAY, 0)]
    by_hour = back.reshape(len(rows), PROFILE_DAYS, DAY).mean(axis=1)
    repeated: Floats = np.tile(by_hour, HORIZON_HOURS // DAY)
    return repeated


def scores_of(judged: Judged) -> tuple[OutlookScore, ...]:
    """MAPE by lead time and of the profile, skill, and how much the 80 % intervals covered."""
    truth = np.where(judged.truth > 0, judged.truth, np.nan)
    if not np.isfinite(truth).any():
        return ()
    made, first = [], 0
    for last, _ in BANDS:
        band = slice(first, last)
        if np.isfinite(truth[:, band]).any():
            made.append(
                OutlookScore(
                    f"MAPE {first + 1}-{last} h", mape(truth[:, band], judged.mean[:, band])
                )
            )
        first = last
    ours, simple = mape(truth, judged.mean), mape(truth, judged.profile)
    inside = (truth >= judged.low) & (truth <= judged.high)
    covered = float(100 * inside[np.isfinite(truth)].mean())
    return (
        *made,
        OutlookScore("MAPE", ours),
        OutlookScore("MAPE of the 14-day profile", simple),
        OutlookScore("skill", 1 - ours / simple if simple else 0.0, None),
        OutlookScore("coverage of 80 % intervals", covered),
    )
