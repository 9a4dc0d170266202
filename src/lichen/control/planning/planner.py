"""The one door of the planner: workloads, outlooks and places in, a plan out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.alone import Choice, Reason, choose_each_alone
from lichen.control.planning.course import Course, course_of, unknown_course
from lichen.control.planning.need import MICROSECOND, Need, need_of
from lichen.control.planning.option import Option, option_of
from lichen.control.planning.places import holds, pooled
from lichen.control.planning.plan import Intention, Method, Plan, Segment
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.timetable import Timetable
from lichen.control.planning.together import choose_together
from lichen.control.planning.waiting import Prospect
from lichen.control.planning.wording import why
from lichen.control.planning.workload import Site, Workload

DEFAULT_POLICY = PlanPolicy()


def plan(
    workloads: Sequence[Workload],
    outlooks: Mapping[str, Ensemble],
    sites: Sequence[Site],
    now: datetime,
    policy: PlanPolicy = DEFAULT_POLICY,
) -> Plan:
    """When and where each job is to run; pure: the same arguments give the same plan.

    A job of which no zone has an outlook runs at once. An outlook that ends before a deadline is
    lengthened by repeating its last day, and a remark says so.

    Args:
        workloads: what is left of each unfinished job, in any order, each with an id of its own.
        outlooks: by zone; a zone that is missing is one of which nothing is known.
        sites: the places where jobs run.
        now: the plan holds from here on.
        policy: the knobs.
    """
    needs = [need_of(one, now) for one in workloads]
    if not needs:
        return Plan(now, Method.EXACT, ())
    courses = _courses(needs, outlooks, sites, now)
    prospects: dict[str, dict[int, Prospect]] = {zone: {} for zone in courses}
    options = {
        one.workload.id: [
            option_of(one, courses[zone], policy, prospects[zone])
            for zone in _zones_of(one.workload, courses, sites)
        ]
        for one in needs
    }
    alone = choose_each_alone(needs, options, policy)
    method, choices = _in_places(alone, options, sites, policy)
    return Plan(
        made_at=now,
        method=method,
        intentions=tuple(_intention(one, options[one.need.workload.id], now) for one in choices),
        remarks=_remarks(courses, now),
    )


def _courses(
    needs: Sequence[Need],
    outlooks: Mapping[str, Ensemble],
    sites: Sequence[Site],
    now: datetime,
) -> dict[str, Course]:
    until = now + max(max(one.due, one.at_once[1]) for one in needs) * MICROSECOND
    zones = dict.fromkeys(site.zone for site in sites)
    known = {
        zone for zone in zones if zone in outlooks and np.isfinite(outlooks[zone].members).all()
    }
    return {
        zone: course_of(outlooks[zone], now, until) if zone in known else unknown_course(zone)
        for zone in zones
    }


def _zones_of(
    workload: Workload, courses: Mapping[str, Course], sites: Sequence[Site]
) -> list[str]:
    """Where it fits: zones with an outlook, or if there is none the first without."""
    able = {site.zone for site in sites if holds(site, workload)}
    wanted = [zone for zone in workload.zones or courses if zone in able]
    if workload.running_in in wanted and not workload.interruptible:
        return [workload.running_in]
    known = [zone for zone in wanted if courses[zone].is_known]
    if workload.running_in in wanted and workload.running_in not in known:
        return [workload.running_in]
    return known or wanted[:1]


def _in_places(
    alone: Sequence[Choice],
    options: Mapping[str, Sequence[Option]],
    sites: Sequence[Site],
    policy: PlanPolicy,
) -> tuple[Method, list[Choice]]:
    """The choices as they are if the places hold them all, else choices made together."""
    placeable = [one for one in alone if one.option is not None]
    pool = pooled(sites, [one.need.workload for one in placeable])
    if _fit(placeable, pool):
        return Method.EXACT, list(alone)
    needs = [one.need for one in placeable]
    able = {one.workload.id: options[one.workload.id] for one in needs}
    method, timetable = choose_together(needs, able, pool, policy)
    return method, [_together(one, timetable) for one in alone]


def _fit(choices: Sequence[Choice], sites: Sequence[Site]) -> bool:
    """Whether the places hold all that each would choose by itself."""
    timetable = Timetable(sites)
    for one in sorted(choices, key=lambda choice: (not choice.need.is_fixed, choice.spans[0])):
        if one.option is None:
            continue
        placed = timetable.fitting(one.option, one.spans)
        if placed is None:
            return False
        timetable.put(placed)
    return True


def _together(alone: Choice, timetable: Timetable) -> Choice:
    """The choice made together, with the reason it has alone if it is the same."""
    placed = timetable.placed.get(alone.need.workload.id)
    if placed is None or (placed.option is alone.option and placed.spans == alone.spans):
        return alone
    reason = Reason.CROWDED if placed.late else Reason.CLEANER
    return Choice(alone.need, placed.option, placed.spans, reason)


def _intention(choice: Choice, options: Sequence[Option], now: datetime) -> Intention:
    expected = low = high = at_once = None
    if choice.option is not None and choice.option.course.is_known:
        grams = choice.option.grams_of(choice.spans)
        expected = float(grams.mean())
        low, high = (float(one) for one in np.quantile(grams, (0.1, 0.9)))
        at_once = min(one.expected_g((choice.need.at_once,)) for one in options)
    return Intention(
        job_id=choice.need.workload.id,
        zone="" if choice.option is None else choice.option.zone,
        segments=tuple(
            Segment(now + start * MICROSECOND, now + end * MICROSECOND)
            for start, end in choice.spans
        ),
        expected_g=expected,
        low_g=low,
        high_g=high,
        at_once_g=at_once,
        why=why(choice, now, at_once, expected),
        is_late=bool(choice.spans) and choice.spans[-1][1] > choice.need.due,
    )


def _remarks(courses: Mapping[str, Course], now: datetime) -> tuple[str, ...]:
    ends = {
        one.zone: now + one.repeats_from * MICROSECOND
        for one in courses.values()
        if one.repeats_from is not None
    }
    return tuple(
        f"the outlook of {zone} ends {end:%a %d %b %H:%M} UTC; beyond, its last day is repeated"
        for zone, end in ends.items()
    )
