"""What an outlook is, and what none can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.intensity import Scope, Signal
from lichen.carbon.outlook.record import HOUR, Outlook, Step, checked_outlook, hours_in
from lichen.core.errors import InvalidInput

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OUTLOOK = Outlook(
    "ES",
    NOON,
    NOON,
    HOUR,
    (Step(100.0, (80.0, 100.0, 120.0)), Step(90.0, (70.0, 90.0, 110.0))),
    (0.1, 0.5, 0.9),
    "a test",
    Signal.AVERAGE,
    Scope.LIFECYCLE,
)


def test_a_step_is_found_by_any_moment_in_it_and_none_beyond_the_ends() -> None:
    assert OUTLOOK.at(NOON + timedelta(minutes=59)) is OUTLOOK.steps[0]
    assert OUTLOOK.at(NOON + timedelta(minutes=60)) is OUTLOOK.steps[1]
    assert OUTLOOK.at(NOON - timedelta(seconds=1)) is None
    assert OUTLOOK.at(OUTLOOK.end) is None
    assert OUTLOOK.end == NOON + timedelta(hours=2)


def test_hours_cover_a_span_that_begins_within_one() -> None:
    assert hours_in(NOON, 5 * HOUR) == 5
    assert hours_in(NOON + timedelta(minutes=1), 5 * HOUR) == 6
    assert hours_in(NOON, timedelta(minutes=1)) == 1


@pytest.mark.parametrize("hours", [0, -1, 96.5, 1000])
def test_a_span_that_no_outlook_has_is_refused(hours: float) -> None:
    with pytest.raises(InvalidInput, match="ask for 1 to 96 hours"):
        hours_in(NOON, timedelta(hours=hours))


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Step(-1.0, (0.0, 1.0, 2.0)), "cannot be"),
        (Step(2001.0, (0.0, 1.0, 2.0)), "cannot be"),
        (Step(float("nan"), (0.0, 1.0, 2.0)), "cannot be"),
        (Step(1.0, (0.0, 2.0, 1.0)), "quantiles cross"),
        (Step(1.0, (0.0, 1.0)), "not equally many"),
    ],
)
def test_what_a_grid_cannot_be_is_no_outlook(step: Step, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        checked_outlook(replace(OUTLOOK, steps=(step,)))


def test_an_outlook_without_a_step_says_nothing() -> None:
    with pytest.raises(InvalidInput, match="says nothing"):
        checked_outlook(replace(OUTLOOK, steps=()))
