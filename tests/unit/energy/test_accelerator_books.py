"""Energy of accelerators in the books: charged by who used it, nothing left over (A1, L1)."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from lichen.core.clock import ManualClock
from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.nvml import Nvml
from lichen.energy.cards.replay_cards import ReplayCard, ReplayNvml
from lichen.energy.cards.shares import NO_SHARES, Claims, SharedReadings, Shares, read_shares
from lichen.energy.closing import NOTHING_BOOKED, Levels, close
from lichen.energy.counters import ProcessCounters
from lichen.energy.gauge import ProcessGauge
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import ProcessEnergy
from lichen.energy.owner import MeteredWindow, MeterOwner
from lichen.energy.power.model import ModelMeter
from lichen.energy.processes import read_counters
from lichen.energy.readers.counter_meter import Clocks
from lichen.energy.readers.host_meter import HostMeter

JOULE = 1_000_000_000
WORK = "work/t/job-1/m@1/fp32"
FOREIGN = 1
OURS = f"p{os.getpid()}"


class Host:
    """A host with a simulated card, its owner, and the books of its windows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.card = ReplayCard()
        self.owner = MeterOwner(folder, self.meter, self.clock)
        self.levels: Levels = NOTHING_BOOKED
        self.booked: Counter[str] = Counter()
        self.metered: list[MeteredWindow] = []

    def meter(self) -> HostMeter:
        clocks = Clocks(self.clock.monotonic_ns, self.clock.monotonic_ns)
        processors = ModelMeter(
            host=HostCpu(self.folder / "no-stat"), threads=2, monotonic=self.clock.monotonic_ns
        )
        cards = Accelerators(Nvml(ReplayNvml([self.card])), clocks.instant())
        return HostMeter(processors, cards, clocks)

    def second(self, joules: float, **percent: int) -> dict[str, int]:
        """A second in which the card drew so much; what its window booked."""
        self.card.compute(joules, **percent)
        self.clock.advance(1)
        metered = self.owner.tick()
        assert metered is not None
        self.metered.append(metered)
        lines, self.levels = close(metered.window, metered.readings, self.levels)
        assert sum(line.nj for line in lines) == 0
        for line in lines:
            self.booked[line.account] += line.nj
        return {line.account: line.nj for line in lines}


def test_a_card_that_others_use_is_the_hosts(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.second(30)
    lines = host.second(130, p1=50)
    assert lines["host/accelerators"] == 100 * JOULE
    assert lines["idle"] >= 30 * JOULE
    assert abs(lines["rate-variance"]) < 10
    host.owner.close()


def test_idling_that_is_counted_narrows_what_is_modelled(tmp_path: Path) -> None:
    host = Host(tmp_path)
    alone = ModelMeter(host=HostCpu(tmp_path / "no-stat"), threads=2).rate(1)
    for _ in range(3):
        host.second(500)
    beside = host.owner.page().rate()
    assert alone.idle_low is not None
    assert beside.idle_low is not None
    assert beside.idle_high is not None
    assert alone.idle_low < beside.idle_low < 1 < beside.idle_high < 1.06
    host.owner.close()


def test_a_host_whose_cards_idle_has_no_such_line(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert "host/accelerators" not in host.second(30)
    assert not (tmp_path / "accelerators.page").exists()
    host.owner.close()


def test_a_job_pays_for_what_it_used_of_a_card(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.second(30)
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, host.owner.page(), WORK, lambda nj, _cpu_ns: nj)
    host.second(30)
    lines = host.second(130, **{OURS: 75, "p1": 25})
    assert lines["host/accelerators"] == 25 * JOULE
    assert lines["in-progress"] >= 75 * JOULE
    spent = gauge.charge()
    assert spent.nj == 75 * JOULE + round(gauge.cpu_ns * 3.258)
    assert spent.nj_low < spent.nj - 3 * JOULE
    (reading,) = read_counters(tmp_path)
    assert reading.accelerator_charged_nj == 75 * JOULE
    lines = host.second(30)
    assert lines[WORK] == spent.nj
    assert lines["in-progress"] < -74 * JOULE
    assert gauge.charge().nj - spent.nj < JOULE
    gauge.stop()
    host.owner.close()


def test_a_process_that_charges_no_card_has_it_as_overhead(tmp_path: Path) -> None:
    host = Host(tmp_path)
    counters = ProcessCounters.create(tmp_path, "dataplane")
    host.second(30)
    lines = host.second(130, **{OURS: 80})
    assert lines["overhead/dataplane"] >= 100 * JOULE
    assert "host/accelerators" not in lines
    assert host.second(30)["overhead/dataplane"] < JOULE
    counters.finish()
    host.owner.close()


def test_what_a_job_used_in_its_last_second_is_overhead(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.second(30)
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, host.owner.page(), WORK)
    host.second(30)
    used = host.second(130, **{OURS: 80})
    assert used["in-progress"] >= 100 * JOULE
    gauge._counters._words[5] = 0  # it ends without another charge
    ended = replace(host.metered[-1].readings[0], alive=False)
    window = replace(host.metered[-1].window, energy_nj=0, idle_nj=0, accelerator_nj=0)
    lines, _ = close(window, [ended], host.levels)
    told = {line.account: line.nj for line in lines}
    assert told["overhead/job"] >= 100 * JOULE
    assert told["in-progress"] <= -100 * JOULE
    host.owner.close()


def test_who_follows_the_owner_sees_the_same(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.second(30)
    host.second(900, **{OURS: 60})
    follower = MeterOwner(tmp_path, host.meter, host.clock)
    assert not follower.owns
    follower.tick()
    counters = ProcessCounters.create(tmp_path, "job")
    host.second(30)
    follower.tick()
    host.second(130, **{OURS: 60, "p1": 20})
    seen = follower.tick()
    assert seen is not None
    assert seen.window.accelerator_nj == 100 * JOULE
    assert [one.accelerator_nj for one in seen.readings] == [75 * JOULE]
    counters.finish()
    follower.close()
    host.owner.close()


def test_shares_of_another_owner_count_from_nothing(tmp_path: Path) -> None:
    shared = SharedReadings()
    first = Shares(1, 90, (ProcessEnergy(7, 50),))
    second = Shares(2, 10, (ProcessEnergy(7, 4),))
    assert shared.step_nj(first) == 90
    shared.add([], first)
    assert shared.step_nj(second) == 10
    assert read_shares(tmp_path) == NO_SHARES
    (tmp_path / "accelerators.page").write_bytes(b"half")
    assert read_shares(tmp_path) == NO_SHARES
    (tmp_path / "accelerators.page").write_bytes(b"\0" * 64)
    assert read_shares(tmp_path) == NO_SHARES
    assert Claims(tmp_path, 7).take_nj() == 0
