"""Laws of comparing two figures: whatever they are (M4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.comparison import compare
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules

WHERE = ("here", "elsewhere")


@st.composite
def figures(draw: st.DrawFn) -> EnergyFigure:
    nj = draw(st.integers(1, 10**15))
    low, high = draw(st.integers(0, nj)), draw(st.integers(nj, 10 * nj))
    source = draw(st.sampled_from(["one", "another"]))
    return EnergyFigure(Nanojoules(nj), Nanojoules(low), Nanojoules(high), Method.MODELLED, source)


@given(figures(), figures(), st.sampled_from(WHERE), st.floats(0, 1))
def test_the_ratio_lies_within_its_interval(
    first: EnergyFigure, second: EnergyFigure, where: str, scatter: float
) -> None:
    found = compare(first, second, same_host=where == "here", scatter=scatter)
    assert 0 <= found.low <= found.ratio <= found.high


@given(figures(), figures())
def test_what_both_share_never_widens_a_comparison(
    first: EnergyFigure, second: EnergyFigure
) -> None:
    here = compare(first, second, same_host=True)
    apart = compare(first, second, same_host=False)
    assert apart.low <= here.low
    assert here.high <= apart.high
    assert here.ratio == apart.ratio


@given(figures(), figures(), st.sampled_from(WHERE), st.floats(0, 1))
def test_the_other_way_round_is_the_inverse(
    first: EnergyFigure, second: EnergyFigure, where: str, scatter: float
) -> None:
    there = compare(first, second, same_host=where == "here", scatter=scatter)
    back = compare(second, first, same_host=where == "here", scatter=scatter)
    assert back.ratio == pytest.approx(1 / there.ratio)
    if there.low > 0 and there.high < float("inf"):
        assert back.low == pytest.approx(1 / there.high)
        assert back.high == pytest.approx(1 / there.low)


@given(figures(), st.integers(1, 10**6))
def test_a_figure_compared_with_its_own_multiple_is_certain_of_it(
    one: EnergyFigure, times: int
) -> None:
    more = EnergyFigure(
        Nanojoules(one.nj * times),
        Nanojoules(one.nj_low * times),
        Nanojoules(one.nj_high * times),
        one.method,
        one.source,
    )
    found = compare(more, one, same_host=True)
    assert found.low == pytest.approx(times)
    assert found.high == pytest.approx(times)
