"""Cards: what of their energy is idling, whose the rest is, and what the drivers answer."""

import sys
from collections.abc import Mapping

import pytest

from lichen.core.errors import Unavailable
from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.amdsmi import AmdSmi
from lichen.energy.cards.nvml import Nvml
from lichen.energy.cards.replay_cards import ReplayAmdSmi, ReplayCard, ReplayNvml
from lichen.energy.readers.host_meter import with_cards
from lichen.energy.readers.replay import NullMeter
from lichen.energy.steps import Instant

SECOND = 1_000_000_000
JOULE = 1_000_000_000


class Cards:
    """Cards under a clock that is moved by hand."""

    def __init__(self, *cards: ReplayCard) -> None:
        self.cards = cards
        self.seconds = 0
        self.library = ReplayNvml(cards)
        self.read_by = Accelerators(Nvml(self.library), self.now())

    def now(self) -> Instant:
        return Instant(self.seconds * SECOND, self.seconds * SECOND)

    def second(self, joules: float, card: int = 0, **percent: int) -> None:
        self.cards[card].compute(joules, **percent)

    def read(self) -> dict[int, float]:
        self.seconds += 1
        self.reading = self.read_by.read(self.now())
        return {one.pid: one.nj / JOULE for one in self.reading.shares}

    @property
    def dynamic(self) -> float:
        return (self.reading.nj - self.reading.idle_nj) / JOULE


def test_what_a_card_draws_beyond_idling_goes_by_share_of_its_units() -> None:
    cards = Cards(ReplayCard())
    cards.second(30)
    assert cards.read() == {}
    assert cards.reading.idle_nj == 30 * JOULE
    cards.second(130, p7=60, p8=20)
    assert cards.read() == {7: 75, 8: 25}
    assert cards.dynamic == 100
    cards.second(30)
    assert cards.read() == {7: 75, 8: 25}


def test_shares_sum_to_the_nanojoule() -> None:
    cards = Cards(ReplayCard())
    cards.second(0.001)
    cards.read()
    for _ in range(5):
        cards.second(0.1, p1=33, p2=33, p3=1)
        cards.read()
    total = sum(one.nj for one in cards.reading.shares)
    assert total == cards.reading.nj - cards.reading.idle_nj


def test_several_cards_add_up_each_with_its_own_idling() -> None:
    cards = Cards(ReplayCard(), ReplayCard("NVIDIA L4"))
    cards.second(30)
    cards.second(10, card=1)
    cards.read()
    cards.second(80, p7=100)
    cards.second(12, card=1, p7=50, p9=50)
    assert cards.read() == {7: 51, 9: 1}
    assert cards.reading.nj == 132 * JOULE


def test_before_an_idle_second_was_seen_all_is_charged_to_who_computes() -> None:
    cards = Cards(ReplayCard())
    cards.second(100, p7=10)
    assert cards.read() == {7: 100}


def test_samples_of_before_are_not_counted_again() -> None:
    card = ReplayCard()
    card.compute(1, p5=99)
    cards = Cards(card)
    cards.second(10)
    cards.read()
    assert cards.reading.shares == ()


def test_where_utilisation_is_not_told_who_is_alone_is_known() -> None:
    card = ReplayCard(tells_utilisation=False, running=[7])
    cards = Cards(card)
    cards.second(50)
    assert cards.read() == {7: 50}
    card.running.append(8)
    cards.second(50)
    assert cards.read() == {7: 50}


def test_a_lost_card_is_said_and_the_others_go_on() -> None:
    cards = Cards(ReplayCard(), ReplayCard())
    cards.second(10)
    cards.read()
    cards.cards[0].lost = True
    cards.second(10, card=1)
    cards.read()
    assert cards.read_by.trouble is not None
    assert "A100-SXM4-40GB 0" in cards.read_by.trouble
    assert cards.reading.nj == 20 * JOULE


def test_a_process_that_computes_no_more_is_forgotten_after_a_while() -> None:
    cards = Cards(ReplayCard())
    cards.second(10, p7=10)
    assert 7 in cards.read()
    cards.seconds += 3601
    assert cards.read() == {}


def test_cards_are_read_once_a_window_however_often_they_are_looked_at() -> None:
    cards = Cards(ReplayCard())
    cards.read()
    cards.second(10)
    later = Instant(cards.seconds * SECOND + SECOND // 10, 0)
    assert cards.read_by.read(later).nj == 0


def test_no_driver_and_no_card_with_a_counter_are_unavailable() -> None:
    with pytest.raises(Unavailable, match="no NVIDIA driver answers"):
        Nvml(ReplayNvml([ReplayCard()], driver=False))
    library = ReplayNvml([ReplayCard(has_counter=False)])
    with pytest.raises(Unavailable, match="Volta"):
        Nvml(library)
    assert library.started == 0
    with pytest.raises(Unavailable, match="no AMD driver answers"):
        AmdSmi(ReplayAmdSmi([ReplayCard()], driver=False))
    with pytest.raises(Unavailable, match="no AMD card"):
        AmdSmi(ReplayAmdSmi([ReplayCard(has_counter=False)]))


def test_a_card_that_falls_away_as_it_is_opened_lets_go_of_the_driver() -> None:
    card = ReplayCard()
    library = ReplayNvml([card])
    cards = Nvml(library)
    card.lost = True
    processors = NullMeter()
    with pytest.raises(Unavailable, match="cannot be read"):
        with_cards(processors, cards)
    assert library.started == 0


def test_closing_lets_go_of_the_driver() -> None:
    cards = Cards(ReplayCard())
    assert cards.library.started == 1
    cards.read_by.close()
    assert cards.library.started == 0


def test_amd_counts_in_steps_of_its_resolution() -> None:
    card = ReplayCard("MI300X", microjoules=1_000_000)
    (device,) = AmdSmi(ReplayAmdSmi([card])).devices
    assert device.raw_nj() == pytest.approx(1_000_000_000, abs=15_300)


def test_amd_shares_go_by_compute_units_and_else_by_time_on_the_engine() -> None:
    library = ReplayAmdSmi([ReplayCard()])
    (device,) = AmdSmi(library).devices
    library.cards[0].compute(1, p7=30, p8=10)
    assert device.shares() == {7: 30, 8: 10}
    for engine_ns, share in ((500, 500), (800, 300)):
        engine = {"gfx": engine_ns, "enc": 0}
        told: list[Mapping[str, object]] = [
            {"pid": 7, "cu_occupancy": "N/A", "engine_usage": engine}
        ]
        library.amdsmi_get_gpu_process_list = lambda _, told=told: told  # type: ignore[method-assign, misc]
        assert device.shares() == {7: share}


def test_libraries_that_are_not_there_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    with pytest.raises(Unavailable, match=r"pip install 'lichen\[nvml\]'"):
        Nvml()
    with pytest.raises(Unavailable, match="/opt/rocm/share/amd_smi"):
        AmdSmi()


def test_the_real_library_has_what_the_simulated_one_stands_for() -> None:
    real = pytest.importorskip("pynvml")
    simulated = [name for name in dir(ReplayNvml) if name.lower().startswith("nvml")]
    assert simulated
    assert [name for name in simulated if not hasattr(real, name)] == []
    assert real.NVML_ERROR_NOT_FOUND == ReplayNvml.NVML_ERROR_NOT_FOUND
    fields = {name for name, _ in real.c_nvmlProcessUtilizationSample_t._fields_}
    assert {"pid", "timeStamp", "smUtil"} <= fields
