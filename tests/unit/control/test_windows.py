"""When a job may run: what its sender asks, settled or refused in one sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from lichen.control.windows import Expected, settled
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import Schedule, ScheduleRequest

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settle(
    request: ScheduleRequest, kind: JobKind = JobKind.TRAIN, expected: Expected | None = None
) -> Schedule | None:
    return settled(request, kind, NOW, ("DE",), expected)


def test_a_deadline_alone_makes_it_green_from_now_on() -> None:
    found = settle(ScheduleRequest(deadline="6h"))
    assert found == Schedule(release=NOW, deadline=NOW + 6 * HOUR, green=True)


def test_green_alone_has_a_day() -> None:
    found = settle(ScheduleRequest(green=True))
    assert found == Schedule(release=NOW, deadline=NOW + 24 * HOUR, green=True)


def test_an_earliest_start_alone_is_not_green() -> None:
    found = settle(ScheduleRequest(earliest="2h"))
    assert found is not None
    assert (found.release, found.green) == (NOW + 2 * HOUR, False)


def test_an_earliest_start_late_in_the_month_is_no_deadline_that_lies_too_far_ahead() -> None:
    found = settle(ScheduleRequest(earliest="29d 12h"))
    assert found is not None
    assert (found.release, found.deadline) == (NOW + 708 * HOUR, NOW + 720 * HOUR)


def test_moments_are_taken_with_their_offset() -> None:
    found = settle(ScheduleRequest(deadline="2026-11-20T20:00:00+01:00", earliest="PT30M"))
    assert found is not None
    assert found.deadline == datetime(2026, 11, 20, 19, tzinfo=UTC)
    assert found.release == NOW + HOUR / 2


def test_an_earliest_in_the_past_is_now() -> None:
    found = settle(ScheduleRequest(deadline="6h", earliest="2026-11-20T08:00:00Z"))
    assert found is not None
    assert found.release == NOW


@pytest.mark.parametrize("request_", [ScheduleRequest(), ScheduleRequest(green=False)])
def test_what_asks_for_nothing_runs_at_once(request_: ScheduleRequest) -> None:
    assert settle(request_) is None


def test_all_that_is_asked_is_kept() -> None:
    asked = ScheduleRequest(
        deadline="2d", green=False, interruptible=True, priority=-3, zones=["de", "FR", "DE"]
    )
    found = settle(asked)
    assert found is not None
    assert (found.green, found.interruptible, found.priority) == (False, True, -3)
    assert found.zones == ("DE", "FR")


@pytest.mark.parametrize(
    ("request_", "kind", "says"),
    [
        (ScheduleRequest(deadline="soon"), JobKind.TRAIN, "neither a duration nor a time"),
        (ScheduleRequest(earliest="40d"), JobKind.TRAIN, "earliest 2026-12-30T09:30:00Z is over"),
        (ScheduleRequest(deadline=""), JobKind.TRAIN, "neither a duration nor a time"),
        (ScheduleRequest(deadline="2026-11-21T08:00:00"), JobKind.TRAIN, "with its offset"),
        (ScheduleRequest(deadline="2026-11-20T08:00:00Z"), JobKind.TRAIN, "lies in the past"),
        (ScheduleRequest(deadline="0h"), JobKind.TRAIN, "lies in the past"),
        (ScheduleRequest(deadline="1h", earliest="2h"), JobKind.TRAIN, "before the job may start"),
        (ScheduleRequest(deadline="1h", earliest="1h"), JobKind.TRAIN, "before the job may start"),
        (ScheduleRequest(deadline="31d"), JobKind.TRAIN, "over 30 days ahead"),
        (ScheduleRequest(earliest="30d"), JobKind.TRAIN, "over 30 days ahead"),
        (ScheduleRequest(deadline="999999w"), JobKind.TRAIN, "over 30 days ahead"),
        (ScheduleRequest(deadline="9999-12-31T23:59:59Z"), JobKind.TRAIN, "over 30 days ahead"),
        (ScheduleRequest(deadline="6h", interruptible=True), JobKind.IMPORT, "no checkpoints"),
        (ScheduleRequest(deadline="6h", priority=10), JobKind.TRAIN, "from -9 to 9"),
        (ScheduleRequest(deadline="6h", zones=["FR"]), JobKind.TRAIN, "no worker in FR, only in"),
        (ScheduleRequest(deadline="6h", zones=["DE", "XQ"]), JobKind.TRAIN, "'XQ' is unknown"),
        (ScheduleRequest(deadline="6h", zones=["?"]), JobKind.TRAIN, "not usable"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    request_: ScheduleRequest, kind: JobKind, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        settle(request_, kind)
    assert "\n" not in str(refusal.value)


def test_a_job_known_to_be_longer_than_its_window_is_refused() -> None:
    expected = Expected(3 * HOUR, "the median of 4 like it")
    with pytest.raises(InvalidInput, match=r"takes 3 h \(the median of 4 like it\), longer than"):
        settle(ScheduleRequest(deadline="2h"), expected=expected)
    assert settle(ScheduleRequest(deadline="3h"), expected=expected) is not None
