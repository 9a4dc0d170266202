"""Laws of the planner: what every plan keeps to, held against all there is to choose from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.course import course_of
from lichen.control.planning.immediate import first_segments
from lichen.control.planning.need import need_of
from lichen.control.planning.option import option_of
from lichen.control.planning.plan import Intention, Method, Plan, Segment
from lichen.control.planning.planner import plan
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.together import choose_together
from lichen.control.planning.workload import Site, Workload

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEP = timedelta(minutes=30)
UNIT = STEP / 4
"""Releases, deadlines and durations are whole numbers of it, so that all plans can be listed."""
STEPS = 5
UNITS = 4 * STEPS
POLICY = PlanPolicy()
LONG = PlanPolicy(program_limit_s=30)
AT_ONCE = PlanPolicy(program_limit_s=0)
intensities = st.integers(10, 500).map(float)


def at(units: float) -> datetime:
    return NOW + units * UNIT


def outlook(courses: Sequence[Sequence[float]], zone: str = "DE", begun: int = 0) -> Ensemble:
    """Courses whose first step began so many units ago."""
    members = np.array(courses, dtype=np.float64)
    return Ensemble(zone, NOW, NOW - begun * UNIT, STEP, members, "test")


@st.composite
def jobs(draw: st.DrawFn, number: int = 0, *, longest: int = 8) -> Workload:
    work = draw(st.integers(1, longest))
    release = draw(st.integers(0, 6))
    deadline = draw(st.integers(release + work, UNITS - 3))
    return Workload(
        id=f"job {number}",
        release=at(release),
        deadline=at(deadline),
        duration=work * UNIT,
        power_w=1000.0,
        interruptible=draw(st.booleans()),
        cores=draw(st.sampled_from((1, 1, 2))),
        priority=draw(st.sampled_from((0, 0, 5))),
    )


points = st.lists(intensities, min_size=STEPS, max_size=STEPS)
ensembles = st.lists(points, min_size=2, max_size=4)


def units(segments: Sequence[Segment]) -> list[int]:
    """The units that the segments run in; they have to begin and end on units."""
    found = [
        unit
        for one in segments
        for unit in range(round((one.start - NOW) / UNIT), round((one.end - NOW) / UNIT))
    ]
    assert [at(unit) for unit in found] == [at(unit) for unit in sorted(set(found))]
    return found


def price(course: Sequence[float], unit: int, begun: int) -> float:
    return course[(unit + begun) // 4]


def grams(job: Workload, course: Sequence[float], begun: int, chosen: Sequence[int]) -> float:
    """As written down in words: energy at its time's intensity, and each resume at its own."""
    hours = UNIT / timedelta(hours=1)
    running = sum(price(course, unit, begun) * hours * job.power_w / 1000 for unit in chosen)
    resumes = [two for one, two in pairwise(chosen) if two > one + 1]
    if job.running_in is not None and chosen[0] > 0:
        resumes.append(chosen[0])
    pauses = sum(price(course, unit, begun) * job.pause_cost_j / 3.6e6 for unit in resumes)
    return running + pauses


def all_ways(job: Workload) -> Iterator[tuple[int, ...]]:
    """Every way through a job on whole units."""
    first, last = round((job.release - NOW) / UNIT), round((job.deadline - NOW) / UNIT)
    work = round(job.duration / UNIT)
    if job.interruptible:
        yield from combinations(range(first, last), work)
        return
    yield from (tuple(range(start, start + work)) for start in range(first, last - work + 1))


def alone(job: Workload, *outlooks: Ensemble) -> Intention:
    sites = [Site(one.zone, 2) for one in outlooks]
    made = plan([job], {one.zone: one for one in outlooks}, sites, NOW, POLICY)
    assert made.method is Method.EXACT
    return made.intentions[0]


def known(value: float | None) -> float:
    assert value is not None
    return value


@settings(max_examples=80, deadline=None)
@given(
    jobs(longest=5),
    points,
    st.integers(0, 3),
    st.sampled_from((0.0, 1e4, 1e5, 1e6)),
    st.sampled_from((None, "DE")),
)
def test_a_job_alone_gets_the_best_of_all_ways(
    job: Workload, course: list[float], begun: int, pause_j: float, running: str | None
) -> None:
    is_running = running if job.interruptible and job.release == NOW else None
    full = replace(job, pause_cost_j=pause_j, running_in=is_running)
    found = alone(full, outlook([course], begun=begun))
    best = min(grams(full, course, begun, way) for way in all_ways(full))
    assert known(found.expected_g) == pytest.approx(best)
    assert grams(full, course, begun, units(found.segments)) == pytest.approx(best)


@settings(max_examples=50, deadline=None)
@given(jobs(), points, points, st.integers(0, 6))
def test_more_freedom_never_costs_more_under_perfect_foresight(
    job: Workload, course: list[float], other: list[float], more: int
) -> None:
    here, there = outlook([course]), outlook([other], "FR")
    base = known(alone(job, here).expected_g)
    freer = (
        replace(job, deadline=job.deadline + more * UNIT),
        replace(job, release=max(NOW, job.release - more * UNIT)),
        replace(job, interruptible=True),
    )
    for freed in freer:
        assert known(alone(freed, here).expected_g) <= base * (1 + 1e-9)
    assert known(alone(job, here, there).expected_g) <= base * (1 + 1e-9)


@settings(max_examples=50, deadline=None)
@given(jobs(), ensembles, st.floats(0, 1), st.integers(0, 3))
def test_the_first_decision_of_many_is_that_of_the_plan(
    job: Workload, courses: list[list[float]], weight: float, begun: int
) -> None:
    policy = PlanPolicy(foresight_weight=weight)
    outlooks = {"DE": outlook(courses, begun=begun)}
    made = plan([job], outlooks, [Site("DE", 2)], NOW, policy).intentions[0].segments[0]
    step_ends = at(4 - begun)
    expected = None if made.start >= step_ends else made
    if expected is not None and job.interruptible:
        expected = Segment(made.start, min(made.end, step_ends))
    assert first_segments([job], outlooks, NOW, policy) == (expected,)


@settings(max_examples=50, deadline=None)
@given(jobs(), ensembles, st.floats(0, 1))
def test_no_job_is_expected_to_emit_more_than_at_once(
    job: Workload, courses: list[list[float]], weight: float
) -> None:
    policy = PlanPolicy(foresight_weight=weight)
    made = plan([job], {"DE": outlook(courses)}, [Site("DE", 2)], NOW, policy).intentions[0]
    assert known(made.expected_g) <= known(made.at_once_g) * (1 + 1e-9)
    assert known(made.low_g) <= known(made.high_g)


crowds = st.integers(2, 6).flatmap(
    lambda count: st.tuples(*(jobs(number) for number in range(count)))
)


@settings(max_examples=60, deadline=None)
@given(crowds, points, points, st.sampled_from(([("DE", 2)], [("DE", 2), ("DE", 3), ("FR", 2)])))
def test_no_plan_exceeds_a_place_or_splits_the_work_wrongly(
    crowd: tuple[Workload, ...],
    course: list[float],
    other: list[float],
    places: list[tuple[str, int]],
) -> None:
    sites = [Site(*one) for one in places]
    made = plan(crowd, {"DE": outlook([course]), "FR": outlook([other], "FR")}, sites, NOW, POLICY)
    for job, one in zip(crowd, made.intentions, strict=True):
        assert sum((part.end - part.start for part in one.segments), timedelta()) == job.duration
        assert one.segments[0].start >= job.release
        assert all(before.end < after.start for before, after in pairwise(one.segments))
        assert one.is_late == (one.segments[-1].end > job.deadline)
        assert job.interruptible or len(one.segments) == 1
    for zone in ("DE", "FR"):
        most = sum(site.cores for site in sites if site.zone == zone)
        assert peak(crowd, made, zone) <= most


@st.composite
def small_crowds(draw: st.DrawFn) -> tuple[Workload, ...]:
    """Two or three jobs on whole steps."""
    made = []
    for number in range(draw(st.integers(2, 3))):
        work = draw(st.integers(1, 3))
        release = draw(st.integers(0, STEPS - work))
        deadline = draw(st.integers(release + work, STEPS))
        job = Workload(
            id=f"job {number}",
            release=at(4 * release),
            deadline=at(4 * deadline),
            duration=work * STEP,
            power_w=draw(st.sampled_from((500.0, 1000.0))),
            interruptible=draw(st.booleans()),
            cores=draw(st.sampled_from((1, 2))),
        )
        made.append(job)
    return tuple(made)


def ways_in_steps(job: Workload) -> list[tuple[int, ...]]:
    """Every way through a job on whole steps."""
    first, last = round((job.release - NOW) / STEP), round((job.deadline - NOW) / STEP)
    work = round(job.duration / STEP)
    if job.interruptible:
        return list(combinations(range(first, last), work))
    return [tuple(range(start, start + work)) for start in range(first, last - work + 1)]


def best_together(crowd: Sequence[Workload], course: Sequence[float], cores: int) -> float | None:
    """The least grams of all ways through all jobs that fit; None where none does."""
    best: float | None = None
    for ways in product(*(ways_in_steps(job) for job in crowd)):
        in_use = [0] * STEPS
        for job, way in zip(crowd, ways, strict=True):
            for step in way:
                in_use[step] += job.cores
        if max(in_use) > cores:
            continue
        total = sum(
            sum(course[step] for step in way) * job.power_w * 0.5 / 1000
            for job, way in zip(crowd, ways, strict=True)
        )
        best = total if best is None else min(best, total)
    return best


@settings(max_examples=80, deadline=None)
@given(small_crowds(), points, st.integers(2, 3))
def test_jobs_together_get_the_best_of_all_ways_and_meet_every_deadline_that_can_be_met(
    crowd: tuple[Workload, ...], course: list[float], cores: int
) -> None:
    made = plan(crowd, {"DE": outlook([course])}, [Site("DE", cores)], NOW, LONG)
    best = best_together(crowd, course, cores)
    if best is None:
        return
    assert not any(one.is_late for one in made.intentions)
    total = sum(known(one.expected_g) for one in made.intentions)
    assert total <= best * 1.001 or made.method is Method.HEURISTIC


@settings(max_examples=40, deadline=None)
@given(small_crowds(), points)
def test_the_heuristic_meets_every_deadline_that_can_be_met_where_one_job_runs_at_a_time(
    crowd: tuple[Workload, ...], course: list[float]
) -> None:
    single = tuple(replace(job, cores=1, interruptible=True) for job in crowd)
    made = plan(single, {"DE": outlook([course])}, [Site("DE", 1)], NOW, AT_ONCE)
    if best_together(single, course, 1) is not None:
        assert not any(one.is_late for one in made.intentions)


@settings(max_examples=40, deadline=None)
@given(crowds, points)
def test_the_program_finds_what_each_finds_alone_where_nothing_binds(
    crowd: tuple[Workload, ...], course: list[float]
) -> None:
    needs = [need_of(job, NOW) for job in crowd]
    outlooks = {"DE": outlook([course])}
    exact = plan(crowd, outlooks, [Site("DE", 100)], NOW, LONG)
    assert exact.method is Method.EXACT
    zone = course_of(outlooks["DE"], NOW, at(UNITS))
    options = {one.workload.id: [option_of(one, zone, POLICY, {})] for one in needs}
    method, timetable = choose_together(needs, options, [Site("DE", 100)], LONG)
    assert method is Method.PROGRAM
    total = sum(one.planned_g for one in timetable.placed.values())
    assert total == pytest.approx(sum(known(one.expected_g) for one in exact.intentions), rel=2e-3)


def peak(crowd: Sequence[Workload], made: Plan, zone: str) -> int:
    """The most cores that are in use in a zone at any moment."""
    changes = sorted(
        (moment, sign * job.cores)
        for job, one in zip(crowd, made.intentions, strict=True)
        if one.zone == zone
        for part in one.segments
        for moment, sign in ((part.start, 1), (part.end, -1))
    )
    return int(max(np.cumsum([cores for _, cores in changes]), default=0))
