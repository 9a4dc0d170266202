"""Whatever the clock does: no due moment becomes a job twice, and none is lost without a word."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.periods import period_of
from lichen.control.recurrence import Outcome, Recurrence, Run, due_runs
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import ScheduleRequest

START = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the clocks of Berlin change the night after
MINUTE = timedelta(minutes=1)
EXPRESSIONS = ("hour", "day", "30 2 * * *", "*/15 * * * *", "0 */6 * * *", "0 0 * * 1-5")


def recurring(every: str, *, is_made_late: bool) -> Recurrence:
    period = period_of(every, "Europe/Berlin")
    return Recurrence(
        id="sch-1",
        name="law",
        tenant="default",
        kind=JobKind.TRAIN,
        spec={},
        every=every,
        period=period,
        window=period.shortest_gap / 2,
        schedule=ScheduleRequest(),
        is_made_late=is_made_late,
        created_by="somebody",
        created_at=START,
        settled_until=START,
    )


def looked_at(record: Recurrence, now: datetime, *, is_open: bool) -> tuple[Recurrence, list[Run]]:
    """What a keeper makes of it: the record afterwards, and what was settled now."""
    record = record.rewound(now)
    due = due_runs(record, now, record.last_job if is_open else None)
    runs = list(due.settled)
    if due.run is not None:
        assert due.run.deadline is None or due.run.deadline > now
        job = f"job for {due.run.due}"
        runs.append(Run(due=due.run.due, outcome=Outcome.SUBMITTED, job_id=job))
    return record.settled(*runs), runs


looks = st.lists(st.tuples(st.integers(1, 3000), st.booleans()), min_size=1, max_size=25)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(EXPRESSIONS), st.booleans(), looks)
def test_each_due_moment_is_settled_once_while_the_clock_goes_on(
    every: str,
    is_made_late: bool,  # noqa: FBT001
    steps: list[tuple[int, bool]],
) -> None:
    record, now, settled = recurring(every, is_made_late=is_made_late), START, 0
    for minutes, is_open in steps:
        now += minutes * MINUTE
        record, runs = looked_at(record, now, is_open=is_open)
        settled += sum(run.count for run in runs)
        assert sum(run.outcome is Outcome.SUBMITTED for run in runs) <= 1
    assert settled == len(list(record.period.between(START, now)))
    assert record.next_due is not None
    assert record.next_due > now


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(EXPRESSIONS), st.lists(st.integers(-3000, 3000), max_size=20))
def test_no_due_moment_becomes_a_job_twice_wherever_the_clock_jumps(
    every: str, jumps: list[int]
) -> None:
    record, now = recurring(every, is_made_late=True), START
    made: list[datetime] = []
    for minutes in jumps:
        now += minutes * MINUTE
        record, runs = looked_at(record, now, is_open=False)
        made += [run.due for run in runs if run.job_id]
    assert len(made) == len(set(made))
