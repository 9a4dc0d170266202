"""What can be expected with too little history for a model: profile, day before, yearly average.

Each is honest about itself: the less is known, the wider the interval. None needs NumPy.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from lichen.carbon.grids.observations import moment_of
from lichen.carbon.intensity import IntensityValue
from lichen.carbon.outlook.hours import HOUR_S, Hours
from lichen.carbon.outlook.record import DECILES, Step, possible

PROFILE_DAYS = 14
LEAST_PROFILE_DAYS = 3
PROFILE_WIDENING = 1.5
"""How much wider the coming days lie about a profile than those that it was made from: 10 and 90 %
of the latter in Spain 2022, Germany 2021-22 and California 2021 and 2022 (Electricity Maps),
times this, hold 80 % of the former or a little more."""
DAY_AGO = (0.67, 0.77, 0.86, 0.93, 0.99, 1.05, 1.13, 1.25, 1.45)
"""Deciles of an hour 1 to 96 h ahead beside the same hour of the day before: the widest of the
same four series."""


def profile(hours: Hours, first_hour: int, count: int, zone: ZoneInfo) -> list[Step] | None:
    """The last two weeks by hour of the local day; None with fewer than three whole days of them.

    Args:
        hours: the history.
        first_hour: the first to be expected; nothing from it on is looked at.
        count: how many hours to expect.
        zone: whose clocks people live by: over a change of the clocks the profile moves with them.
    """
    by_hour: dict[int, list[float]] = defaultdict(list)
    for hour in range(first_hour - PROFILE_DAYS * 24, first_hour):
        value = hours.get(hour)
        if value is not None:
            by_hour[_local_hour(hour, zone)].append(value)
    if len(by_hour) < 24 or min(len(values) for values in by_hour.values()) < LEAST_PROFILE_DAYS:
        return None
    means = {hour: sum(values) / len(values) for hour, values in by_hour.items()}
    apart = sorted(
        value / means[hour] - 1.0
        for hour, values in by_hour.items()
        for value in values
        if means[hour] > 0
    )
    spread = [1.0 + PROFILE_WIDENING * _quantile(apart, level) for level in DECILES]
    return [
        _scaled(means[_local_hour(hour, zone)], spread)
        for hour in range(first_hour, first_hour + count)
    ]


def day_ago(hours: Hours, first_hour: int, count: int) -> list[Step] | None:
    """The last known value of each hour of the day; None where two days lack one."""
    found: list[Step] = []
    for ahead in range(count):
        same = first_hour + ahead % 24
        value = next((hours[same - back] for back in (24, 48) if same - back in hours), None)
        if value is None:
            return None
        found.append(_scaled(value, DAY_AGO))
    return found


def average(value: IntensityValue, count: int) -> list[Step]:
    """One figure for every hour, as wide as its own interval, which holds nine hours in ten."""
    quantiles = []
    for level in DECILES:
        share = abs(level - 0.5) / 0.45
        end = value.low if level < 0.5 else value.high
        quantiles.append(possible(value.g_per_kwh + share * (end - value.g_per_kwh)))
    return [Step(possible(value.g_per_kwh), tuple(quantiles))] * count


def hour_number(moment: datetime) -> int:
    """The number of the hour that holds the moment, since 1970 in UTC."""
    return int(moment.timestamp()) // HOUR_S


def _local_hour(hour: int, zone: ZoneInfo) -> int:
    return moment_of(hour * HOUR_S).astimezone(zone).hour


def _scaled(value: float, spread: Sequence[float]) -> Step:
    return Step(possible(value), tuple(possible(value * max(0.0, factor)) for factor in spread))


def _quantile(ordered: Sequence[float], level: float) -> float:
    """By linear interpolation between the two nearest."""
    if not ordered:
        return 0.0
    place = level * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
