"""What a batch costs is split by rows, booked, and said in receipts that agree with the books."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.carbon.footprint import CarbonRate, HostEmbodied, issue_receipt
from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.core.ids import TenantId
from lichen.energy.counters import Account, ProcessCounters
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.protocol.footprint import parse_receipt, receipt_header
from lichen.serving.charging import NoMetering, ProcessMetering
from lichen.serving.deployment import Deployment

RATE = Rate(3.7, 1.61, 5.18, Method.MODELLED, "a test", 1)
CLOCK = ManualClock(datetime(2026, 9, 21, tzinfo=UTC))
ONE, TWO = TenantId("one"), TenantId("two")


def carbon_rate(g_per_kwh: float = 400.0) -> CarbonRate:
    intensity = IntensityValue(
        g_per_kwh=g_per_kwh,
        low=g_per_kwh * 0.8,
        high=g_per_kwh * 1.3,
        zone="DE",
        source="a test",
        signal=Signal.AVERAGE,
        scope=Scope.LIFECYCLE,
        resolution_s=3600,
        kind=Kind.OBSERVED,
    )
    return CarbonRate(intensity, 1.2, HostEmbodied(4))


def totals(accounts: Sequence[Account]) -> list[int]:
    """CPU nanoseconds, nanojoules, nanograms and requests of all accounts together."""
    names = ("cpu_ns", "nj", "ng", "count")
    return [sum(getattr(account, name) for account in accounts) for name in names]


def publish(folder: Path, rate: Rate) -> None:
    writer = PageWriter(folder)
    writer.publish(PageContent(rate.window, 1, 2, 1, 0, 1, rate))
    writer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runtime")
    publish(made, RATE)
    return made


@pytest.fixture(scope="module")
def metering(folder: Path) -> Iterator[ProcessMetering]:
    counters = ProcessCounters.create(folder, "test")
    yield ProcessMetering(counters, folder, carbon_rate(), CLOCK)
    counters.finish()


@given(
    cpu_ns=st.integers(0, 10**12),
    rows=st.lists(st.integers(1, 300), min_size=1, max_size=20),
)
def test_shares_sum_to_the_batch_and_to_the_books(
    metering: ProcessMetering, cpu_ns: int, rows: list[int]
) -> None:
    tenants = [ONE if number % 3 else TWO for number in range(len(rows))]
    accounts = [metering.counters.account(f"work/{tenant}/d/m@7/int8") for tenant in (ONE, TWO)]
    before = totals(accounts)
    bill = metering.bill(Deployment("d", "m", 7, "int8"))
    charges = [charge for charge in bill.charge(cpu_ns, rows, tenants) if charge is not None]
    booked = [now - then for now, then in zip(totals(accounts), before, strict=True)]
    assert booked == [
        cpu_ns,
        RATE.nanojoules(cpu_ns),
        sum(charge.ng or 0 for charge in charges),
        len(rows),
    ]
    assert sum(charge.nj for charge in charges) == RATE.nanojoules(cpu_ns)


@given(cpu_ns=st.integers(0, 10**13))
def test_a_receipt_is_what_carbon_would_issue(metering: ProcessMetering, cpu_ns: int) -> None:
    (charge,) = metering.bill(Deployment("d", "m", 1)).charge(cpu_ns, [1], [ONE])
    assert charge is not None
    said = parse_receipt(charge.receipt)
    issued = parse_receipt(
        receipt_header(
            issue_receipt(RATE.figure(cpu_ns), carbon_rate(), CLOCK.now(), cpu_ns, "fp32")
        )
    )
    assert said.energy == issued.energy
    assert (said.energy.nj, said.at, said.variant) == (charge.nj, issued.at, "fp32")
    assert said.carbon is not None
    assert issued.carbon is not None
    for name in ("ng", "ng_low", "ng_high"):
        exact = getattr(issued.carbon, name)
        assert getattr(said.carbon, name) == pytest.approx(exact, rel=1e-6, abs=1.5)
    assert said.carbon.ng_low <= said.carbon.ng <= said.carbon.ng_high


def test_a_new_rate_and_a_new_intensity_count_from_the_next_batch(tmp_path: Path) -> None:
    metering = ProcessMetering(
        ProcessCounters.create(tmp_path, "test"), tmp_path, carbon_rate(), CLOCK
    )
    bill = metering.bill(Deployment("d", "m", 1))
    assert bill.charge(1000, [1, 2], [ONE, ONE]) == [None, None]  # nobody published a page yet
    publish(tmp_path, RATE)
    (first,) = bill.charge(1_000_000, [1], [ONE])
    publish(tmp_path, Rate(7.4, 7.0, 8.0, Method.MEASURED, "a test", 2))
    metering.carbon = carbon_rate(800.0)
    (second,) = bill.charge(1_000_000, [1], [ONE])
    assert first is not None
    assert second is not None
    assert second.nj == 2 * first.nj
    assert "method=measured" in second.receipt
    metering.carbon = None
    (third,) = bill.charge(1_000_000, [1], [ONE])
    assert third is not None
    assert third.ng is None
    assert parse_receipt(third.receipt).carbon is None


def test_lanes_are_given_back_and_used_again(metering: ProcessMetering) -> None:
    taken = [metering.lane() for _ in range(3)]
    for lane in taken:
        metering.release(lane)
    assert {id(metering.lane()) for _ in range(3)} == {id(lane) for lane in taken}
    assert metering.inline_lane() is metering.inline_lane()


def test_without_a_meter_there_is_no_receipt() -> None:
    nobody = NoMetering()
    assert nobody.bill(Deployment("d", "m", 1)).charge(5, [1, 1], [ONE, TWO]) == [None, None]
    assert nobody.lane() is None
    assert nobody.inline_lane() is None
    nobody.release(None)
