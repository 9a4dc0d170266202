"""Laws of reports: parts sum to the whole, whatever was booked (A5, C1, C4)."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import worked_example as example
from hypothesis import given
from hypothesis import strategies as st

from lichen.carbon.intensity import Scope
from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.shares import Extent, Share
from lichen.carbon.reports import ghg
from lichen.carbon.reports.activity import Activity, activity
from lichen.carbon.reports.amounts import Amount, divided, rounded, total
from lichen.carbon.reports.declarations import Declarations, Declared
from lichen.carbon.reports.subjects import subjects

ACCOUNTS = (
    "work/default/a/a@1/fp32",
    "work/other/a/a@2/int8",
    "work/default/b/b@1/fp32",
    "work/default/job-1/a/train",
    "work/default/job-2/a/train",
    "overhead/dataplane",
    "in-progress",
    "rate-variance",
    "idle",
    "host/other",
)
AT = datetime(2026, 10, 1, tzinfo=UTC)
EXTENT = Extent(1, "0" * 64, AT, AT, AT, 0, 0, 0)
SIGNED = ("in-progress", "rate-variance")


def bases() -> st.SearchStrategy[Basis]:
    intensity = st.floats(0, 2000).map(lambda number: round(number, 2))
    pue = st.sampled_from([1.0, 1.07, 1.25, 1.58])
    scope = st.sampled_from(list(Scope))
    made = st.builds(lambda one, pue: replace(example.germany(one), pue=pue), intensity, pue)
    return st.builds(
        lambda basis, scope: replace(basis, intensity=replace(basis.intensity, scope=scope)),
        made,
        scope,
    )


@st.composite
def shares(draw: st.DrawFn) -> Share:
    account = draw(st.sampled_from(ACCOUNTS))
    least = -(10**13) if account in SIGNED else 0
    is_adjustment = draw(st.booleans())
    return Share(
        account,
        draw(bases()),
        is_adjustment,
        0 if is_adjustment else draw(st.integers(least, 10**16)),
        draw(st.integers(-(10**9), 10**13)),
        draw(st.integers(0, 1000)),
    )


ACTIVITIES = st.lists(shares(), min_size=1, max_size=12).map(lambda some: activity(EXTENT, some))


@given(st.lists(shares(), min_size=1, max_size=12))
def test_electricity_and_embodied_sum_to_what_was_booked(some: list[Share]) -> None:
    made = activity(EXTENT, some)
    booked = sum(one.ng for one in some)
    assert made.platform.total.value + made.outside.total.value == booked
    assert made.platform.energy.value + made.outside.energy.value == sum(one.nj for one in some)


@given(ACTIVITIES)
def test_the_subjects_bear_the_whole_platform(made: Activity) -> None:
    by_subject = subjects(made)
    if not by_subject:
        return
    borne = [one.whole for one in by_subject.values()]
    for part in ("energy", "facility", "operational", "grid", "embodied"):
        summed = total(getattr(one, part) for one in borne)
        assert summed == getattr(made.platform, part)


@given(ACTIVITIES, st.floats(0, 900).map(lambda number: round(number, 1)))
def test_the_scopes_of_an_owned_host_hold_all_that_was_booked_once(
    made: Activity, direct: float
) -> None:
    declared = Declarations(ownership="owned", direct=Declared(direct, "a law"))
    lifecycle_only = replace(
        made, grids={grid: one for grid, one in made.grids.items() if grid.scope is Scope.LIFECYCLE}
    )
    figures = {
        one.line.name: one
        for section in ghg.sections(lifecycle_only, declared)
        for one in section.figures
    }
    if figures["scope3.3"].value is None:  # the declared factor is above the life-cycle one
        return
    parts = [figures[name].exact or 0 for name in ("scope2.location", "scope3.2", "scope3.3")]
    embodied_is_known = figures["scope3.2"].value is not None
    assert not embodied_is_known or sum(parts) == lifecycle_only.platform.total.value


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=9),
)
def test_a_divided_amount_sums_to_itself_with_its_ends(value: int, weights: list[int]) -> None:
    whole = Amount(value, value // 2, None)
    assert total(divided(whole, weights)) == whole


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**12))
def test_quick_rounding_is_that_of_a_fraction(numerator: int, denominator: int) -> None:
    assert rounded(numerator, denominator) == round(Fraction(numerator, denominator))
    assert rounded(numerator, 2) == round(Fraction(numerator, 2))
