"""When recurring work is due: a word or a cron expression, by the clocks of a time zone.

Two rules for days on which the clocks change. An expression that names its hours goes by the wall:
what falls into the hour that is left out runs when that hour ends, once; what falls into the hour
that comes twice runs in the first of the two. An expression for every hour goes by the time that
passes, so each hour has its run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from lichen.core.durations import readable_duration
from lichen.core.errors import InvalidInput

WORDS = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}
"""Each is due where its hour, day, week (on Monday) or month begins."""
LEAST_GAP = timedelta(minutes=5)
"""No recurring work is due more often."""
_FIELDS = 5
_LONGEST_EXPRESSION = 100
_LOOKED_AT = 500
_LOOKED_OVER = timedelta(days=12 * 366)
"""How many due moments, and how many years of them, are looked at for the shortest distance: a leap
day comes at least every eight years."""
_LONGEST_PERIOD = timedelta(days=50 * 366)
_REFERENCE = datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock time of no zone
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_FIRST_LOOK_BACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A five-field cron expression by the clocks of a time zone; made by `period_of`."""

    expression: str
    timezone: str

    def after(self, moment: datetime) -> datetime:
        """The first due moment after this one, in UTC; found once for whoever asks again."""
        return _first_after(self, moment)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every due moment after one moment and up to another, in UTC, oldest first."""
        for due in self.following(after):
            if due > until:
                return
            yield due

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The newest of them; found without walking through all that came before."""
        span = _FIRST_LOOK_BACK
        while True:
            start = max(after, until - span)
            newest = None
            for due in self.between(start, until):
                newest = due
            if newest is not None or start == after:
                return newest
            span *= 4

    def before(self, due: datetime) -> datetime:
        """The due moment before one."""
        found = self.latest(due - _LONGEST_PERIOD, due - _SECOND)
        return due - _LONGEST_PERIOD if found is None else found

    @property
    def shortest_gap(self) -> timedelta:
        """The shortest distance of two due moments, by the clock on the wall."""
        return _shortest_gap(self.expression)

    def following(self, moment: datetime) -> Iterator[datetime]:
        """Every due moment after this one, in UTC, as far as one asks."""
        zone = ZoneInfo(self.timezone)
        if len(CronSim(self.expression, _REFERENCE).hours) == len(range(24)):
            return _by_elapsed_time(self.expression, moment, zone)
        return _by_the_wall(self.expression, moment, zone)


def _by_the_wall(expression: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    last = moment
    for wall in CronSim(expression, moment.astimezone(zone).replace(tzinfo=None)):
        due = moment_of_wall(wall, zone)
        if due > last:
            yield due
            last = due


def _by_elapsed_time(expression: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """As if the clocks kept their offset, and anew with the next from where they change."""
    last, offset = moment, _offset(moment, zone)
    while True:
        wall = (last + offset).replace(tzinfo=None)
        for due in (found.replace(tzinfo=UTC) - offset for found in CronSim(expression, wall)):
            if _offset(due, zone) != offset:
                break
            yield due
            last = due
        else:
            return
        change = _first_change(last, due, zone)
        last, offset = change - _SECOND, _offset(change, zone)


def _first_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """A moment from which the clocks have another offset, of two that differ in it.

    Clocks change at whole seconds, so it is looked for at those alone.
    """
    before = before.replace(microsecond=0)
    offset = _offset(before, zone)
    seconds, most = 0, int((after - before).total_seconds())
    while most - seconds > 1:
        middle = (seconds + most) // 2
        if _offset(before + middle * _SECOND, zone) == offset:
            seconds = middle
        else:
            most = middle
    return before + most * _SECOND


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def moment_of_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of a zone first show a time, or the next that they show, in UTC."""
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += _MINUTE


def period_of(every: str, timezone: str) -> Period:
    """Read `hour`, `day`, `week`, `month` or a cron expression.

    Raises:
        InvalidInput: it is neither, is never due or too often, or there is no such time zone.
    """
    said = every.strip()[: _LONGEST_EXPRESSION + 1]
    expression = WORDS.get(said.lower(), said)
    _check_form(expression, said)
    _check_zone(timezone)
    try:
        gap = Period(expression, timezone).shortest_gap
    except CronSimError as damage:
        raise InvalidInput(
            f"{said!r} is no cron expression ({str(damage).lower()}), or names a day that no month "
            "has: its five fields are minute, hour, day of the month, month and day of the week"
        ) from None
    except (StopIteration, ValueError):
        raise InvalidInput(f"{said!r} is never due: no day is like that") from None
    if gap < LEAST_GAP:
        raise InvalidInput(
            f"{said!r} is due again after {readable_duration(gap)}: the least is "
            f"{readable_duration(LEAST_GAP)}"
        )
    return Period(expression, timezone)


@lru_cache(maxsize=4096)
def _first_after(period: Period, moment: datetime) -> datetime:
    return next(period.following(moment))


@lru_cache(maxsize=256)
def _shortest_gap(expression: str) -> timedelta:
    until = _REFERENCE + _LOOKED_OVER
    found = CronSim(expression, _REFERENCE)
    walls = [*islice(found, 2), *takewhile(lambda wall: wall < until, islice(found, _LOOKED_AT))]
    return min(later - earlier for earlier, later in pairwise(walls))


def _check_form(expression: str, said: str) -> None:
    fields = expression.split()
    if len(said) > _LONGEST_EXPRESSION or len(fields) != _FIELDS or expression.startswith("@"):
        number = f" of {len(fields)} fields" if len(fields) > 1 else ""
        raise InvalidInput(
            f"{said[:60]!r}{number} says no period: give {', '.join(WORDS)}, or a cron expression "
            "of five fields such as '0 3 * * 1-5'"
        )


def _check_zone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            f"there is no time zone {timezone[:60]!r}: write it as Europe/Berlin or UTC"
        ) from None
