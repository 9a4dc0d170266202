"""Laws of counter meters: whatever befalls a counter, the books go forward and follow it (M1)."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.clock import ManualClock
from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import OwnCpu
from lichen.energy.readers.counter_meter import Clocks, CounterMeter
from lichen.energy.readers.prometheus import exposed
from lichen.energy.readers.source import Total
from lichen.energy.steps import Instant

SECOND = 1_000_000_000
MOMENTS = st.lists(
    st.tuples(
        st.floats(0.05, 3.0),  # seconds
        st.integers(0, 60 * SECOND),  # nanojoules counted
        st.floats(0, 2),  # CPUs busy
        st.sampled_from(["read", "read", "read", "silent", "lost"]),
    ),
    max_size=40,
)


class Scripted:
    """A source that says what it is told to."""

    name, source, method = "scripted", "a script", Method.MEASURED

    def __init__(self) -> None:
        self.nj = self.losses = 0
        self.silent = False

    def total(self, at: Instant) -> Total:  # noqa: ARG002 - the script knows
        if self.silent:
            raise Unavailable("nothing is said")
        return Total(self.nj, self.losses)

    def close(self) -> None:
        """Nothing to let go of."""


@settings(max_examples=120)
@given(MOMENTS)
def test_the_books_never_go_back_and_hold_all_that_was_counted(
    moments: list[tuple[float, int, float, str]],
) -> None:
    clock, source = ManualClock(), Scripted()
    clocks = Clocks(clock.monotonic_ns, clock.monotonic_ns)
    meter = CounterMeter(source, HostCpu(Path("/nonexistent")), 2, clocks)
    before, busy_ns = meter.read(), 0
    kept = unmetered_ns = elapsed_ns = 0
    for seconds, counted_nj, busy, event in moments:
        clock.advance(seconds)
        elapsed_ns += round(seconds * SECOND)
        busy_ns += round(seconds * busy * SECOND)
        source.silent = event == "silent"
        source.losses += event == "lost"
        source.nj += counted_nj
        kept = source.nj if event == "lost" else kept
        after = meter.read(OwnCpu(busy_ns))
        meter.rate(1)
        assert after.host_nj >= before.host_nj
        assert before.idle_nj <= after.idle_nj <= after.host_nj
        assert after.unmetered_ns >= before.unmetered_ns
        if event == "silent":
            assert after.idle_nj == before.idle_nj
            assert after.unmetered_ns > before.unmetered_ns
        if event == "read":
            assert after.host_nj >= source.nj - kept
        before, unmetered_ns = after, after.unmetered_ns
    assert unmetered_ns <= elapsed_ns


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 60 * SECOND), st.floats(0, 2)), min_size=1, max_size=30))
def test_a_counter_that_always_answers_is_booked_to_the_nanojoule(
    seconds: list[tuple[int, float]],
) -> None:
    clock, source = ManualClock(), Scripted()
    clocks = Clocks(clock.monotonic_ns, clock.monotonic_ns)
    meter = CounterMeter(source, HostCpu(Path("/nonexistent")), 2, clocks)
    meter.read()
    busy_ns = 0
    for counted_nj, busy in seconds:
        clock.advance(1)
        busy_ns += round(busy * SECOND)
        source.nj += counted_nj
        reading = meter.read(OwnCpu(busy_ns))
        meter.rate(1)
        assert reading.host_nj == source.nj
    assert reading.unmetered_ns == 0


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"{", b" ", b'{zone="package"} ', b""]))
def test_whatever_an_endpoint_answers_it_is_energy_or_refused(noise: bytes, after: bytes) -> None:
    for metric in (b"kepler_node_cpu_joules_total", b"scaph_host_energy_microjoules"):
        try:
            shown = exposed(metric + after + noise)
        except Unavailable:
            continue
        assert all(nj >= 0 for _, nj in shown.series)
