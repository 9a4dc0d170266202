"""Shares that sum to the whole, and a stopwatch that does not charge for looking at itself."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.energy.attribution import Stopwatch, clock_cost_ns, split


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (10, [1, 1, 1], (4, 3, 3)),
        (7, [3], (7,)),
        (100, [1, 2, 97], (1, 2, 97)),
        (5, [0, 0], (3, 2)),
        (2, [5, 0, 5], (1, 0, 1)),
        (0, [4, 5], (0, 0)),
    ],
)
def test_largest_remainder(total: int, weights: list[int], shares: tuple[int, ...]) -> None:
    assert split(total, weights) == shares


@pytest.mark.parametrize(("total", "weights"), [(1, []), (-1, [1]), (-1, [1, 1]), (1, [1, -1])])
def test_nothing_negative_and_nobody_missing(total: int, weights: list[int]) -> None:
    with pytest.raises(InvalidInput):
        split(total, weights)


def test_an_empty_span_is_charged_nothing() -> None:
    ticks = iter(range(0, 10_000_000, 700))
    cost = clock_cost_ns(lambda: next(ticks))
    watch = Stopwatch(lambda: next(ticks), cost)
    assert cost == 700
    assert watch.spent(watch.start()) == 0


def test_a_span_is_charged_its_work_less_the_looking() -> None:
    times = iter([1_000, 5_700])
    watch = Stopwatch(lambda: next(times), 700)
    assert watch.spent(watch.start()) == 4_000


def test_real_clocks_are_calibrated() -> None:
    watch = Stopwatch.of_thread()
    assert watch.cost_ns > 0
    mark = watch.start()
    sum(range(20_000))
    assert watch.spent(mark) > 0
