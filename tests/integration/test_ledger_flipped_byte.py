"""`lichen ledger verify` finds one flipped byte, names the entry, and exits with 1 (L3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.core.figures import Method

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASIS = Basis(
    ConstantIntensity(400.0).at("DE", NOON), Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None
)


class Ended(Protocol):
    code: int
    out: str
    sentence: str


def booked(path: Path) -> None:
    """Five minutes."""
    ledger = Ledger.open(path)
    for minute in range(5):
        start = NOON + timedelta(minutes=minute)
        postings = (Posting("meter", -1000, -10), Posting("idle", 1000, 10))
        ledger.record(Booking(start, start + timedelta(minutes=1), postings, BASIS))
    ledger.close()


def test_the_command_line_names_the_entry_in_which_a_byte_was_flipped(
    tmp_path: Path, cli_of: Callable[..., Callable[..., Ended]]
) -> None:
    home = tmp_path / "home"
    booked(home / "ledger.db")
    content = bytearray((home / "ledger.db").read_bytes())
    digest = LedgerReader(home / "ledger.db").entries()[2].digest.encode()
    content[content.index(digest) + 20] ^= 1
    (home / "ledger.db").write_bytes(content)
    cli = cli_of(home, is_sound=False)

    verdict = cli("ledger", "verify")
    assert verdict.code == 1
    assert "entry 3 was changed after it was sealed" in verdict.sentence
    assert '"sound": false' in cli("ledger", "verify", "--json").out
