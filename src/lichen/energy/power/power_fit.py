"""Fit idle watts and watts by busy thread to measured power, with 90 % intervals (M2, M4).

    watts(t) = idle + slope x busy threads(t - lag)

The lag between the meter's clock and ours is the one at which both go together best. Intervals are
of a bootstrap over blocks of neighbouring readings, since neighbours err alike, and of the stated
accuracy of the meter, which errs the same way in all of them.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import hypot, sqrt

from lichen.core.errors import InvalidInput
from lichen.energy.power.load_record import LoadRecord
from lichen.energy.power.parameters import MILLI, Spread
from lichen.energy.power.wall_meter import PowerSpan

LEAST_POINTS = 20
LEAST_VARIATION = 0.5
"""Busy threads between the 5 % and the 95 % of readings."""
LEAST_CORRELATION = 0.9
MOST_LAG_S = 300
KEPT_OVERLAP = 0.6
BLOCK_S, LEAST_BLOCKS = 20.0, 6
RESAMPLES, SEED = 1_000, 20261122
HALF_HOUR_S, MOST_HALF_HOURS, WITHIN_S = 1_800, 28, 60


@dataclass(frozen=True, slots=True)
class PowerFit:
    """What was found: watts by busy thread and idle, the meter's lag, and how well it fits."""

    slope: Spread
    idle: Spread
    lag_s: float
    points: int
    r_squared: float


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of some readings: their number, and sums of x, y, xx, xy, yy."""

    n: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def plus(self, other: "_Sums", sign: int = 1) -> "_Sums":
        return _Sums(
            self.n + sign * other.n,
            self.x + sign * other.x,
            self.y + sign * other.y,
            self.xx + sign * other.xx,
            self.xy + sign * other.xy,
            self.yy + sign * other.yy,
        )

    @property
    def slope(self) -> float:
        return (self.n * self.xy - self.x * self.y) / self._spread

    @property
    def idle(self) -> float:
        return (self.y - self.slope * self.x) / self.n

    @property
    def _spread(self) -> float:
        return max(self.n * self.xx - self.x * self.x, 1e-12)

    @property
    def correlation(self) -> float:
        across = max(self.n * self.yy - self.y * self.y, 1e-12)
        return (self.n * self.xy - self.x * self.y) / sqrt(self._spread * across)


_Readings = list[tuple[float, float]]
"""Busy threads and watts."""


def _sums(readings: _Readings) -> list[_Sums]:
    """Running sums, beginning with none."""
    each = (_Sums(1, x, y, x * x, x * y, y * y) for x, y in readings)
    return list(accumulate(each, _Sums.plus, initial=_Sums()))


def fit_power(
    spans: Sequence[PowerSpan],
    load: LoadRecord,
    accuracy: float,
    most_lag_s: float = MOST_LAG_S,
) -> PowerFit:
    """Idle and slope from a meter's readings and the load of the same time.

    Args:
        spans: what the meter read.
        load: how busy the machine was.
        accuracy: the meter's own, as a share; 0.02 is 2 %.
        most_lag_s: how far its clock may be off; 0 where both were read by one process.

    Raises:
        InvalidInput: the two do not belong together, or do not tell idle and slope apart.
    """
    lag_s, readings = _aligned(spans, load, most_lag_s)
    _check_variation(readings)
    running = _sums(readings)
    whole = running[-1]
    if whole.correlation < LEAST_CORRELATION:
        raise InvalidInput(_apart(spans, load, whole.correlation))
    if whole.idle <= 0:
        raise InvalidInput(
            f"the fit gives {whole.idle:.3g} W for the idle machine: let the meter measure this "
            "machine and nothing that feeds power in"
        )
    block = max(1, min(_block(spans), len(readings) // LEAST_BLOCKS))
    slopes, idles = _resampled(running, block)
    return PowerFit(
        _spread(whole.slope, slopes, accuracy),
        _spread(whole.idle, idles, accuracy),
        lag_s,
        len(readings),
        whole.correlation**2,
    )


def _block(spans: Sequence[PowerSpan]) -> int:
    return round(BLOCK_S / statistics.median(one.end_s - one.start_s for one in spans))


def _aligned(
    spans: Sequence[PowerSpan], load: LoadRecord, most_lag_s: float
) -> tuple[float, _Readings]:
    """The lag at which power follows load best, and the readings at that lag."""
    usual_s = statistics.median(one.end_s - one.start_s for one in spans)
    step_s = min(5.0, max(0.5, round(usual_s) / 2))
    reach = int(most_lag_s // step_s)
    found = {at * step_s: _at_lag(spans, load, at * step_s) for at in range(-reach, reach + 1)}
    most = max(len(readings) for readings in found.values())
    if most < LEAST_POINTS:
        raise InvalidInput(_too_few(spans, load, most))
    enough = max(LEAST_POINTS, KEPT_OVERLAP * most)
    usable = {lag: readings for lag, readings in found.items() if len(readings) >= enough}
    best = max(usable, key=lambda lag: (_sums(usable[lag])[-1].correlation, -abs(lag)))
    return best, usable[best]


def _at_lag(spans: Sequence[PowerSpan], load: LoadRecord, lag_s: float) -> _Readings:
    """Load and power of the spans that lie within the record of load when shifted by the lag."""
    return [
        (load.mean_busy(one.start_s - lag_s, one.end_s - lag_s), one.watts)
        for one in spans
        if one.start_s - lag_s >= load.start_s and one.end_s - lag_s <= load.end_s
    ]


def _check_variation(readings: _Readings) -> None:
    twentieths = statistics.quantiles([busy for busy, _ in readings], n=20)
    if twentieths[-1] - twentieths[0] < LEAST_VARIATION:
        raise InvalidInput(
            f"the load hardly varied ({twentieths[0]:.2f} to {twentieths[-1]:.2f} busy threads), "
            "so idle and slope cannot be told apart: record again with "
            "`lichen meter calibrate --record`, which makes load in steps"
        )


def _too_few(spans: Sequence[PowerSpan], load: LoadRecord, points: int) -> str:
    shift = _shift(spans, load)
    if shift is not None:
        return _clock_off(shift)
    return (
        f"{points} readings of the meter fall into the recorded load, {LEAST_POINTS} are needed: "
        "let the meter write down a reading a second or so, over the same time"
    )


def _apart(spans: Sequence[PowerSpan], load: LoadRecord, correlation: float) -> str:
    shift = _shift(spans, load)
    if shift is not None:
        return _clock_off(shift)
    return (
        f"power does not follow load (correlation {correlation:.2f}, {LEAST_CORRELATION} is "
        "needed): is the meter on this machine, alone, and is its time zone right?"
    )


def _clock_off(shift_s: float) -> str:
    hours = f"{abs(shift_s) / 3600:g} h"
    side = "ahead of" if shift_s > 0 else "behind"
    return (
        f"the meter's clock is {hours} {side} this machine's: daylight saving or another time "
        "zone; export in UTC, or say the right --timezone"
    )


def _shift(spans: Sequence[PowerSpan], load: LoadRecord) -> float | None:
    """By how many half hours the meter's clock is off, if power follows load then."""
    usual_s = (spans[-1].end_s - spans[0].start_s) / len(spans)
    both = min(len(spans), (load.end_s - load.start_s) / usual_s)
    enough = max(LEAST_POINTS, KEPT_OVERLAP * both)
    found = {
        half_hours * HALF_HOUR_S: _correlation_near(spans, load, half_hours * HALF_HOUR_S, enough)
        for half_hours in range(-MOST_HALF_HOURS, MOST_HALF_HOURS + 1)
        if half_hours
    }
    best = max(found, key=lambda shift_s: found[shift_s])
    return float(best) if found[best] >= LEAST_CORRELATION else None


def _correlation_near(
    spans: Sequence[PowerSpan], load: LoadRecord, shift_s: float, enough: float
) -> float:
    """How well power follows load about that lag; 0 where they do not meet."""
    reach_s = shift_s - WITHIN_S, shift_s + WITHIN_S
    if spans[0].start_s - reach_s[1] > load.end_s or spans[-1].end_s - reach_s[0] < load.start_s:
        return 0.0
    near = (_at_lag(spans, load, shift_s + lag_s) for lag_s in range(-WITHIN_S, WITHIN_S + 1))
    return max(
        (_sums(readings)[-1].correlation for readings in near if len(readings) >= enough),
        default=0.0,
    )


def _resampled(running: Sequence[_Sums], block: int) -> tuple[list[float], list[float]]:
    """Slopes and idle watts of readings drawn again in blocks of neighbours, ends joined."""
    chance = random.Random(SEED)  # noqa: S311 - resampling
    count = len(running) - 1
    blocks = [_block_at(running, start, block) for start in range(count)]
    slopes, idles = [], []
    for _ in range(RESAMPLES):
        drawn = _Sums()
        for one in chance.choices(blocks, k=-(-count // block)):
            drawn = drawn.plus(one)
        slopes.append(drawn.slope)
        idles.append(drawn.idle)
    return slopes, idles


def _block_at(running: Sequence[_Sums], start: int, length: int) -> _Sums:
    count, end = len(running) - 1, start + length
    if end <= count:
        return running[end].plus(running[start], -1)
    return running[count].plus(running[start], -1).plus(running[end - count])


def _spread(middle: float, drawn: list[float], accuracy: float) -> Spread:
    """The middle with what the bootstrap and the meter's accuracy leave open."""
    twentieths = statistics.quantiles(drawn, n=20)
    systematic = accuracy * abs(middle)
    low = middle - hypot(max(0.0, middle - twentieths[0]), systematic)
    high = middle + hypot(max(0.0, twentieths[-1] - middle), systematic)
    return Spread(round(MILLI * max(0.0, low)), round(MILLI * middle), round(MILLI * high))
