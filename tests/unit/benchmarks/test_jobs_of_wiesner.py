"""The jobs of published work: how many, when they are released, and when they are due."""

from datetime import UTC, datetime, timedelta

import pytest
from jobs_of_wiesner import ML_JOBS, ml_jobs, next_workday, nightly_jobs, twice_a_week

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2020-{text}Z")


@pytest.mark.parametrize(
    ("end", "due"),
    [
        ("01-06T08:30", "01-06T09:00"),  # a Monday, before anybody looks
        ("01-06T09:00", "01-06T09:00"),
        ("01-06T17:00", "01-06T17:00"),
        ("01-06T17:30", "01-07T09:00"),
        ("01-10T18:00", "01-11T09:00"),  # after office hours of a Friday
        ("01-11T03:00", "01-13T09:00"),
        ("01-12T23:30", "01-13T09:00"),
    ],
)
def test_a_job_is_due_when_somebody_next_looks(end: str, due: str) -> None:
    assert next_workday(moment(end)) == moment(due)


@pytest.mark.parametrize(
    ("end", "due"),
    [
        ("01-06T09:00", "01-06T09:00"),
        ("01-06T09:30", "01-09T09:00"),
        ("01-09T08:00", "01-09T09:00"),
        ("01-09T09:30", "01-13T09:00"),
        ("01-12T10:00", "01-13T09:00"),
    ],
)
def test_or_on_the_next_monday_or_thursday(end: str, due: str) -> None:
    assert twice_a_week(moment(end)) == moment(due)


def test_a_years_jobs_are_released_in_office_hours_and_have_room() -> None:
    jobs = ml_jobs(FIRST, LAST, "next-workday")
    assert len(jobs) == ML_JOBS
    assert jobs == ml_jobs(FIRST, LAST, "next-workday")
    assert all(job.release.weekday() < 5 and 9 <= job.release.hour < 17 for job in jobs)
    assert all(job.release + job.duration <= job.deadline for job in jobs)
    lengths = {job.duration / timedelta(hours=1) for job in jobs}
    assert (min(lengths), max(lengths)) == (4.0, 89.5)


def test_nightly_jobs_may_be_sooner_or_later() -> None:
    jobs = list(nightly_jobs(FIRST, LAST, 8))
    assert len(jobs) == 366
    assert jobs[1].release == moment("01-01T17:00")
    assert (jobs[1].start, jobs[1].deadline) == (moment("01-02T01:00"), moment("01-02T09:00"))
    assert not jobs[1].interruptible
