"""`kill -9` of the supervisor loses at most the last open second; the books say so (L3)."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from known.models import arithmetic

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen

KILLS = 3
OPEN_SECONDS = 1.5
"""The window that is open, and what a loaded machine adds to its closing."""
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


def asked(client: Lichen, seconds: float) -> list[tuple[float, int]]:
    """When each answer came, and the nanojoules of its receipt, for so long."""
    found: list[tuple[float, int]] = []
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        receipt = client.predict("light", INPUTS).receipt
        assert receipt is not None
        found.append((time.monotonic(), receipt.energy.nj))
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
        fresh = asked(client, chance.uniform(1.2, 2.5))
        killed = time.monotonic()
        stopped.kill_supervisor()
        stopped.up()
        kept = charged(client) - before
        sure = sum(nj for at, nj in fresh if at < killed - OPEN_SECONDS)
        assert sure <= kept <= sum(nj for _, nj in fresh)
        gaps = [
            one for one in LedgerReader(stopped.home / "ledger.db").entries() if one.kind == "gap"
        ]
        assert len(gaps) == kill
        assert "the window open at that moment is not booked" in gaps[-1].note
    last = charged(client)
    fresh = asked(client, 0.3)
    until(lambda: charged(client) == last + sum(nj for _, nj in fresh))
