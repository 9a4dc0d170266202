"""A platform that asks a service for its grid: what all its processes make of the answer."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from lichen.carbon.grids.replay import ReplayServer, Told, electricitymaps_history
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen

TOKEN = "a-token-of-this-test"  # noqa: S105 - of nobody


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def client(self) -> Lichen: ...


@pytest.fixture
def service() -> Iterator[ReplayServer]:
    def answer(_: object) -> Told:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        values = [(hour - timedelta(hours=back), 123.0) for back in (2, 1, 0)]
        return Told(electricitymaps_history("DE", values))

    with ReplayServer(answer) as replay:
        yield replay


def test_the_books_stand_on_what_the_service_said_and_hold_no_token(
    stopped: Running, service: ReplayServer, until: Callable[[Callable[[], bool]], None]
) -> None:
    running = stopped
    said = {"ELECTRICITYMAPS_TOKEN": TOKEN, "ELECTRICITYMAPS_URL": service.url}
    running.environment |= {f"LICHEN_{name}": value for name, value in said.items()}
    running.up()
    client = running.client()
    until(lambda: client.zone("DE").answered_by == "electricitymaps")
    running.down()

    service.answer = lambda _: Told("{}", 500)
    running.up()
    reader = LedgerReader(running.home / "ledger.db")
    until(lambda: reader.statement().unsealed_windows > 0)
    running.down()

    bases = [one.basis for one in reader.entries(limit=1000) if one.basis is not None]
    last = bases[-1].intensity
    assert (last.g_per_kwh, last.passed_over) == (123.0, ())
    assert last.source.startswith("electricitymaps: Electricity Maps, consumption mix")
    assert sum(one.ng for one in reader.accounts()) == 0
    assert len(service.asked) == 1, "the second life asked again within the period"
    kept = [path.read_bytes() for path in running.home.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in kept)
