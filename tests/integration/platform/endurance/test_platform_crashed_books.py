"""`kill -9` of the supervisor loses at most the last open second; the books say so (L3)."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from known.models import arithmetic

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen

KILLS = 3
WINDOW = timedelta(seconds=1)
"""What an answer cost is booked with the window that it fell in, or with the one after it."""
SERVED = "work/default/light/"
INPUTS = {"x": [[1.0]], "tag": ["a"]}


class Running(Protocol):
    home: Path

    def up(self) -> None: ...
    def kill_supervisor(self) -> None: ...
    def client(self) -> Lichen: ...


def charged(client: Lichen) -> int:
    """Nanojoules that the ledger holds of the answers."""
    return sum(one.nj for one in client.ledger().accounts if one.account.startswith(SERVED))


def asked(client: Lichen, seconds: float) -> list[tuple[datetime, int]]:
    """When each answer came, and the nanojoules of its receipt, for so long."""
    found: list[tuple[datetime, int]] = []
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        receipt = client.predict("light", INPUTS).receipt
        assert receipt is not None
        found.append((datetime.now(UTC), receipt.energy.nj))
    return found


def test_what_was_booked_survives_and_the_gap_is_said(
    stopped: Running, tmp_path: Path, until: Callable[[Callable[[], bool]], None]
) -> None:
    model = tmp_path / "light.onnx"
    model.write_bytes(arithmetic(20))
    stopped.up()
    client = stopped.client()
    client.models.import_file(model, "light")
    client.deployments.deploy("light@1", "light")
    chance = random.Random(3)  # noqa: S311 - the same moments each time
    for kill in range(1, KILLS + 1):
        before = charged(client)
        fresh = asked(client, 0.1)
        until(lambda: charged(client) > before)  # noqa: B023 - called here alone
        fresh += asked(client, chance.uniform(1.2, 2.5))
        shown = charged(client) - before
        stopped.kill_supervisor()
        stopped.up()
        kept = charged(client) - before
        assert 0 < shown <= kept <= sum(nj for _, nj in fresh)
        gaps = [
            one for one in LedgerReader(stopped.home / "ledger.db").entries() if one.kind == "gap"
        ]
        assert len(gaps) == kill
        assert "the window open at that moment is not booked" in gaps[-1].note
        sure = sum(nj for at, nj in fresh if at < gaps[-1].started_at - WINDOW)
        assert sure <= kept, "whatever came before the gap is booked"
    last = charged(client)
    fresh = asked(client, 0.3)
    until(lambda: charged(client) == last + sum(nj for _, nj in fresh))
