"""Windows become entries whose joules and grams both sum to zero, whatever the disk does."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Booking
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound, StorageFailed, Unavailable
from lichen.energy.counters import ProcessCounters
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.owner import MeterOwner
from lichen.energy.page import PageReader
from lichen.energy.power.calibration import Calibration, write_calibration
from lichen.energy.power.machine import this_machine
from lichen.energy.power.parameters import Spread
from lichen.energy.readers.rapl import RaplMeter
from lichen.energy.readers.replay import ReplayMeter
from lichen.server.metering import Metering, open_metering
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.server.setting import Value
from lichen.server.settings import load

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECOND = 10**9


class FullDisk:
    """A ledger whose disk is full until it is not."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.full = True

    def record(self, one: Booking) -> None:
        if self.full:
            raise StorageFailed("the disk is full")
        self.ledger.record(one)

    def close(self) -> None:
        self.ledger.close()


def test_a_full_disk_stops_no_platform_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(NOW)
    trace = [Reading(n * SECOND, n * SECOND // 2, n * SECOND // 4, n * SECOND) for n in range(99)]
    disk = FullDisk(Ledger.open(tmp_path / "ledger.db", clock))
    owner = MeterOwner(tmp_path, lambda: ReplayMeter(trace), clock)
    counters = ProcessCounters.create(tmp_path, "supervisor")
    prices = pricing(CarbonSettings(zone="DE"), tmp_path)
    metering = Metering(owner, disk, prices, counters)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        for _ in range(40):
            metering.sample()
            clock.advance(0.1)
    assert caplog.text.count("the disk is full") == 1
    disk.full = False
    clock.advance(1.0)
    metering.sample()
    metering.close()
    totals = LedgerReader(tmp_path / "ledger.db").accounts()
    assert totals
    assert sum(one.nj for one in totals) == 0


class Unplugged(ReplayMeter):
    """A meter that goes away and comes back."""

    gone = False

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        if self.gone:
            raise Unavailable("the energy counter went away")
        return super().read(own)


def test_a_meter_that_goes_away_stops_no_platform(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(NOW)
    trace = [Reading(n * SECOND, n * SECOND // 2, n * SECOND // 4, n * SECOND) for n in range(99)]
    meter = Unplugged(trace)
    ledger = Ledger.open(tmp_path / "ledger.db", clock)
    owner = MeterOwner(tmp_path, lambda: meter, clock)
    counters = ProcessCounters.create(tmp_path, "supervisor")
    metering = Metering(owner, ledger, pricing(CarbonSettings(), tmp_path), counters)
    meter.gone = True
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            clock.advance(0.1)
            metering.sample()
    assert caplog.text.count("went away") == 1
    meter.gone = False
    counters.account("work/default/a").add(10, 33, 0)
    metering.close()
    totals = {one.account: one.nj for one in LedgerReader(tmp_path / "ledger.db").accounts()}
    assert totals["work/default/a"] == 33
    assert sum(totals.values()) == 0


def test_counters_that_fall_silent_are_told_once_and_booked_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "262143328850")):
        (zone / name).write_text(text)
    (zone / "energy_uj").write_text("5000000")
    clock = ManualClock(NOW)
    hidden = HostCpu(tmp_path / "no-stat")
    meter = RaplMeter(zone.parent, hidden, 2, clock.monotonic_ns, clock.monotonic_ns)
    owner = MeterOwner(tmp_path, lambda: meter, clock)
    counters = ProcessCounters.create(tmp_path, "supervisor")
    ledger = Ledger.open(tmp_path / "ledger.db", clock)
    metering = Metering(owner, ledger, pricing(CarbonSettings(), tmp_path), counters)
    with caplog.at_level(logging.INFO):
        for text in ("6000000", "", "", "8000000"):
            (zone / "energy_uj").write_text(text)
            clock.advance(1)
            metering.sample()
    metering.close()
    assert caplog.text.count("the meter is silent, the last rate stands in") == 1
    assert caplog.text.count("the meter can be read again") == 1
    reader = LedgerReader(tmp_path / "ledger.db")
    meters = [one.basis.meter for one in reader.entries(limit=99) if one.basis is not None]
    assert any(meter == "rapl package-0, in part silent" for meter in meters)
    assert any(meter.endswith("silent: the last rate") for meter in meters)
    totals = {one.account: one.nj for one in reader.accounts()}
    assert totals["meter"] == pytest.approx(-3 * SECOND, rel=0.2)  # and the CPU since
    assert sum(totals.values()) == 0


def test_work_of_another_platform_on_this_host_is_not_in_our_books(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    trace = [Reading(n * SECOND, n * SECOND // 2, n * SECOND // 4, n * SECOND) for n in range(99)]
    owner = MeterOwner(tmp_path, lambda: ReplayMeter(trace), clock)
    counters = ProcessCounters.create(tmp_path, "supervisor", "/home/ours")
    metering = Metering(
        owner,
        Ledger.open(tmp_path / "ledger.db", clock),
        pricing(CarbonSettings(), tmp_path),
        counters,
    )
    script = (
        "import sys; from pathlib import Path; from lichen.energy.counters import ProcessCounters\n"
        "made = ProcessCounters.create(Path(sys.argv[1]), 'dataplane', sys.argv[2])\n"
        "made.account('work/default/' + sys.argv[3]).add(1000, 3000, 1); made.finish()"
    )
    for home, account in (("/home/theirs", "theirs"), ("/home/ours", "ours")):
        subprocess.run([sys.executable, "-c", script, tmp_path, home, account], check=True)
    for _ in range(25):
        metering.sample()
        clock.advance(0.1)
    metering.close()
    totals = {one.account: one.nj for one in LedgerReader(tmp_path / "ledger.db").accounts()}
    assert totals["work/default/ours"] == 3000
    assert "work/default/theirs" not in totals
    assert sum(totals.values()) == 0


@pytest.mark.parametrize("meter", ["auto", "model"])
def test_metering_opens_on_any_machine(tmp_path: Path, meter: str) -> None:
    flags: dict[str, Value] = {
        "home": tmp_path / "home",
        "runtime": tmp_path / "run",
        "meter": meter,
    }
    metering = open_metering(load(flags, {}))
    metering.sample()
    metering.close()
    assert sum(one.nj for one in LedgerReader(tmp_path / "home" / "ledger.db").accounts()) == 0


@pytest.mark.parametrize("meter", ["auto", "model"])
def test_a_calibration_in_the_home_is_what_work_is_charged_and_booked_by(
    tmp_path: Path, meter: str
) -> None:
    machine = this_machine()
    said = machine.processor.name, machine.threads, Spread(2_000, 2_500, 3_000), Spread(9, 10, 11)
    home = tmp_path / "home"
    write_calibration(
        home / "calibration.toml", Calibration(*said, NOW, "wall meter wall.csv", 180, 0.99)
    )
    flags: dict[str, Value] = {
        "home": home,
        "runtime": tmp_path / "run",
        "powercap": tmp_path / "none",
        "meter": meter,
    }
    metering = open_metering(load(flags, {}))
    page = PageReader.open(tmp_path / "run")
    rate = page.rate()
    page.close()
    metering.close()
    assert (rate.low, rate.nj_per_cpu_ns, rate.high) == (2.0, 2.5, 3.0)
    assert "calibrated" in rate.source
    (basis,) = LedgerReader(home / "ledger.db").statement().bases
    assert basis.meter == rate.source
    assert (basis.energy_low, basis.energy_high) == (0.8, 1.2)


def test_a_machine_without_the_meter_that_is_asked_for_says_so(tmp_path: Path) -> None:
    flags: dict[str, Value] = {
        "home": tmp_path / "home",
        "runtime": tmp_path / "run",
        "meter": "rapl",
        "powercap": tmp_path,
    }
    with pytest.raises(Exception, match="no RAPL counters"):
        open_metering(load(flags, {}))


def test_prices_come_from_the_first_source_that_knows(tmp_path: Path) -> None:
    series = tmp_path / "series.csv"
    series.write_text("time,g\n2026-11-21T00:00:00Z,50\n2026-11-21T01:00:00Z,60\n")
    both = CarbonSettings(zone="de", intensity_g_per_kwh=10.0, intensity_file=series)
    assert pricing(both, tmp_path).rate(NOW).intensity.g_per_kwh == 10
    file = CarbonSettings(zone="DE", intensity_file=series)
    prices = pricing(file, tmp_path)
    assert prices.rate(NOW).intensity.g_per_kwh == 50
    assert prices.rate(NOW) is prices.rate(NOW)
    assert prices.rate(NOW.replace(hour=1)).intensity.g_per_kwh == 60
    after = prices.rate(NOW.replace(year=2027)).intensity
    assert "yearly average" in after.source
    assert after.passed_over


def test_the_hosts_own_share_can_be_stated(tmp_path: Path) -> None:
    stated = pricing(CarbonSettings(embodied_kg_per_thread=0.0), tmp_path).rate(NOW)
    default = pricing(CarbonSettings(), tmp_path).rate(NOW)
    assert stated.grams(0, SECOND) == 0 < default.grams(0, SECOND)


def test_carbon_settings_that_are_not_usable(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        pricing(CarbonSettings(zone="Germany"), tmp_path)
    with pytest.raises(NotFound, match="intensity file"):
        pricing(CarbonSettings(zone="DE", intensity_file=tmp_path / "none.csv"), tmp_path)
