"""When a job may run: what its sender asks, settled once when it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.carbon.grids.averages import YearlyAverages
from lichen.carbon.intensity import checked_zone
from lichen.control.interruptible import BY_KIND, interruption
from lichen.core.clock import parse_rfc3339, rfc3339
from lichen.core.durations import is_duration, parse_duration, readable_duration
from lichen.core.errors import InvalidInput, NotFound
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import Schedule, ScheduleRequest

FURTHEST = timedelta(days=30)
"""No deadline lies further ahead: neither the outlook nor the data of a job is good for longer."""
WITHOUT_DEADLINE = timedelta(hours=24)
"""What a green job that names no deadline has, and how long one that only says `earliest` is kept
to."""
HIGHEST_PRIORITY = 9
"""Priorities reach from minus this to this; 0 when nothing is said."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a job like this takes, by jobs on the same data by the same algorithm."""

    duration: timedelta
    basis: str


def settled(
    request: ScheduleRequest,
    kind: JobKind,
    now: datetime,
    zones: Sequence[str],
    expected: Expected | None = None,
) -> Schedule | None:
    """The schedule that a request asks for; None where the job is simply to run at once.

    A deadline alone makes a job green, `green` alone gives it 24 hours. One that is not green runs
    as soon as it may, and as there is room by priority.

    Args:
        request: what its sender asks.
        kind: of the job.
        now: when it is accepted.
        zones: where this platform has a worker.
        expected: how long it takes, where jobs like it have ended; None where nobody knows, and
            then a window that turns out too short makes the job run at once.

    Raises:
        InvalidInput: it cannot be; one sentence says what and what to do.
    """
    _check_interruptible(request, kind)
    _check_priority(request.priority)
    allowed = _zones(request.zones, zones, now)
    if request == ScheduleRequest(green=request.green) and not request.green:
        return None
    release = max(now, _moment("earliest", request.earliest, now) or now)
    if release - now >= FURTHEST:
        raise _too_far("earliest", _shown(release))
    stated = _moment("deadline", request.deadline, now)
    schedule = Schedule(
        release=release,
        deadline=min(release + WITHOUT_DEADLINE, now + FURTHEST) if stated is None else stated,
        green=stated is not None if request.green is None else request.green,
        interruptible=request.interruptible,
        priority=request.priority,
        zones=allowed,
    )
    _check_window(schedule, now, expected)
    return schedule


def _check_interruptible(request: ScheduleRequest, kind: JobKind) -> None:
    if request.interruptible and not interruption(kind, {}).is_possible:
        able = ", ".join(sorted(one for one, found in BY_KIND.items() if found.is_possible))
        raise InvalidInput(
            f"a job of kind {kind} keeps no checkpoints, so it cannot be interrupted: leave "
            f"`interruptible` out (those that can: {able})"
        )


def _check_priority(priority: int) -> None:
    if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise InvalidInput(
            f"priority {priority} is not usable: give a whole number from -{HIGHEST_PRIORITY} to "
            f"{HIGHEST_PRIORITY}, higher first"
        )


def _zones(asked: Sequence[str], here: Sequence[str], now: datetime) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(checked_zone(zone) for zone in asked))
    for code in codes:
        _check_known(code, here, now)
    if codes and not set(codes) & set(here):
        raise InvalidInput(
            f"this platform has no worker in {', '.join(codes)}, only in {', '.join(here)}: name "
            "that zone, or none"
        )
    return codes


def _check_known(code: str, here: Sequence[str], now: datetime) -> None:
    if code in here:
        return
    try:
        YearlyAverages().at(code, now)
    except NotFound:
        raise InvalidInput(
            f"zone {code!r} is unknown: `lichen zones --all` lists those there are"
        ) from None


def _moment(field: str, said: str | None, now: datetime) -> datetime | None:
    """A moment, or one so long from now."""
    if said is None:
        return None
    if is_duration(said):
        return _from_now(field, parse_duration(said), now)
    try:
        return parse_rfc3339(said)
    except ValueError:
        raise InvalidInput(
            f"{field} {said[:60]!r} is neither a duration nor a time: write 90min, 6h or 2d, or "
            "2026-01-31T06:00:00Z with its offset"
        ) from None


def _from_now(field: str, span: timedelta, now: datetime) -> datetime:
    try:
        return now + span
    except OverflowError:
        raise _too_far(field, readable_duration(span)) from None


def _too_far(field: str, said: str) -> InvalidInput:
    return InvalidInput(
        f"{field} {said} is over {FURTHEST.days} days ahead, further than anything is planned: "
        "give an earlier one"
    )


def _check_window(schedule: Schedule, now: datetime, expected: Expected | None) -> None:
    release, deadline = schedule.release, schedule.deadline
    if deadline <= now:
        raise InvalidInput(
            f"the deadline {_shown(deadline)} lies in the past: give one after {_shown(now)}"
        )
    if deadline <= release:
        raise InvalidInput(
            f"the deadline {_shown(deadline)} lies before the job may start, {_shown(release)}: "
            "give a later deadline or an earlier `earliest`"
        )
    if deadline - now > FURTHEST:
        raise _too_far("deadline", _shown(deadline))
    window = deadline - release
    if expected is not None and expected.duration > window:
        raise InvalidInput(
            f"the job takes {readable_duration(expected.duration)} ({expected.basis}), longer "
            f"than the {readable_duration(window)} from {_shown(release)} to its deadline: give a "
            "later deadline, or none to run it at once"
        )


def _shown(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))
