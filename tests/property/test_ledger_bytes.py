"""One flipped byte anywhere in the ledger's file is found, unless SQLite never reads it (L3).

Which bytes those are is worked out from the file format (https://www.sqlite.org/fileformat2.html),
page by page: the room between a page's pointers and its cells, blocks that deleted rows left, the
rest of an overflow or a free page, and the header's fields that say nothing about the content.
Every other byte counts: all of them in a tiny ledger would take minutes, so a fixed sample of each
kind of page is flipped, and all of one entry's.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.rollup import Retention
from lichen.core.clock import ManualClock
from lichen.core.figures import Method

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
SAMPLED = 30
"""Bytes of each kind of page."""
UNREAD_HEADER = (
    18,  # which versions may write
    *range(24, 28),  # counts changes, so that caches are dropped
    *range(40, 44),  # counts changes of the tables, likewise
    *range(44, 47),  # of the format's number one byte is read
    *range(48, 52),  # a suggestion for the cache's size
    *range(56, 60),  # of the text's encoding two bits are read: wrong ones make text unreadable
    *range(60, 64),  # the application's own number, which is not used
    *range(64, 68),  # whether it shrinks by itself: any number but 0 says no
    *range(68, 92),  # the application's id, and room for later versions
    *range(92, 100),  # which version of SQLite wrote last
)
KINDS = {
    "header", "pointer map", "free list", "rows", "inner rows", "index", "inner index", "overflow",
}  # fmt: skip
LEAF_INDEX, INNER_INDEX, LEAF_TABLE, INNER_TABLE = 10, 2, 13, 5


class Pages:
    """A SQLite file as its format says; which of its bytes carry anything."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = int.from_bytes(content[16:18], "big")
        self.used: dict[str, set[int]] = defaultdict(set)
        self._mark("header", 0, 100)
        self.used["header"] -= set(UNREAD_HEADER)
        for page in self._pointer_maps():
            pages = min(self.size // 5, len(content) // self.size - page)
            self._mark("pointer map", (page - 1) * self.size, 5 * pages)
        self._free_list(self._number(32))
        for root in chain([1], self._roots()):
            self._tree(root)

    def _number(self, at: int, length: int = 4) -> int:
        return int.from_bytes(self.content[at : at + length], "big")

    def _mark(self, kind: str, start: int, length: int) -> None:
        self.used[kind].update(range(start, start + length))

    def _varint(self, at: int) -> tuple[int, int]:
        """Its value and where it ends."""
        value = 0
        for place in range(9):
            byte = self.content[at + place]
            if place == 8:
                return value << 8 | byte, at + 9
            value = value << 7 | byte & 127
            if byte < 128:
                return value, at + place + 1
        raise AssertionError

    def _pointer_maps(self) -> Iterator[int]:
        """Pages that say what refers to each page: there are some in a file that can shrink."""
        count = len(self.content) // self.size
        yield from range(2, count + 1, self.size // 5 + 1)

    def _free_list(self, trunk: int) -> None:
        while trunk:
            start = (trunk - 1) * self.size
            self._mark("free list", start, 8 + 4 * self._number(start + 4))
            trunk = self._number(start)

    def _roots(self) -> list[int]:
        """Where tables and indexes begin: column `rootpage` of the first page's rows."""
        found = []
        for cell in self._cells(1):
            _, at = self._varint(cell)
            _, at = self._varint(at)
            header, types = at, []
            length, at = self._varint(at)
            while at < header + length:
                kind, at = self._varint(at)
                types.append(kind)
            for kind in types[:3]:
                at += (kind - 12) // 2
            found.append(self._number(at, types[3]))
        return found

    def _start(self, page: int) -> int:
        """Where the page's own header is."""
        return 100 if page == 1 else (page - 1) * self.size

    def _cells(self, page: int) -> list[int]:
        start, base = self._start(page), (page - 1) * self.size
        pointers = start + (12 if self.content[start] in (INNER_INDEX, INNER_TABLE) else 8)
        count = self._number(start + 3, 2)
        return [base + self._number(pointers + 2 * cell, 2) for cell in range(count)]

    def _tree(self, page: int) -> None:
        start, kind = self._start(page), self.content[self._start(page)]
        is_inner = kind in (INNER_INDEX, INNER_TABLE)
        name = {13: "rows", 5: "inner rows", 10: "index", 2: "inner index"}[kind]
        cells = self._cells(page)
        self._mark(name, start, (12 if is_inner else 8) + 2 * len(cells))
        block = self._number(start + 1, 2)
        while block:  # room that a deleted row left: where the next one is, and its size
            at = (page - 1) * self.size + block
            self._mark(name, at, 4)
            block = self._number(at, 2)
        for cell in cells:
            if is_inner:
                self._tree(self._number(cell))
            self._cell(name, kind, cell)
        if is_inner:
            self._tree(self._number(start + 8))

    def _cell(self, name: str, kind: int, cell: int) -> None:
        at = cell + (4 if kind in (INNER_INDEX, INNER_TABLE) else 0)
        length, at = (0, at) if kind == INNER_TABLE else self._varint(at)
        if kind in (LEAF_TABLE, INNER_TABLE):
            _, at = self._varint(at)
        most = self.size - 35 if kind == LEAF_TABLE else (self.size - 12) * 64 // 255 - 23
        local = length
        if length > most:
            least = (self.size - 12) * 32 // 255 - 23
            rest = least + (length - least) % (self.size - 4)
            local = rest if rest <= most else least
            self._overflow(self._number(at + local), length - local)
            at += 4
        self._mark(name, cell, at + local - cell)

    def _overflow(self, page: int, left: int) -> None:
        while page:
            start, here = (page - 1) * self.size, min(left, self.size - 4)
            self._mark("overflow", start, 4 + here)
            page, left = self._number(start), left - here


def written(path: Path) -> None:
    """A ledger with every table in use, roll-ups, an open minute, free pages and long rows."""
    clock = ManualClock(MIDNIGHT)
    ledger = Ledger.open(path, clock)
    names = [f"work/default/deployment-{number}/model@1/fp32" for number in range(90)]
    for minute in range(100):
        value = ConstantIntensity(400.0 + minute // 50).at("DE", MIDNIGHT)
        basis = Basis(value, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)
        uses = [Posting(name, 1_000_003 * minute + 7, 17 * minute, 1) for name in names]
        meter = Posting("meter", -sum(one.nj for one in uses), -sum(one.ng for one in uses))
        began = clock.now()
        clock.advance(120)
        ledger.record(Booking(began, clock.now(), (meter, *uses), basis))
        if minute == 66:
            ledger.adjust(
                MIDNIGHT, [Posting("meter", 0, -5), Posting("idle", 0, 5)], basis, "higher"
            )
    retention = Retention(timedelta(hours=1), timedelta(days=400))
    assert ledger.roll_up(retention)
    ledger.record(Booking(clock.now(), clock.now(), (meter, *uses), basis))
    ledger.books.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "ledger.db"
    written(path)
    assert not path.with_name("ledger.db-wal").exists()
    assert LedgerReader(path).verify() == []
    return path.read_bytes()


def flipped(sound: bytes, offsets: list[int], path: Path) -> list[int]:
    """Those of the bytes whose flipping is not found."""
    chance = random.Random(20261122)  # noqa: S311 - a fixed choice of bits
    missed = []
    for offset in offsets:
        damaged = bytearray(sound)
        damaged[offset] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        if not LedgerReader(path).verify():
            missed.append(offset)
    return missed


def test_a_flipped_byte_of_any_page_in_use_is_found(sound: bytes, tmp_path: Path) -> None:
    used = Pages(sound).used
    assert {*used} == KINDS
    chance = random.Random(4)  # noqa: S311 - a fixed choice of bytes
    for kind, offsets in sorted(used.items()):
        sample = chance.sample(sorted(offsets), min(SAMPLED, len(offsets)))
        assert flipped(sound, sample, tmp_path / "ledger.db") == [], kind


def test_the_other_bytes_change_no_answer(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(sound)
    before = LedgerReader(path).statement(), LedgerReader(path).entries()
    unread = set(range(len(sound))).difference(*Pages(sound).used.values())
    chance = random.Random(5)  # noqa: S311 - a fixed choice of bytes
    for offset in chance.sample(sorted(unread), SAMPLED):
        damaged = bytearray(sound)
        damaged[offset] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        reader = LedgerReader(path)
        is_found = reader.verify() != []
        assert is_found or (reader.statement(), reader.entries()) == before, offset
