"""Steps of a raw counter: what is taken, what is refused, and what is said to be lost."""

from hypothesis import given
from hypothesis import strategies as st

from lichen.energy.steps import Instant, Steps

SECOND = 1_000_000_000


def at(seconds: float, slept: float = 0.0) -> Instant:
    return Instant(round(seconds * SECOND), round((seconds + slept) * SECOND))


def watts(number: float, seconds: float) -> int:
    return round(number * seconds * SECOND)


def test_steps_add_up() -> None:
    steps = Steps(1_000, at(0), 100)
    steps.take(1_500, at(1))
    steps.take(1_500, at(2))
    steps.take(1_700, at(3))
    assert (steps.total_nj, steps.losses, steps.moved) == (700, 0, at(3))


def test_a_counter_that_wraps_goes_on() -> None:
    steps = Steps(990, at(0), 100, wraps_at_nj=1_000)
    steps.take(5, at(1))
    assert (steps.total_nj, steps.losses) == (15, 0)


def test_a_wrap_that_no_power_explains_is_a_new_start() -> None:
    steps = Steps(watts(50, 10_000), at(0), 100, wraps_at_nj=watts(100, 10_000))
    steps.take(0, at(1))
    steps.take(watts(50, 1), at(2))
    assert (steps.total_nj, steps.losses) == (watts(50, 1), 1)


def test_after_a_suspend_going_back_is_a_new_start() -> None:
    steps = Steps(watts(90, 10), at(0), 100, wraps_at_nj=watts(100, 10))
    steps.take(0, at(1, slept=3600))
    assert (steps.total_nj, steps.losses) == (watts(10, 10), 0)  # it can have wrapped awake
    steps = Steps(watts(50, 10), at(0), 100, wraps_at_nj=watts(100, 10))
    steps.take(0, at(1, slept=3600))
    steps.take(watts(5, 1), at(2, slept=3600))
    assert (steps.total_nj, steps.losses) == (watts(5, 1), 1)


def test_what_was_drawn_in_suspend_is_no_wonder() -> None:
    steps = Steps(0, at(0), 100)
    steps.take(watts(2, 3600), at(1, slept=3600))
    assert (steps.total_nj, steps.losses) == (watts(2, 3600), 0)


def test_one_wild_value_is_passed_over() -> None:
    steps = Steps(1_000, at(0), 100)
    steps.take(watts(1e9, 1), at(1))
    assert (steps.total_nj, steps.losses) == (0, 0)
    steps.take(2_000, at(2))
    assert (steps.total_nj, steps.losses) == (1_000, 0)


def test_time_going_back_takes_nothing_away() -> None:
    steps = Steps(1_000, at(10), 100)
    steps.take(1_800, at(5))
    steps.take(1_900, at(4))
    assert steps.total_nj == 900


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30))
def test_whatever_is_shown_the_total_never_exceeds_what_can_be_drawn(shown: list[int]) -> None:
    steps = Steps(shown[0], at(0), 100, wraps_at_nj=10**14)
    totals = []
    for second, raw_nj in enumerate(shown, 1):
        steps.take(raw_nj, at(second))
        totals.append(steps.total_nj)
    assert totals == sorted(totals)
    assert totals[-1] <= sum(watts(100, 2) for _ in shown)
