"""The books follow what services know later, by themselves, once an hour (L3)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.grids.kept import Kept, kept_file, write_kept
from lichen.carbon.grids.observations import Answer, Method, Point
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.ledger.ledger import Ledger
from lichen.core.clock import ManualClock
from lichen.energy.counters import ProcessCounters
from lichen.energy.meter import Reading
from lichen.energy.owner import MeterOwner
from lichen.energy.readers.replay import ReplayMeter
from lichen.server.metering import Metering
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings

EIGHT = datetime(2026, 11, 21, 8, tzinfo=UTC)
SECOND = 10**9
METHOD = Method("a test", Signal.AVERAGE, Scope.LIFECYCLE, 0.1, 6 * 3600)


ROUNDED_NG = 2.5
"""In each second booked: a share is rounded by less than 1 ng (A5), here times 1.5, and so is what
it comes to at the new intensity; which way changes with the CPU time of this process."""


def say(folder: Path, *values: float) -> None:
    first = int(EIGHT.timestamp()) - 3600
    points = tuple(
        Point(first + 3600 * at, 3600, value, Kind.OBSERVED) for at, value in enumerate(values)
    )
    write_kept(kept_file(folder, "entsoe"), Kept(Answer("DE", METHOD, points), EIGHT, EIGHT))


def test_what_was_carried_is_adjusted_hours_later(tmp_path: Path) -> None:
    say(tmp_path, 100.0)
    clock = ManualClock(EIGHT)
    trace = [Reading(n * SECOND, n * SECOND // 2, n * SECOND // 4, n * SECOND) for n in range(99)]
    owner = MeterOwner(tmp_path, lambda: ReplayMeter(trace), clock)
    ledger = Ledger.open(tmp_path / "ledger.db", clock)
    settings = CarbonSettings(
        zone="DE",
        entsoe_token="x",  # noqa: S106 - of nobody
        embodied_kg_per_thread=0.0,
    )
    counters = ProcessCounters.create(tmp_path, "supervisor")
    metering = Metering(owner, ledger, pricing(settings, tmp_path), counters)
    for _ in range(30):
        clock.advance(0.1)
        metering.sample()
    ledger.seal()
    say(tmp_path, 100.0, 250.0)

    clock.advance(4 * 3600)
    metering.sample()
    clock.advance(1.0)
    metering.sample()
    metering.close()

    entries = ledger.reader().entries()
    first = next(one for one in entries if one.kind == "minute")
    (adjusted,) = [one for one in entries if one.kind == "adjustment"]
    assert adjusted.started_at == EIGHT
    owed = {one.account: one.ng for one in first.postings}
    assert {one.account: one.ng for one in adjusted.postings} == pytest.approx(
        {name: ng * 1.5 for name, ng in owed.items()}, abs=3 * ROUNDED_NG
    )
    assert ledger.reader().verify() == []
