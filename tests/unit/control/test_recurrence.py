"""Which runs are due: after downtime, beside a run that lasts, and where the clock jumps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lichen.control.periods import period_of
from lichen.control.recurrence import (
    MOST_COUNTED,
    MOST_RUNS_KEPT,
    DueRuns,
    Outcome,
    Recurrence,
    Run,
    default_window,
    due_runs,
    upcoming,
)
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import ScheduleRequest

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MIDNIGHT = datetime(2026, 6, 2, tzinfo=UTC)


def daily(
    *, is_made_late: bool = True, every: str = "day", window: timedelta = 6 * HOUR
) -> Recurrence:
    return Recurrence(
        id="sch-1",
        name="nightly",
        tenant="default",
        kind=JobKind.TRAIN,
        spec={},
        every=every,
        period=period_of(every, "UTC"),
        window=window,
        schedule=ScheduleRequest(),
        is_made_late=is_made_late,
        created_by="somebody",
        created_at=START,
        settled_until=START,
    )


def submitted(due: datetime, job: str = "job-1") -> Run:
    return Run(due=due, outcome=Outcome.SUBMITTED, job_id=job)


def outcomes(due: DueRuns) -> list[tuple[datetime, str, int]]:
    return [(run.due, run.outcome.value, run.count) for run in due.settled]


def test_nothing_is_due_before_its_moment_and_the_run_of_it_has_the_window() -> None:
    assert due_runs(daily(), MIDNIGHT - MINUTE) == DueRuns()
    run = due_runs(daily(), MIDNIGHT).run
    assert run is not None
    assert (run.due, run.deadline, run.is_late) == (MIDNIGHT, MIDNIGHT + 6 * HOUR, False)


def test_what_is_settled_is_due_no_more() -> None:
    after = daily().settled(submitted(MIDNIGHT))
    assert due_runs(after, MIDNIGHT + HOUR) == DueRuns()
    assert after.next_due == MIDNIGHT + DAY


def test_after_downtime_the_newest_alone_is_made_up_for() -> None:
    due = due_runs(daily(), MIDNIGHT + 4 * DAY + HOUR)
    assert outcomes(due) == [(MIDNIGHT, "missed", 4)]
    assert due.run is not None
    assert (due.run.due, due.run.is_late) == (MIDNIGHT + 4 * DAY, True)
    assert due.run.deadline == due.run.due + 6 * HOUR

    settled = daily().settled(*due.settled, submitted(due.run.due))
    assert due_runs(settled, MIDNIGHT + 4 * DAY + 2 * HOUR) == DueRuns()


def test_with_less_than_half_of_its_window_left_it_runs_at_once() -> None:
    run = due_runs(daily(), MIDNIGHT + 4 * HOUR).run
    assert run is not None
    assert run.deadline is None


def test_past_its_window_it_runs_at_once_where_it_is_of_use_late_and_is_missed_elsewhere() -> None:
    now = MIDNIGHT + 20 * HOUR
    run = due_runs(daily(), now).run
    assert run is not None
    assert (run.due, run.deadline) == (MIDNIGHT, None)

    due = due_runs(daily(is_made_late=False), now)
    assert due.run is None
    assert outcomes(due) == [(MIDNIGHT, "missed", 1)]
    assert "its window passed" in due.settled[0].sentence


def test_a_run_beside_one_that_lasts_is_skipped() -> None:
    due = due_runs(daily().settled(submitted(MIDNIGHT)), MIDNIGHT + DAY, open_job="job-1")
    assert due.run is None
    assert outcomes(due) == [(MIDNIGHT + DAY, "skipped", 1)]
    assert due.settled[0].sentence == "the run before it, job job-1, has not ended"


def test_what_was_due_while_paused_is_neither_run_nor_recorded() -> None:
    paused = daily().paused()
    assert due_runs(paused, MIDNIGHT + 3 * DAY) == DueRuns()
    assert paused.next_due is None
    resumed = paused.resumed(MIDNIGHT + 3 * DAY + HOUR)
    assert due_runs(resumed, MIDNIGHT + 3 * DAY + 2 * HOUR) == DueRuns()
    assert resumed.next_due == MIDNIGHT + 4 * DAY


def test_a_clock_that_is_set_back_runs_no_due_moment_twice() -> None:
    ran = daily().settled(submitted(MIDNIGHT))
    for now in (MIDNIGHT - HOUR, MIDNIGHT - MINUTE, MIDNIGHT, MIDNIGHT + MINUTE):
        assert due_runs(ran.rewound(now), now).run is None


def test_after_a_clock_that_stood_years_ahead_work_goes_on_by_the_right_one() -> None:
    wrong = MIDNIGHT + 3 * 365 * DAY
    ahead = due_runs(daily(), wrong).run
    assert ahead is not None
    record = daily().settled(submitted(MIDNIGHT), submitted(ahead.due, "job-2"))
    assert due_runs(record, MIDNIGHT + DAY) == DueRuns()

    right = record.rewound(MIDNIGHT + DAY - HOUR)
    run = due_runs(right, MIDNIGHT + DAY).run
    assert run is not None
    assert run.due == MIDNIGHT + DAY
    again = due_runs(replace(right, settled_until=wrong - DAY), wrong)
    assert again.run is None
    assert "ran already" in again.settled[0].sentence


def test_missed_runs_are_counted_up_to_a_bound() -> None:
    due = due_runs(daily(every="*/5 * * * *", window=5 * MINUTE), START + 365 * DAY)
    assert due.settled[0].count == MOST_COUNTED
    assert due.settled[0].sentence.startswith("1000 or more were due")
    assert due.settled[0].last_due == START + 365 * DAY - 5 * MINUTE


def test_a_record_keeps_the_newest_runs_and_the_last_job() -> None:
    record = daily().settled(submitted(MIDNIGHT))
    for day in range(1, 40):
        skipped = Run(due=MIDNIGHT + day * DAY, outcome=Outcome.SKIPPED)
        record = record.settled(skipped)
    assert record.last_job == "job-1"
    assert len(record.runs) == MOST_RUNS_KEPT + 1
    assert record.settled_until == MIDNIGHT + 39 * DAY


def test_a_window_is_three_quarters_of_the_period_and_two_days_at_most() -> None:
    windows = [default_window(period_of(every, "UTC")) for every in ("hour", "day", "month")]
    assert windows == [45 * MINUTE, 18 * HOUR, 2 * DAY]


def test_runs_to_come_are_listed_by_time_without_those_of_paused_work() -> None:
    hourly = replace(daily(every="hour", window=HOUR), name="hourly")
    found = upcoming([daily(), hourly, replace(daily(), is_paused=True)], START, MIDNIGHT)
    assert [(run.due - START) / HOUR for run in found] == [*range(1, 13), 12]
    assert [run.name for run in found[-2:]] == ["hourly", "nightly"]
    assert found[-1].deadline == MIDNIGHT + 6 * HOUR
