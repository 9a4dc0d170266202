"""The planner: how long a plan takes, how it was found, and how far from the optimum it is.

Run as `python benchmarks/planning.py`. 200 jobs over 7 days of half-hours (336 steps), with
releases, deadlines and durations to the minute; times are CPU seconds of one core, the best of
three. The bound is the optimum of the same jobs if all could pause for nothing, so a gap of jobs
that cannot pause is partly their own. Targets: a plan within 1 s, the first decision of many within
40 microseconds a job.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import process_time

import numpy as np

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.immediate import first_segments
from lichen.control.planning.plan import Plan
from lichen.control.planning.planner import plan
from lichen.control.planning.policy import PlanPolicy
from lichen.control.planning.workload import Site, Workload

NOW = datetime(2026, 3, 2, 9, 7, tzinfo=UTC)
STEP = timedelta(minutes=30)
STEPS, JOBS, MEMBERS = 336, 200, 50
PLAN_TARGET_S, DECISION_TARGET_US = 1.0, 40.0
PATIENT = PlanPolicy(program_limit_s=120, fine_variables=10**9)
misses: list[str] = []


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of week: how many cores there are, and which jobs."""

    name: str
    cores: int
    block_share: float = 0.0
    mixed: bool = False
    pause_cost_j: float = 0.0


CASES = (
    Case("capacity does not bind", 200),
    Case("the same, a pause costs 50 kJ", 200, pause_cost_j=5e4),
    Case("the same, none can pause", 200, block_share=1.0),
    Case("capacity binds", 26),
    Case("the same, a pause costs 50 kJ", 26, pause_cost_j=5e4),
    Case("the same, 1 to 4 cores a job", 52, mixed=True),
    Case("the same, half cannot pause", 26, block_share=0.5),
    Case("the same, none can pause", 26, block_share=1.0),
    Case("more work than places", 15),
)


def outlook(members: int) -> Ensemble:
    """A made-up grid with days, a week and noise."""
    rng = np.random.default_rng(1)
    step = np.arange(STEPS)
    day, week = np.sin(2 * np.pi * (step - 10) / 48), np.sin(2 * np.pi * step / STEPS)
    courses = 400 + 150 * day + 60 * week + rng.normal(0, 20, (members, STEPS))
    return Ensemble("DE", NOW, NOW.replace(minute=0), STEP, courses, "made up")


def jobs(case: Case) -> list[Workload]:
    """The week's jobs."""
    rng = np.random.default_rng(2)
    made = []
    for number in range(JOBS):
        duration = timedelta(minutes=int(rng.integers(60, 1500)))
        release = NOW + timedelta(minutes=int(rng.integers(0, 3000)))
        room = duration * 1.3 + timedelta(minutes=int(rng.integers(100, 6000)))
        job = Workload(
            id=f"job {number}",
            release=release,
            deadline=min(release + room, NOW + timedelta(days=6.9)),
            duration=duration,
            power_w=float(rng.uniform(20, 300)),
            interruptible=bool(rng.random() >= case.block_share),
            pause_cost_j=case.pause_cost_j,
            cores=int(rng.integers(1, 5)) if case.mixed else 1,
        )
        made.append(job)
    return made


def grams(made: Plan) -> float:
    """Expected of all jobs together."""
    return sum(one.expected_g or 0.0 for one in made.intentions)


def timed(
    workloads: Sequence[Workload], sites: Sequence[Site], course: Ensemble
) -> tuple[Plan, float]:
    """A plan, and the CPU seconds that the quickest of three took."""
    seconds = []
    for _ in range(3):
        begun = process_time()
        made = plan(workloads, {"DE": course}, sites, NOW)
        seconds.append(process_time() - begun)
    return made, min(seconds)


def print_case(case: Case, course: Ensemble) -> None:
    """One line of the table."""
    workloads, sites = jobs(case), [Site("DE", case.cores)]
    made, seconds = timed(workloads, sites, course)
    at_once = sum(one.at_once_g or 0.0 for one in made.intentions)
    free = [replace(one, interruptible=True, pause_cost_j=0.0) for one in workloads]
    late = sum(one.is_late for one in made.intentions)
    bound = plan(free, {"DE": course}, sites, NOW, PATIENT)
    gap = "" if late else f"{100 * (grams(made) / grams(bound) - 1):.2f} %"
    print(
        f"{case.name:<32}{case.cores:>6}{made.method.value:>11}{seconds:>8.2f}"
        f"{100 * (1 - grams(made) / at_once):>9.1f} %{gap:>12}{late:>6}"
    )
    if seconds > PLAN_TARGET_S:
        misses.append(f"{case.name}, {case.cores} cores: {seconds:.2f} s for a plan")


def print_decisions() -> None:
    """How long the first decisions take, many at a time."""
    course, policy = outlook(MEMBERS), PlanPolicy()
    for pauses, name in (
        (0.0, "pause freely"),
        (5e4, "a pause costs 50 kJ"),
        (None, "cannot pause"),
    ):
        waiting = [
            replace(
                one,
                release=NOW,
                deadline=NOW + timedelta(hours=30 + number % 8),
                interruptible=pauses is not None,
                pause_cost_j=pauses or 0.0,
            )
            for number, one in enumerate(jobs(CASES[0]))
        ]
        seconds = []
        for _ in range(3):
            begun = process_time()
            first_segments(waiting, {"DE": course}, NOW, policy)
            seconds.append(process_time() - begun)
        each = min(seconds) / len(waiting) * 1e6
        print(f"first decision, {MEMBERS} courses, {name:<24}{each:>8.0f} us a job")
        if pauses == 0.0 and each > DECISION_TARGET_US:
            misses.append(f"first decision: {each:.0f} us a job")


def main() -> int:
    """Print the tables; the number of targets missed is the exit code."""
    print(f"{JOBS} jobs, {STEPS} steps")
    head = f"{'case':<32}{'cores':>6}{'method':>11}{'CPU s':>8}{'saved':>11}"
    print(f"{head}{'over bound':>12}{'late':>6}")
    course = outlook(1)
    for case in CASES:
        print_case(case, course)
    print()
    print_decisions()
    for miss in misses:
        print(f"missed: {miss}")
    return len(misses)


if __name__ == "__main__":
    sys.exit(main())
