"""Jobs that want one place: who gets it, who is late, and what is said."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.plan import Intention, Method, Plan
from lichen.control.planning.planner import plan
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.workload import Site, Workload

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
QUICK = PlanPolicy(program_limit_s=0)
PATIENT = PlanPolicy(program_limit_s=30)
COURSE = [400.0, 100.0, 300.0, 200.0, 350.0, 350.0, 350.0, 350.0]


def at(steps: float) -> datetime:
    return NOW + steps * HALF_HOUR


def job(
    name: str, *, steps: float = 1, deadline: float | datetime = 8, **others: object
) -> Workload:
    values: dict[str, object] = {
        "id": name,
        "release": NOW,
        "deadline": deadline if isinstance(deadline, datetime) else at(deadline),
        "duration": steps * HALF_HOUR,
        "power_w": 1000.0,
        **others,
    }
    return Workload(**values)  # type: ignore[arg-type]


def planned(
    *jobs: Workload, sites: tuple[Site, ...] = (Site("DE", 1),), quick: bool = False
) -> Plan:
    outlook = Ensemble("DE", NOW, NOW, HALF_HOUR, np.array([COURSE]), "test")
    return plan(jobs, {"DE": outlook}, sites, NOW, QUICK if quick else PATIENT)


def spans(made: Plan, name: str) -> list[tuple[float, float]]:
    found = made.of(name)
    assert isinstance(found, Intention)
    return [((one.start - NOW) / HALF_HOUR, (one.end - NOW) / HALF_HOUR) for one in found.segments]


def test_the_cleanest_step_goes_to_the_job_that_gains_most_from_it() -> None:
    made = planned(job("small", power_w=100.0), job("large", power_w=900.0))
    assert made.method is Method.PROGRAM
    assert spans(made, "large") == [(1, 2)]
    assert spans(made, "small") == [(3, 4)]


@pytest.mark.parametrize("quick", [False, True])
def test_a_job_with_time_to_spare_makes_way_for_one_without(*, quick: bool) -> None:
    made = planned(job("spare"), job("tight", deadline=2, release=at(1)), quick=quick)
    assert made.method is (Method.HEURISTIC if quick else Method.PROGRAM)
    assert spans(made, "tight") == [(1, 2)]
    assert spans(made, "spare") == [(3, 4)]


@pytest.mark.parametrize("quick", [False, True])
def test_with_more_work_than_places_the_less_important_job_is_late_and_says_so(
    *, quick: bool
) -> None:
    made = planned(
        job("low", steps=2, deadline=2), job("high", steps=2, deadline=2, priority=3), quick=quick
    )
    low, high = made.intentions
    assert spans(made, "high") == [(0, 2)]
    assert spans(made, "low") == [(2, 4)]
    assert (low.is_late, high.is_late) == (True, False)
    assert "late: other jobs hold every place before that" in low.why


@pytest.mark.parametrize("quick", [False, True])
def test_a_job_that_no_place_can_hold_hinders_none_of_those_that_compete(*, quick: bool) -> None:
    late = [job(name, steps=2, deadline=2) for name in ("one", "two")]
    made = planned(*late, job("elsewhere", zones=("FR",)), quick=quick)
    assert made.method is Method.HEURISTIC
    assert sorted([spans(made, "one"), spans(made, "two")]) == [[(0, 2)], [(2, 4)]]
    assert spans(made, "elsewhere") == []


def test_short_jobs_that_cannot_pause_share_the_cleanest_step() -> None:
    names = ("a", "b", "c", "d")
    made = planned(*(job(name, steps=0.01) for name in names))
    begins = sorted(start for name in names for start, _ in spans(made, name))
    assert begins[0] >= 1
    assert begins[-1] <= 1.99


def test_a_job_that_waits_for_a_place_only_says_that() -> None:
    made = planned(job("first", steps=8, running_in="DE"), job("second", deadline=20))
    assert spans(made, "first") == [(0, 8)]
    assert spans(made, "second")[0][0] >= 8


def test_a_job_over_its_budget_gets_the_cheaper_time() -> None:
    made = planned(
        job("rich", power_w=1001.0), job("poor", power_w=1000.0, budget_g=60.0), job("third")
    )
    assert spans(made, "poor") == [(1, 2)]


def test_memory_is_a_limit_as_cores_are() -> None:
    sites = (Site("DE", 8, 4 * 2**30),)
    made = planned(
        job("a", memory_bytes=3 * 2**30),
        job("b", memory_bytes=2 * 2**30, power_w=900.0),
        sites=sites,
    )
    assert (spans(made, "a"), spans(made, "b")) == ([(1, 2)], [(3, 4)])


def test_a_job_does_not_get_cores_of_two_workers() -> None:
    sites = (Site("DE", 2), Site("DE", 2))
    jobs = [job(name, cores=cores) for name, cores in (("a", 2), ("b", 1), ("c", 1), ("d", 2))]
    made = planned(*jobs, sites=sites)
    assert sorted(spans(made, one.id)[0] for one in jobs) == [(1, 2), (1, 2), (1, 2), (3, 4)]


def test_parts_of_steps_are_shared_so_that_nobody_runs_twice_at_a_time() -> None:
    jobs = [job(name, steps=2 / 3, deadline=1, interruptible=True) for name in ("a", "b", "c")]
    made = planned(*jobs, sites=(Site("DE", 2),))
    assert not any(one.is_late for one in made.intentions)
    assert sum(len(one.segments) for one in made.intentions) == 4


def test_the_zone_with_a_free_place_takes_what_the_cleaner_one_cannot_hold() -> None:
    outlooks = {
        zone: Ensemble(zone, NOW, NOW, HALF_HOUR, np.array([[grams] * 4]), "test")
        for zone, grams in (("DE", 300.0), ("FR", 100.0))
    }
    jobs = [job(name, steps=4, deadline=4, interruptible=True) for name in ("a", "b")]
    made = plan(jobs, outlooks, (Site("DE", 1), Site("FR", 1)), NOW, PATIENT)
    assert sorted(one.zone for one in made.intentions) == ["DE", "FR"]
    assert not any(one.is_late for one in made.intentions)


def test_jobs_of_an_unknown_zone_take_turns_as_soon_as_they_can() -> None:
    jobs = [job(name, steps=1) for name in ("a", "b")]
    made = plan(jobs, {}, (Site("XX", 1),), NOW, PATIENT)
    assert sorted(spans(made, one.id)[0] for one in jobs) == [(0, 1), (1, 2)]
    assert all(one.expected_g is None for one in made.intentions)


def test_jobs_that_begin_after_all_that_is_foreseen_take_turns_then() -> None:
    far = 40 * 48
    jobs = [job(name, release=at(far), deadline=at(far + 9)) for name in ("a", "b")]
    made = planned(*jobs)
    assert sorted(spans(made, one.id)[0] for one in jobs) == [(far, far + 1), (far + 1, far + 2)]


def test_without_the_solver_jobs_are_put_down_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    for name in ("lichen.optimise.program", "lichen.control.planning.contest"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delitem(sys.modules, "lichen.control.planning.joint", raising=False)
    made = planned(job("a"), job("b", deadline=2, release=at(1)))
    assert made.method is Method.HEURISTIC
    assert (spans(made, "a"), spans(made, "b")) == ([(3, 4)], [(1, 2)])


def test_the_solver_is_not_loaded_before_jobs_compete() -> None:
    code = "import sys, lichen.control.planning.planner; print('highspy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def odd_jobs(count: int, **others: object) -> list[Workload]:
    """Jobs whose times are on no border of a step."""
    return [
        job(
            f"odd {number}",
            steps=1.3,
            release=at(0.1 * number),
            deadline=at(14.35 + 0.1 * number),
            interruptible=True,
            **others,
        )
        for number in range(count)
    ]


def test_a_large_program_leaves_out_parts_of_steps_and_hardly_loses_by_it() -> None:
    outlook = Ensemble("DE", NOW, NOW, HALF_HOUR, np.array([COURSE * 2]), "test")
    sites, jobs = (Site("DE", 2),), odd_jobs(8)
    fine = plan(jobs, {"DE": outlook}, sites, NOW, PATIENT)
    coarse_policy = PlanPolicy(program_limit_s=30, fine_variables=0)
    coarse = plan(jobs, {"DE": outlook}, sites, NOW, coarse_policy)
    grams = [sum(one.expected_g or 0 for one in made.intentions) for made in (fine, coarse)]
    assert fine.method is Method.PROGRAM
    assert grams[0] <= grams[1] <= 1.1 * grams[0]
    assert not any(one.is_late for one in coarse.intentions)


@pytest.mark.parametrize("limit_s", [0.0, 1e-6, 30.0])
def test_on_many_workers_each_job_stays_within_one(limit_s: float) -> None:
    outlook = Ensemble("DE", NOW, NOW, HALF_HOUR, np.array([COURSE * 2]), "test")
    sites = [Site("DE", 3)] * 20
    jobs = [*odd_jobs(20, cores=2), *(job(f"b{n}", steps=12, cores=1) for n in range(20))]
    jobs = [replace(one, deadline=at(15)) for one in jobs]
    made = plan(jobs, {"DE": outlook}, sites, NOW, PlanPolicy(program_limit_s=limit_s))
    assert not any(one.is_late for one in made.intentions)
    ends = [
        (moment, sign)
        for one, intention in zip(jobs, made.intentions, strict=True)
        if one.cores == 2
        for part in intention.segments
        for moment, sign in ((part.start, 1), (part.end, -1))
    ]
    assert max(np.cumsum([sign for _, sign in sorted(ends)])) <= 20
