"""A closed window becomes a booking that balances in joules and in grams (L1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.booking import book
from lichen.carbon.ledger.postings import Basis, check_balanced
from lichen.core.figures import Method
from lichen.energy.closing import Posting as Line
from lichen.energy.closing import close
from lichen.energy.meter import Window
from lichen.energy.page import Rate
from lichen.energy.readings import Charge, ProcessReading

START = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
PUBLISHED = Rate(3.8, 1.61, 5.18, Method.MODELLED, "SPECpower model 1", 7)
INTENSITY = ConstantIntensity(400.0).at("DE", START)
SECOND_NS = 10**9


def window() -> Window:
    end = START + timedelta(seconds=1)
    return Window(
        7, START, end, energy_nj=5_000_000_000, idle_nj=1_200_000_000,
        busy_cpu_ns=SECOND_NS, rate=PUBLISHED,
    )  # fmt: skip


def lines() -> tuple[Line, ...]:
    charge = Charge("work/default/vic/vic@1/fp32", 400_000_000, 1_520_000_000, 77, 1200)
    reading = ProcessReading(
        "dataplane", 7, 8, 450_000_000, (charge,), 0, whole_process=False, alive=True
    )
    return close(window(), [reading])[0]


def test_work_keeps_its_grams_and_the_meter_pays_for_everything() -> None:
    booking = book(window(), lines(), CarbonRate(INTENSITY))
    by_account = {posting.account: posting for posting in booking.postings}

    check_balanced(booking.postings, "the window")
    assert by_account["meter"].nj == -5_000_000_000
    assert by_account["work/default/vic/vic@1/fp32"].ng == 77
    assert by_account["work/default/vic/vic@1/fp32"].units == 1200
    assert by_account["idle"].ng == round(1_200_000_000 * 400 / 3_600_000)
    assert by_account["overhead/dataplane"].ng > 0


def test_the_interval_of_idle_is_booked_where_the_meter_knows_it() -> None:
    rate = replace(PUBLISHED, idle_low=0.6178, idle_high=2.1012)
    apart = book(replace(window(), rate=rate), lines(), CarbonRate(INTENSITY)).basis
    assert (apart.idle_low, apart.idle_high) == (0.62, 2.1)
    assert Basis.parse(apart.text()) == apart
    together = book(window(), lines(), CarbonRate(INTENSITY)).basis
    assert together.idle_low is None


def test_the_making_of_the_host_is_shared_by_its_threads_and_idle_takes_the_rest() -> None:
    embodied = HostEmbodied(threads=4)
    plain = book(window(), lines(), CarbonRate(INTENSITY))
    full = book(window(), lines(), CarbonRate(INTENSITY, embodied=embodied))
    work_ns = 400_000_000
    added = full.postings[0].ng - plain.postings[0].ng

    check_balanced(full.postings, "the window")
    a_second_of_the_host = embodied.ng_per_cpu_ns(25.0) * (4 * SECOND_NS - work_ns)
    assert -added == pytest.approx(a_second_of_the_host, abs=5)


def test_the_basis_says_on_what_it_stands_and_survives_its_text() -> None:
    basis = book(window(), lines(), CarbonRate(INTENSITY, pue=1.2)).basis

    assert (basis.energy_low, basis.energy_high) == (0.42, 1.36)
    assert (basis.method, basis.meter, basis.pue) == (Method.MODELLED, "SPECpower model 1", 1.2)
    assert Basis.parse(basis.text()) == basis
