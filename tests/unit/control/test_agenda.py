"""What the planner is asked: what is left of each job, and by when it must start."""

from datetime import UTC, datetime, timedelta

from lichen.control.agenda import Known, Progressed, margin, must_start_by, workloads
from lichen.control.expectations import Expectation, Spread
from lichen.control.planning.workload import checked_workload
from lichen.control.transitions import JobRecord
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.scheduling import Schedule

NOW = datetime(2026, 6, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
KNOWN = Expectation(
    seconds=Spread(3600, 3000, 4200),
    joules=Spread(36000, 30000, 42000),
    cpu_seconds=None,
    longest=2 * HOUR,
    pause_j=5.0,
    basis="a test",
    is_known=True,
)


def job(name: str, schedule: Schedule | None = None, **more: object) -> JobRecord:
    made = {"id": name, "kind": JobKind.TRAIN, "spec": {}, "tenant": "t", "created_at": NOW}
    return JobRecord(schedule=schedule, **{**made, **more})  # type: ignore[arg-type]


def window(hours: float = 12, **more: object) -> Schedule:
    said = {"release": NOW, "deadline": NOW + hours * HOUR, **more}
    return Schedule(**said)  # type: ignore[arg-type]


def test_a_workload_is_what_is_expected_of_the_job() -> None:
    schedule = window(interruptible=True, priority=3, zones=("DE",))
    (found,) = workloads([Known(job("a", schedule), KNOWN)], "DE", NOW, {"a": 7.0})
    assert (found.duration, found.at_worst, found.power_w) == (HOUR, 2 * HOUR, 10.0)
    assert (found.interruptible, found.priority, found.zones) == (True, 3, ("DE",))
    assert (found.pause_cost_j, found.budget_g, found.running_in) == (5.0, 7.0, None)
    assert found.deadline == schedule.deadline - margin(job("a", schedule))


def test_what_waits_for_a_budget_is_not_released_before() -> None:
    waiting = job("a", window(), not_before=NOW + 3 * HOUR)
    (found,) = workloads([Known(waiting, KNOWN)], "DE", NOW, {})
    assert found.release == NOW + 3 * HOUR


def test_what_runs_is_told_with_what_is_left_of_it() -> None:
    running = job("a", window(), state=JobState.RUNNING)
    known = Known(running, KNOWN, Progressed(1800, 0.5))
    (found,) = workloads([known], "DE", NOW, {})
    assert (found.duration, found.running_in) == (HOUR / 2, "DE")


def test_jobs_that_run_at_once_come_first_with_a_window_of_their_own_length() -> None:
    known = [
        Known(job("a", window()), KNOWN),
        Known(job("b"), KNOWN),
        Known(job("c", window(green=False, release=NOW + HOUR)), KNOWN),
        Known(job("d", state=JobState.RUNNING), KNOWN),
    ]
    found = workloads(known, "DE", NOW, {})
    assert [one.id for one in found] == ["d", "b", "c", "a"]
    assert [(one.release - NOW) / HOUR for one in found] == [0, 0, 1, 0]
    for one in found[:3]:
        assert checked_workload(one).deadline == one.release + HOUR


def test_jobs_that_are_being_cancelled_are_no_work() -> None:
    known = [Known(job("a", window(), state=JobState.RUNNING, cancelling=True), KNOWN)]
    assert workloads(known, "DE", NOW, {}) == []


def test_it_must_start_while_the_worst_case_still_fits() -> None:
    one = Known(job("a", window(12)), KNOWN)
    assert must_start_by(one) == NOW + 10 * HOUR - margin(one.job)
    short = Known(job("a", window(1)), KNOWN)
    assert must_start_by(short) == NOW


def test_progress_leaves_more_time() -> None:
    half = Known(job("a", window(12)), KNOWN, Progressed(1800, 0.5))
    assert must_start_by(half) > must_start_by(Known(job("a", window(12)), KNOWN))
