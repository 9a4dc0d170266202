"""Laws of what a block is charged: nothing is lost or made between rates and prices (A3, A5)."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.footprint import HostEmbodied
from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.intensity import IntensityValue
from lichen.carbon.tracker.prices import Prices, Tally, operational_ng, receipt_of
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.energy.page import Rate

START = datetime(2026, 11, 22, tzinfo=UTC)
STEPS = st.lists(
    st.one_of(
        st.integers(0, 10**12),
        st.floats(0.2, 20, allow_nan=False).map(lambda slope: ("rate", slope)),
        st.sampled_from((0.0, 100.0, 450.0)).map(lambda grams: ("price", grams)),
    ),
    max_size=30,
)


class Grid:
    """A grid whose intensity is set."""

    name = "grid"

    def __init__(self) -> None:
        self.g_per_kwh = 300.0

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        return ConstantIntensity(self.g_per_kwh).at(zone, moment)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_what_was_added_is_what_is_charged_at_the_rates_then_in_force(
    steps: list[int | tuple[str, float]],
) -> None:
    grid, clock = Grid(), ManualClock(START)
    published = [Rate(3.0, 2.0, 4.0, Method.MODELLED, "test", 0)]
    tally = Tally(lambda: published[0], Prices("DE", grid, HostEmbodied(2), clock))
    cpu_ns, nj = 0, 0.0
    for step in steps:
        if isinstance(step, int):
            tally.add(step)
            cpu_ns, nj = cpu_ns + step, nj + step * published[0].nj_per_cpu_ns
        elif step[0] == "rate":
            slope = step[1]
            published[0] = Rate(slope, slope / 2, slope * 2, Method.MODELLED, "test", 1)
        else:
            grid.g_per_kwh = step[1]
            clock.advance(61)
            tally.reprice()

    assert tally.cpu_ns == cpu_ns
    receipt = receipt_of(tally.spent(), START)
    assert abs(receipt.energy.nj - nj) <= len(steps) + 1
    assert receipt.energy.nj_low <= receipt.energy.nj <= receipt.energy.nj_high
    assert receipt.carbon is not None
    assert 0 <= operational_ng(tally.spent()) <= receipt.carbon.ng
    assert receipt_of(tally.spent(), START) == receipt
