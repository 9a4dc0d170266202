"""Batches on an accelerator pay for it by its counter; receipts and books agree (A1)."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.core.ids import TenantId
from lichen.energy.cards.card_pot import CardPot
from lichen.energy.cards.shares import SharesWriter
from lichen.energy.counters import ProcessCounters
from lichen.energy.meter import ProcessEnergy, Reading
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.energy.processes import read_counters
from lichen.protocol.footprint import parse_receipt
from lichen.serving.charging import Charge, ProcessMetering
from lichen.serving.deployment import Deployment

CLOCK = ManualClock(datetime(2026, 9, 21, tzinfo=UTC))
ONE, TWO = TenantId("one"), TenantId("two")
MILLISECOND = 1_000_000
JOULE = 1_000_000_000


class Owner:
    """Publishes windows: the rate, and what this process used of the cards so far."""

    def __init__(self, folder: Path) -> None:
        self._page, self._shares = PageWriter(folder), SharesWriter(folder, 7)
        self.window = 0
        self.nj = 0

    def close_window(self, joules: float = 0.0) -> None:
        self.window += 1
        self.nj += round(joules * JOULE)
        ours = ProcessEnergy(os.getpid(), self.nj)
        self._shares.publish(Reading(self.nj, 0, 0, 0, self.nj, (ours, ProcessEnergy(1, 5))))
        rate = Rate(3.0, 2.0, 4.0, Method.MODELLED, "a test", self.window)
        self._page.publish(PageContent(self.window, 1, 2, 1, 0, 1, rate))

    def close(self) -> None:
        self._page.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path)
    made.close_window()
    yield made
    made.close()


@pytest.fixture
def metering(tmp_path: Path, owner: Owner) -> ProcessMetering:
    assert owner.window == 1
    counters = ProcessCounters.create(tmp_path, "dataplane")
    return ProcessMetering(counters, tmp_path, None, CLOCK)


def deployment() -> Deployment:
    return Deployment("vision", "vision", 1)


def energies(charges: object) -> list[int]:
    assert isinstance(charges, list)
    assert all(isinstance(charge, Charge) for charge in charges)
    return [charge.nj for charge in charges]


def test_what_a_window_used_is_charged_to_the_batches_of_the_next(
    tmp_path: Path, owner: Owner, metering: ProcessMetering
) -> None:
    bill = metering.bill(deployment(), on_card=True)
    for _ in range(10):
        bill.charge(MILLISECOND, [1], [ONE])
    owner.close_window(50)
    for _ in range(10):
        (charge,) = bill.charge(MILLISECOND, [1], [ONE])
        assert charge is not None
        assert charge.nj == 3 * MILLISECOND + 5 * JOULE
    (more,) = bill.charge(MILLISECOND, [1], [ONE])
    assert more is not None
    assert more.nj == 3 * MILLISECOND, "more than was counted"
    (reading,) = read_counters(tmp_path)
    assert reading.accelerator_charged_nj == 50 * JOULE
    assert reading.charges_accelerators
    assert sum(one.nj for one in reading.charges) == 50 * JOULE + 21 * 3 * MILLISECOND


def test_requests_of_one_batch_share_by_rows_to_the_nanojoule(
    owner: Owner, metering: ProcessMetering
) -> None:
    bill = metering.bill(deployment(), on_card=True)
    bill.charge(3 * MILLISECOND, [1, 2], [ONE, TWO])
    owner.close_window(0.3)
    charges = bill.charge(3 * MILLISECOND, [1, 2], [ONE, TWO])
    assert energies(charges) == [JOULE // 10 + 3 * MILLISECOND, JOULE // 5 + 6 * MILLISECOND]


def test_a_receipt_says_that_it_is_mixed_and_holds_both(
    owner: Owner, metering: ProcessMetering
) -> None:
    bill = metering.bill(deployment(), on_card=True)
    bill.charge(MILLISECOND, [1], [ONE])
    owner.close_window(2)
    (charge,) = bill.charge(MILLISECOND, [1], [ONE])
    assert charge is not None
    said = parse_receipt(charge.receipt)
    assert said.energy.method is Method.MIXED
    assert said.energy.nj == charge.nj
    assert said.energy.nj_low == round(2 * MILLISECOND + 1.9 * JOULE)
    assert said.energy.nj_high == pytest.approx(4 * MILLISECOND + 2.1 * JOULE, abs=2)


def test_a_batch_on_the_cpu_pays_for_no_card(owner: Owner, metering: ProcessMetering) -> None:
    on_card = metering.bill(deployment(), on_card=True)
    on_cpu = metering.bill(deployment())
    on_card.charge(MILLISECOND, [1], [ONE])
    owner.close_window(9)
    (charge,) = on_cpu.charge(MILLISECOND, [1], [ONE])
    assert charge is not None
    assert charge.nj == 3 * MILLISECOND


def test_a_process_apart_pays_for_the_card_that_it_uses(
    tmp_path: Path, owner: Owner, metering: ProcessMetering
) -> None:
    apart = metering.of_process(os.getpid(), "guest", 1)
    bill = apart.bill(deployment())
    bill.charge(MILLISECOND, [1], [ONE])
    owner.close_window(4)
    (charge,) = bill.charge(MILLISECOND, [1], [ONE])
    assert charge is not None
    assert charge.nj == 3 * MILLISECOND + 4 * JOULE
    apart.finish()
    assert tmp_path.exists()


def test_a_pot_gives_out_no_more_than_was_put_in(tmp_path: Path, owner: Owner) -> None:
    pot = CardPot(tmp_path, os.getpid())
    given = 0
    for joules in (1.0, 0.0, 7.5, 0.25, 3.0):
        for cpu_ns in (10, 200, 3_000):
            given += pot.take(cpu_ns, owner.window)
        owner.close_window(joules)
    assert 0 < given <= owner.nj
