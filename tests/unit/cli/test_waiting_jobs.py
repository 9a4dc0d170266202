"""What is said of a job that was accepted and that nobody stays for."""

from datetime import UTC, datetime, timedelta

from lichen.cli.waiting import accepted_lines, saved_lines
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.savings import LeverSaving
from lichen.protocol.scheduling import PlannedRun, Schedule

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(**more: object) -> Job:
    said = {
        "id": "job-1",
        "kind": JobKind.TRAIN,
        "state": JobState.QUEUED,
        "tenant": "t",
        "spec": {},
        "created_at": NOW,
        "schedule": Schedule(release=NOW, deadline=NOW + 12 * HOUR),
    }
    return Job(**{**said, **more})  # type: ignore[arg-type]


def run(saved_ng: int | None) -> PlannedRun:
    return PlannedRun(
        starts_at=NOW + HOUR,
        ends_at=NOW + 2 * HOUR,
        must_start_by=NOW + 10 * HOUR,
        expected_ng=None if saved_ng is None else 2_000_000_000,
        saved_ng=saved_ng,
        why="cleaner then",
    )


def test_a_planned_job_is_told_with_its_time_and_saving() -> None:
    assert accepted_lines(job(planned=run(500_000_000))) == [
        "job-1 accepted; to be done by 2026-11-22T21:00:00Z",
        "planned from 2026-11-22T10:00:00Z to 2026-11-22T11:00:00Z: 2 g CO2e expected, "
        "500 mg less than at once",
        "why: cleaner then",
        "`lichen jobs show job-1` says how it stands, `lichen plan` when jobs run",
    ]


def test_where_nobody_foresees_the_grid_no_grams_are_told() -> None:
    assert accepted_lines(job(planned=run(None)))[1].endswith("to 2026-11-22T11:00:00Z")


def test_a_silent_planner_is_told_with_what_happens_then() -> None:
    assert "it runs at once" in accepted_lines(job())[1]


def test_a_job_without_a_schedule_has_no_deadline_to_tell() -> None:
    assert accepted_lines(job(schedule=None))[0] == "job-1 accepted"


def saved(ng: int | None, absent: str | None = None) -> list[str]:
    told = LeverSaving(name="shifted.jobs", label="", baseline="run at once", ng=ng, absent=absent)
    return saved_lines(job(state=JobState.SUCCEEDED, saved=told))


def test_waiting_that_cost_more_is_told_as_such() -> None:
    assert saved(3_000_000) == ["waiting: 3 mg less than at once (run at once)"]
    assert saved(-3_000_000) == ["waiting: 3 mg more than at once (run at once)"]
    assert saved(None, "no hour") == ["waiting saved: not known: no hour"]
    assert saved_lines(job()) == []
