"""What the model assumes of a machine: the best that is known, and why no better."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.core.errors import Unavailable
from lichen.energy.power.calibration import Calibration, write_calibration
from lichen.energy.power.machine import Machine, assume, this_machine
from lichen.energy.power.parameters import SPECPOWER_2017, Spread
from lichen.energy.power.processors import Processor, TdpTable

XEON = Machine(Processor("Intel Xeon Platinum 8280", 56, virtual=False), 112, 192.0)
LAPTOP = Machine(Processor("Intel Core i7-1165G7", 8, virtual=False), 8, 16.0)
GUEST = Machine(Processor("AMD EPYC", None, virtual=True), 2, 23.5)
CALIBRATED = Calibration(
    "AMD EPYC",
    2,
    Spread(2_900, 3_000, 3_100),
    Spread(9_800, 10_000, 10_200),
    datetime(2026, 11, 22, tzinfo=UTC),
    "wall.csv",
    180,
    0.99,
)


def made_up(folder: Path) -> TdpTable:
    (folder / "cpu.csv").write_text(
        "Name,TDP\nIntel Xeon Platinum 8280,205\nIntel Core i7-1165G7,28\n"
    )
    return TdpTable(folder / "cpu.csv", "made up 1.0")


def no_table() -> TdpTable:
    raise Unavailable("no table of TDP")


def test_a_server_whose_tdp_is_known_is_taken_by_it(tmp_path: Path) -> None:
    found = assume(XEON, table=lambda: made_up(tmp_path))
    assert found.parameters.slope == Spread(2160, 3302, 3946)
    assert "TDP 205 W" in found.parameters.source
    assert "made up 1.0" in found.parameters.source
    assert found.meter().idle.median_mw > 192 * 144


def test_the_interval_by_tdp_is_the_tighter_one(tmp_path: Path) -> None:
    slope = assume(XEON, table=lambda: made_up(tmp_path)).parameters.slope
    published = SPECPOWER_2017.slope
    assert slope.high_mw / slope.low_mw < published.high_mw / published.low_mw


def test_a_kind_that_was_not_fitted_on_is_said(tmp_path: Path) -> None:
    found = assume(LAPTOP, table=lambda: made_up(tmp_path))
    assert "nobody has checked" in found.reasons[-1]


@pytest.mark.parametrize(
    ("machine", "why"),
    [(GUEST, "how many threads share a socket"), (XEON, "no table of TDP")],
)
def test_without_tdp_published_servers_stand_and_it_says_why(machine: Machine, why: str) -> None:
    found = assume(machine, table=no_table)
    assert found.parameters == SPECPOWER_2017
    assert why in found.reasons[-1]


def test_a_processor_that_the_table_does_not_know_is_named(tmp_path: Path) -> None:
    unknown = Machine(Processor("Z80", 1, virtual=False), 1, None)
    found = assume(unknown, table=lambda: made_up(tmp_path))
    assert "does not know Z80" in found.reasons[-1]


def test_a_calibration_of_this_machine_comes_first(tmp_path: Path) -> None:
    write_calibration(tmp_path / "calibration.toml", CALIBRATED)
    found = assume(GUEST, tmp_path / "calibration.toml", no_table)
    meter = found.meter()
    assert meter.rate(1).nj_per_cpu_ns == 3.0
    assert (meter.rate(1).low, meter.rate(1).high) == (2.9, 3.1)
    assert meter.idle == Spread(9_800, 10_000, 10_200)
    assert meter.memory is None
    assert meter.source == "model calibrated 2026-11-22 against wall.csv"


def test_a_calibration_of_another_machine_is_refused_with_its_reason(tmp_path: Path) -> None:
    write_calibration(tmp_path / "calibration.toml", CALIBRATED)
    found = assume(XEON, tmp_path / "calibration.toml", no_table)
    assert found.parameters == SPECPOWER_2017
    assert "is of AMD EPYC with 2 threads, and this is Intel Xeon" in found.reasons[0]
    assert "--forget" in found.reasons[0]


def test_a_calibration_that_cannot_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "calibration.toml").write_text("form = 99")
    found = assume(GUEST, tmp_path / "calibration.toml", no_table)
    assert found.parameters == SPECPOWER_2017
    assert "cannot be read" in found.reasons[0]


def test_what_is_assumed_is_said_with_watts_and_share() -> None:
    watts, share, *_ = assume(GUEST, table=no_table).sentences
    assert "3.26 W (1.19 to 4.1) by busy thread" in watts
    assert "memory 3.38 W" in watts
    assert "share of 2 threads, 23.5 GB" in share
    assert "the whole machine" in assume(XEON, table=no_table).sentences[1]


def test_this_machine_is_described() -> None:
    machine = this_machine()
    assert machine.threads >= 1
    assert machine.memory_gib is None or machine.memory_gib > 0.1
