"""Laws of when a job may run: of what is asked, of what is left, and of when it must start."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.agenda import Known, Progressed, margin, must_start_by
from lichen.control.expectations import Expectation, Spread, left_of
from lichen.control.transitions import JobRecord
from lichen.control.windows import FURTHEST, settled
from lichen.core.clock import rfc3339
from lichen.core.durations import parse_duration
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import Schedule, ScheduleRequest

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
FEW = settings(max_examples=60, deadline=None)
amounts = st.integers(0, 10**6)
durations = st.builds("{}{}".format, amounts, st.sampled_from(["s", "min", "h", "d", "w"]))
moments = st.integers(-48, 24 * 60).map(lambda hours: rfc3339(NOW + timedelta(hours=hours)))
said = st.none() | durations | moments | st.text(max_size=12)


requests = st.builds(
    ScheduleRequest,
    deadline=said,
    earliest=said,
    green=st.none() | st.booleans(),
    priority=st.integers(-12, 12),
)


@FEW
@given(requests)
def test_a_request_is_refused_or_leaves_a_window_that_can_be(asked: ScheduleRequest) -> None:
    with suppress(InvalidInput):
        found = settled(asked, JobKind.TRAIN, NOW, ("DE",))
        if found is not None:
            assert NOW <= found.release < found.deadline <= NOW + FURTHEST


@FEW
@given(amounts, st.sampled_from(["s", "min", "h", "d"]))
def test_a_duration_means_the_same_in_every_form(amount: int, unit: str) -> None:
    iso = f"P{amount}D" if unit == "d" else f"PT{amount}{unit[0].upper()}"
    assert parse_duration(f"{amount}{unit}") == parse_duration(iso)


def expected(seconds: float, worst: float) -> Expectation:
    return Expectation(
        seconds=Spread(seconds, seconds / 2, seconds * 2),
        joules=Spread(4 * seconds, seconds, 9 * seconds),
        cpu_seconds=None,
        longest=timedelta(seconds=seconds * worst),
        pause_j=1.0,
        basis="a law",
        is_known=True,
    )


@FEW
@given(
    st.floats(0.1, 1e6),
    st.floats(1.0, 20.0),
    st.floats(0.0, 1e6),
    st.none() | st.floats(0.0, 1.0),
)
def test_something_is_left_of_an_unfinished_job_and_the_worst_case_holds_it(
    seconds: float, worst: float, ran_s: float, fraction: float | None
) -> None:
    left = left_of(expected(seconds, worst), ran_s, fraction)
    assert timedelta(0) < left.duration <= left.at_worst


@FEW
@given(st.floats(60, 1e5), st.floats(1.0, 8.0), st.floats(0.1, 720), st.floats(0.0, 1.0))
def test_a_job_that_starts_when_it_must_is_done_in_time_at_worst(
    seconds: float, worst: float, hours: float, fraction: float
) -> None:
    schedule = Schedule(release=NOW, deadline=NOW + timedelta(hours=hours))
    job = JobRecord(
        id="a", kind=JobKind.TRAIN, spec={}, tenant="t", created_at=NOW, schedule=schedule
    )
    one = Known(job, expected(seconds, worst), Progressed(seconds * fraction, fraction))
    latest = must_start_by(one)
    assert latest >= schedule.release
    fits = one.left.at_worst + margin(job) <= schedule.deadline - schedule.release
    if fits:
        assert latest + one.left.at_worst + margin(job) <= schedule.deadline
    else:
        assert latest == schedule.release
