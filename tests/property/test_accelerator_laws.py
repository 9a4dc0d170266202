"""Laws of closing with accelerators: every nanojoule goes somewhere, whoever charges what (L1)."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.figures import Method
from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.nvml import Nvml
from lichen.energy.cards.replay_cards import ReplayCard, ReplayNvml
from lichen.energy.closing import NOTHING_BOOKED, close
from lichen.energy.meter import Window
from lichen.energy.page import Rate
from lichen.energy.readings import Charge, ProcessReading
from lichen.energy.steps import Instant

START = datetime(2026, 1, 1, tzinfo=UTC)
RATE = Rate(2.0, 1.0, 4.0, Method.MEASURED, "made up", 1)
SECOND = 1_000_000_000
STEPS = st.lists(
    st.tuples(st.integers(0, 10**12), st.integers(0, 10**12), st.booleans(), st.integers(0, 10**9)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(STEPS, st.booleans())
def test_windows_close_and_a_process_pays_for_all_it_used(
    steps: list[tuple[int, int, bool, int]],
    will_charge: bool,  # noqa: FBT001 - drawn
) -> None:
    used = charged = others = 0
    levels = NOTHING_BOOKED
    booked: dict[str, int] = {}
    for number, (ours_nj, other_nj, charges, cpu_ns) in enumerate(steps):
        published = used
        used += ours_nj
        charged = published if charges and will_charge else charged
        alive = number < len(steps) - 1
        work = Charge("work/t/j/m@1/fp32", 0, charged, 0, 0)
        reading = ProcessReading(
            "job",
            7,
            1,
            0,
            (work,),
            0,
            whole_process=False,
            alive=alive,
            accelerator_nj=used,
            accelerator_charged_nj=charged,
            charges_accelerators=will_charge,
        )
        window = Window(
            number,
            START,
            START,
            ours_nj + other_nj + cpu_ns * 2,
            0,
            cpu_ns,
            RATE,
            accelerator_nj=ours_nj + other_nj,
        )
        lines, levels = close(window, [reading], levels)
        assert sum(line.nj for line in lines) == 0
        others += other_nj
        for line in lines:
            assert line.nj >= 0 or line.account in ("meter", "in-progress")
            booked[line.account] = booked.get(line.account, 0) + line.nj
    assert booked["in-progress"] == 0
    assert booked.get("host/accelerators", 0) == others
    assert booked.get("work/t/j/m@1/fp32", 0) + booked["overhead/job"] == used
    assert booked["rate-variance"] == 0


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.dictionaries(st.integers(2, 6), st.integers(0, 100))),
        min_size=1,
        max_size=15,
    )
)
def test_of_a_card_nothing_is_lost_and_nothing_is_made(
    seconds: list[tuple[float, dict[int, int]]],
) -> None:
    card = ReplayCard()
    read_by = Accelerators(Nvml(ReplayNvml([card])), Instant(0, 0))
    for number, (joules, percent) in enumerate(seconds, 1):
        card.compute(joules, **{f"p{pid}": share for pid, share in percent.items()})
        reading = read_by.read(Instant(number * SECOND, number * SECOND))
        told_nj = sum(one.nj for one in reading.shares)
        assert reading.nj == card.microjoules // 1000 * 1_000_000
        assert 0 <= reading.idle_nj <= reading.nj
        assert told_nj == reading.nj - reading.idle_nj
