"""Two figures of one host compare more tightly than either is known."""

import pytest

from lichen.core.comparison import compare
from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.energy.page import Rate

RATE = Rate(3.258, 1.186, 4.1, Method.MODELLED, "model", 1)
OTHER = Rate(3.258, 1.186, 4.1, Method.MODELLED, "another model", 1)


def figure(nj: int, low: int, high: int) -> EnergyFigure:
    return EnergyFigure(Nanojoules(nj), Nanojoules(low), Nanojoules(high), Method.MODELLED, "model")


def test_on_one_host_the_slope_cancels() -> None:
    found = compare(RATE.figure(2_000_000_000), RATE.figure(1_000_000_000), same_host=True)
    assert found.ratio == pytest.approx(2, rel=1e-8)
    assert (found.low, found.high) == pytest.approx((2, 2), rel=1e-6)
    assert found.cancelled


def test_on_two_hosts_it_does_not() -> None:
    first, second = RATE.figure(2_000_000_000), RATE.figure(1_000_000_000)
    found = compare(first, second, same_host=False)
    assert not found.cancelled
    assert found.low < 2 * first.nj_low / first.nj
    assert found.high > 2 * first.nj_high / first.nj


def test_figures_by_two_methods_share_nothing() -> None:
    found = compare(RATE.figure(10**9), OTHER.figure(10**9), same_host=True)
    assert not found.cancelled
    assert found.low < 0.4 < 2.5 < found.high


def test_a_comparison_is_tighter_than_either_side() -> None:
    first, second = figure(200, 100, 300), figure(100, 45, 160)
    found = compare(first, second, same_host=True)
    assert found.high / found.low < 300 / 100
    assert found.low < found.ratio < found.high


def test_scatter_of_repetitions_stays() -> None:
    found = compare(RATE.figure(10**9), RATE.figure(10**9), same_host=True, scatter=0.03)
    assert found.high == pytest.approx(1.0427, abs=1e-3)
    assert found.low == pytest.approx(1 / 1.0427, abs=1e-3)


def test_the_other_way_round_is_the_inverse() -> None:
    first, second = figure(200, 100, 300), figure(100, 45, 160)
    there = compare(first, second, same_host=False)
    back = compare(second, first, same_host=False)
    assert (1 / back.high, 1 / back.low) == pytest.approx((there.low, there.high))


def test_what_is_known_from_one_side_only_stays_open() -> None:
    found = compare(figure(200, 0, 300), figure(100, 50, 150), same_host=True)
    assert found.low == 0
    both = compare(figure(200, 0, 300), figure(100, 0, 150), same_host=True)
    assert (both.low, both.high) == pytest.approx((2, 2))


@pytest.mark.parametrize("scatter", [-0.1, float("nan"), float("inf")])
def test_a_scatter_that_is_none_is_refused(scatter: float) -> None:
    with pytest.raises(InvalidInput, match="scatter"):
        compare(RATE.figure(1000), RATE.figure(1000), same_host=True, scatter=scatter)


def test_no_energy_compares_with_nothing() -> None:
    with pytest.raises(InvalidInput, match="above 0 J"):
        compare(figure(0, 0, 0), figure(100, 50, 150), same_host=True)
