"""Deadlines: work goes on before them and not after, by the clock that they were given."""

import pytest

from lichen.core.clock import ManualClock
from lichen.core.deadline import NEVER, deadline_in
from lichen.core.errors import DeadlinePassed

SECOND_NS = 1_000_000_000


def test_work_goes_on_before_it_and_not_from_it_on() -> None:
    clock = ManualClock(elapsed_ns=7)
    deadline = deadline_in(clock, 1.5, "too long")
    clock.elapsed_ns += 3 * SECOND_NS // 2 - 1
    deadline.check()
    clock.elapsed_ns += 1
    with pytest.raises(DeadlinePassed, match="too long"):
        deadline.check()


def test_no_time_at_all_has_passed_at_once() -> None:
    with pytest.raises(DeadlinePassed):
        deadline_in(ManualClock(), 0, "none").check()


def test_a_function_is_not_called_once_it_passed() -> None:
    clock, called = ManualClock(), list[int]()

    def ask(number: int, *, times: int) -> int:
        called.append(number)
        clock.elapsed_ns += SECOND_NS
        return number * times

    timed = deadline_in(clock, 2, "too long").before_each(ask)
    assert [timed(4, times=2), timed(5, times=2)] == [8, 10]
    with pytest.raises(DeadlinePassed):
        timed(6, times=2)
    assert called == [4, 5]


def test_never_is_never() -> None:
    NEVER.check()
