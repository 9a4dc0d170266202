"""A real writer process, killed with SIGKILL at random moments, again and again (L3)."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from textwrap import dedent

from lichen.carbon.ledger.ledger import Ledger, LedgerReader

WRITER = dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path

    from lichen.carbon.grids.fixed import ConstantIntensity
    from lichen.carbon.ledger.ledger import Ledger
    from lichen.carbon.ledger.postings import Basis, Booking, Posting
    from lichen.core.figures import Method

    path, first = Path(sys.argv[1]), int(sys.argv[2])
    start = datetime(2026, 11, 21, tzinfo=UTC)
    value = ConstantIntensity(400.0).at("DE", start)
    basis = Basis(value, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)
    ledger = Ledger.open(path)
    number = first
    while True:
        began = start + timedelta(seconds=15 * number)
        postings = (Posting("meter", -1000 - number, -7), Posting("idle", 1000 + number, 7, 1))
        ledger.record(Booking(began, began + timedelta(seconds=15), postings, basis))
        number += 1
        print(number, flush=True)  # said only once it is durable
    """
)


def killed_after(path: Path, first: int, records: int, microseconds: int) -> int:
    """The last window that the writer said is booked, before it was killed without warning."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    said = first
    for _ in range(records):
        said = int(writer.stdout.readline())
    # A spin of a random length, so that the signal falls anywhere within a transaction.
    for _ in range(microseconds * 10):
        pass
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    return int(rest[-1]) if rest else said


def test_a_killed_writer_loses_nothing_that_it_said_was_booked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    random = Random(7)  # noqa: S311 - a fixed choice of moments
    booked, kills = 0, 8
    for _ in range(kills):
        said = killed_after(path, booked, random.randrange(1, 12), random.randrange(2_000))
        reader = LedgerReader(path)
        held = {one.account: one for one in reader.accounts()}
        booked = held["idle"].units

        # The window in hand may be in or out, but it is whole, and nothing before it is missing.
        assert said <= booked <= said + 1
        assert held["idle"].nj == sum(1000 + number for number in range(booked))
        assert held["meter"].nj == -held["idle"].nj
        assert held["meter"].ng == -7 * booked
        assert reader.verify() == []

    Ledger.open(path).close()
    entries = LedgerReader(path).entries(limit=1000)
    assert [one.kind for one in entries].count("gap") == kills
    assert entries[-1].kind == "stop"
    assert LedgerReader(path).verify() == []
