"""By when jobs that share few places must start, so that all of them are done in time at worst."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import heapreplace

from lichen.control.agenda import Known, due, is_shiftable
from lichen.protocol.admin import JobState

_MICROSECOND = timedelta(microseconds=1)


def sharing(known: Sequence[Known], places: int) -> Sequence[Known]:
    """The jobs, of which each that can wait leaves time for those that must run after it.

    From the last deadline back, each takes the place that is needed latest, and ends before it is
    needed: started then, the earliest deadline first, none is late if all take as long as they may.

    Args:
        known: unfinished jobs.
        places: how many run at a time.
    """
    waiting = sorted((one for one in known if is_shiftable(one.job)), key=_turn, reverse=True)
    if not waiting:
        return known
    last = due(waiting[0])
    needed_before = [0] * places  # microseconds before the last deadline; the least comes first
    starts: dict[str, datetime] = {}
    for one in waiting:
        own = (last - due(one)) // _MICROSECOND
        ends_before = max(own, needed_before[0])
        starts_before = ends_before + one.rest.at_worst // _MICROSECOND
        heapreplace(needed_before, starts_before)
        if ends_before > own:
            starts[one.job.id] = _moment(one, last, starts_before)
    return [replace(one, starts_by=starts.get(one.job.id)) for one in known]


def _turn(one: Known) -> tuple[datetime, bool]:
    """By the deadline, and of one deadline what runs already before what waits."""
    return due(one), one.job.state is not JobState.RUNNING


def _moment(one: Known, last: datetime, before: int) -> datetime:
    """So many microseconds before the last deadline, but not before it may run at all."""
    schedule = one.job.schedule
    assert schedule is not None  # noqa: S101 - only jobs that can wait are asked for
    window = (last - schedule.release) // _MICROSECOND
    return last - min(before, window) * _MICROSECOND
