"""A full or broken disk: the booker goes on, its windows wait and are booked later (L3)."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.core.errors import StorageFailed
from lichen.core.figures import Method

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASIS = Basis(
    ConstantIntensity(400.0).at("DE", NOON), Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None
)


def window(second: int) -> Booking:
    start = NOON + timedelta(seconds=second)
    work = f"work/default/{'long-name-' * 6}{second}/m@1/fp32"  # ever new accounts fill the disk
    postings = (Posting("meter", -1000, -10), Posting(work, 600, 6, 1), Posting("idle", 400, 4))
    return Booking(start, start + timedelta(seconds=1), postings, BASIS)


def booked(path: Path) -> tuple[int, int, int]:
    """Energy that the meter paid, energy of all uses, units of work."""
    accounts = LedgerReader(path).accounts()
    return (
        -sum(one.nj for one in accounts if one.account == "meter"),
        sum(one.nj for one in accounts if one.account != "meter"),
        sum(one.units for one in accounts),
    )


def fill(ledger: Ledger, path: Path, *, since: int = 0) -> int:
    """Record until the disk refuses; the number of the next window."""
    for second in range(since, since + 3000):
        try:
            ledger.record(window(second))
        except StorageFailed as failure:
            assert f"the disk that holds {path} is full" in str(failure)  # noqa: PT017
            return second + 1
    raise AssertionError("the disk never filled")


def test_windows_wait_while_the_disk_is_full_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    books = SqliteBooks(path)
    ledger = Ledger.open(books)
    assert books._connection is not None
    books._connection.execute("PRAGMA max_page_count = 20")  # what SQLite calls a full disk
    next_ = fill(ledger, path)
    for second in range(next_, next_ + 200):
        with pytest.raises(StorageFailed):
            ledger.record(window(second))
    assert 1 <= ledger.waiting < 201  # windows of one minute were added up
    held = booked(path)[2]
    assert held < next_

    books._connection.execute("PRAGMA max_page_count = 100000")
    ledger.record(window(next_ + 200))
    count = next_ + 201
    assert ledger.waiting == 0
    assert booked(path) == (1000 * count, 1000 * count, count)
    ledger.close()
    assert LedgerReader(path).verify() == []


def test_books_on_a_read_only_disk_can_still_be_read(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    ledger = Ledger.open(path)
    ledger.record(window(0))
    ledger.close()
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(small_disk)], check=True)

    assert booked(path) == (1000, 1000, 1)
    assert LedgerReader(path).verify() == []
    with pytest.raises(StorageFailed):
        Ledger.open(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 512 KB; skipped where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no mount command here")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    ledger = Ledger.open(path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 200_000)
    next_ = fill(ledger, path)
    with pytest.raises(StorageFailed):
        ledger.record(window(next_))
    assert LedgerReader(path).verify() == []

    ballast.unlink()
    ledger.record(window(next_ + 1))
    count = next_ + 2
    assert booked(path) == (1000 * count, 1000 * count, count)
    ledger.close()
    assert LedgerReader(path).verify() == []
