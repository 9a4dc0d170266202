"""The ledger on every database through the same tests: SQLite, and a real PostgreSQL (L1, L3)."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from time import sleep

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.books import Books
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postgres_books import PostgresBooks
from lichen.carbon.ledger.postings import Basis, Booking, Posting, Unbalanced
from lichen.carbon.ledger.rollup import Retention
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound, StorageFailed, Unavailable
from lichen.core.figures import Method
from lichen.server.keepers.ledger_books import ledger_books
from lichen.server.metering import open_metering
from lichen.server.setting import Value
from lichen.server.settings import load

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
WORK = "work/default/vic/vic@1/fp32"
RETENTION = Retention(timedelta(days=1), timedelta(days=2))
INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
PORTS = count(54_320)


def basis(g_per_kwh: float = 400.0) -> Basis:
    value = ConstantIntensity(g_per_kwh).at("DE", MIDNIGHT)
    return Basis(value, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)


def window(began: datetime, nj: int = 1000, seconds: int = 1, at: Basis | None = None) -> Booking:
    postings = (Posting("meter", -nj, -10), Posting(WORK, nj - 300, 7, 2), Posting("idle", 300, 3))
    return Booking(began, began + timedelta(seconds=seconds), postings, at or basis())


class Server:
    """A PostgreSQL of these tests alone, as a user that it accepts, over a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binaries = INSTALLED[0].parent
        self.user = None if os.getuid() else pwd.getpwnam("nobody")
        if self.user is not None:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        data, log = folder / "data", folder / "log"
        self.run("initdb", "-D", data, "-U", "lichen", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c shared_buffers=1MB"
        self.run("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        self.names = count()

    def run(self, name: str, *arguments: str | Path) -> None:
        user, group = (None, None) if self.user is None else (self.user.pw_uid, self.user.pw_gid)
        command = [str(self.binaries / name), *map(str, arguments)]
        done = subprocess.run(
            command, user=user, group=group, capture_output=True, text=True, check=False,
            cwd=self.folder, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"ledger{next(self.names)}"
        self.run("createdb", "-h", self.folder, "-U", "lichen", name)
        return f"postgresql://lichen@/{name}?host={self.folder}"

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not INSTALLED:
        pytest.skip("PostgreSQL is not installed: Debian's package is `postgresql`")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: it comes with `lichen[postgresql]`")
    folder = Path(mkdtemp(prefix="lichen-pg-"))  # a socket's path must be short
    folder.chmod(0o755)
    made = Server(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Books:
    """No ledger yet."""
    if request.param == "sqlite":
        return SqliteBooks(tmp_path / "ledger.db")
    return PostgresBooks(request.getfixturevalue("server").database())


def test_windows_add_up_and_the_chain_holds(books: Books) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    for second in range(150):
        ledger.record(window(MIDNIGHT + timedelta(seconds=second)))
    reader = LedgerReader(books)

    assert {one.account: (one.nj, one.ng, one.units) for one in reader.accounts()} == {
        "meter": (-150_000, -1500, 0), WORK: (105_000, 1050, 300), "idle": (45_000, 450, 0),
    }  # fmt: skip
    statement = reader.statement()
    assert (statement.as_of, statement.unsealed_windows) == (2, 30)
    assert statement.bases == (basis(),)
    assert reader.verify() == []
    ledger.close()
    assert [one.kind for one in reader.entries()] == ["minute"] * 3 + ["stop"]
    assert reader.verify() == []


def test_sums_are_exact_beyond_64_bits(books: Books) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    for second in range(0, 240, 20):
        ledger.record(window(MIDNIGHT + timedelta(seconds=second), nj=2**62 + 1))
    ledger.close()
    held = {one.account: one.nj for one in LedgerReader(books).accounts()}
    assert held["meter"] == -12 * (2**62 + 1)
    assert sum(held.values()) == 0


def test_what_does_not_balance_leaves_nothing(books: Books) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    wrong = Booking(MIDNIGHT, MIDNIGHT, (Posting("idle", 1, 0),), basis())
    with pytest.raises(Unbalanced):
        ledger.record(wrong)
    with pytest.raises(Unbalanced):
        ledger.adjust(MIDNIGHT, [Posting("idle", 0, 1)], basis(), "half of it")
    assert LedgerReader(books).accounts() == []
    ledger.close()


def test_spans_shares_and_adjustments(books: Books) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    for second in range(180):
        at = basis(400.0 if second < 90 else 390.0)
        ledger.record(window(MIDNIGHT + timedelta(seconds=second), at=at))
    ledger.adjust(MIDNIGHT, [Posting("meter", 0, -5), Posting(WORK, 0, 5)], basis(410.0), "later")
    reader = LedgerReader(books)
    minute = MIDNIGHT + timedelta(minutes=1), MIDNIGHT + timedelta(minutes=2)

    assert {one.account: one.nj for one in reader.accounts(*minute)}["meter"] == -60_000
    extent, shares = reader.shares(MIDNIGHT, MIDNIGHT + timedelta(hours=1))
    assert extent.metered_us == 180_000_000
    assert sum(one.nj for one in shares) == sum(one.ng for one in shares) == 0
    assert [one.ng for one in shares if one.is_adjustment and one.account == WORK] == [5]
    assert reader.recent(MIDNIGHT, lambda one: one.kind == "adjustment")[0].note == "later"
    assert reader.rolled_up_until() is None
    ledger.close()


def test_hours_and_days_stand_for_minutes(books: Books) -> None:
    clock = ManualClock(MIDNIGHT)
    ledger = Ledger.open(books.again(), clock)
    for _ in range(4 * 24):
        ledger.record(window(clock.now(), seconds=3600))
        clock.advance(3600)
    ledger.seal()
    reader = LedgerReader(books)
    before, shares = reader.statement(as_of=96), reader.shares(as_of=96)
    steps = 0
    while ledger.roll_up(RETENTION):
        steps += 1
        assert reader.verify() == []
        assert reader.statement(as_of=96) == before
        assert reader.shares(as_of=96) == shares
    assert steps > 24
    assert [one.kind for one in reader.entries(limit=2)] == ["day", "day"]
    with pytest.raises(NotFound, match=r"entry 3 was rolled up with entries 1 to 24"):
        reader.statement(as_of=3)
    with pytest.raises(InvalidInput, match="lies within 2026-03-01T00:00:00Z to 2026-03-02"):
        reader.statement(MIDNIGHT + timedelta(hours=3))
    ledger.close()
    assert reader.verify() == []


def test_a_keeper_that_vanished_leaves_a_gap(books: Books) -> None:
    first = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    first.record(window(MIDNIGHT))
    first.books.close()
    Ledger.open(books.again(), ManualClock(MIDNIGHT + timedelta(hours=1))).close()
    kinds = [one.kind for one in LedgerReader(books).entries()]
    assert kinds == ["minute", "gap", "stop"]
    assert LedgerReader(books).verify() == []


def test_several_writers_at_once_lose_and_double_nothing(books: Books) -> None:
    keeper = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    writers = [Ledger.join(books.again()) for _ in range(3)]

    def write(ledger: Ledger) -> None:
        for second in range(40):
            with suppress(
                Unavailable
            ):  # others wrote for a second: it waits and goes with the next
                ledger.record(window(MIDNIGHT + timedelta(seconds=3 * second)))
            sleep(0.001)

    threads = [Thread(target=write, args=(one,)) for one in (keeper, *writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in (*writers, keeper):
        one.close()
    assert {one.account: one.nj for one in LedgerReader(books).accounts()}["meter"] == -160_000
    assert LedgerReader(books).verify() == []


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE postings SET nj = nj + 1 WHERE entry = 1 AND account = 1",
        "UPDATE entries SET note = 'x' WHERE number = 1",
        "UPDATE journal SET content = '[]' WHERE number = 3",
        "DELETE FROM entries WHERE number = 1",
        "UPDATE keeping SET opened_us = 7",
        "DELETE FROM books",
    ],
)
def test_what_was_changed_is_found(books: Books, tampering: str) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    for second in range(130):
        ledger.record(window(MIDNIGHT + timedelta(seconds=second)))
    ledger.books.close()
    with books.writing() as session:
        session.execute(tampering)
    books.close()
    assert LedgerReader(books).verify()


def test_where_no_ledger_is_that_is_said(books: Books) -> None:
    with pytest.raises(NotFound, match="there is no ledger at"):
        LedgerReader(books).accounts()
    with pytest.raises(NotFound, match="there is no ledger at"):
        LedgerReader(books).verify()


def test_an_error_undoes_all_of_a_transaction(books: Books) -> None:
    ledger = Ledger.open(books.again(), ManualClock(MIDNIGHT))
    with pytest.raises(StorageFailed):
        broken(books)
    books.close()
    ledger.record(window(MIDNIGHT))
    ledger.close()
    assert LedgerReader(books).verify() == []


def broken(books: Books) -> None:
    with books.writing() as session:
        session.execute("DELETE FROM books")
        session.execute("no statement at all")


class TestPostgresAlone:
    """What only a server can do."""

    def test_a_server_that_went_away_comes_back(self, server: Server) -> None:
        books = PostgresBooks(server.database())
        ledger = Ledger.open(books, ManualClock(MIDNIGHT))
        ledger.record(window(MIDNIGHT))
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        with books.again().reading() as session:
            session.execute(ended).fetchall()
        with pytest.raises(Unavailable, match="does not answer"):
            ledger.record(window(MIDNIGHT + timedelta(seconds=1)))
        ledger.record(window(MIDNIGHT + timedelta(seconds=2)))
        assert ledger.waiting == 0
        assert {one.account: one.nj for one in ledger.reader().accounts()}["meter"] == -3000
        ledger.close()

    def test_a_platform_books_where_its_settings_say(self, server: Server, tmp_path: Path) -> None:
        url = server.database()
        flags: dict[str, Value] = {
            "home": tmp_path / "home", "runtime": tmp_path / "run", "ledger_url": url,
        }  # fmt: skip
        settings = load(flags, {})
        metering = open_metering(settings)
        metering.sample()
        metering.close()
        reader = LedgerReader(ledger_books(settings))
        assert "meter" in {one.account for one in reader.accounts()}
        assert reader.verify() == []
        assert not (tmp_path / "home" / "ledger.db").exists()

    @pytest.mark.usefixtures("server")
    def test_no_sentence_holds_a_password(self) -> None:
        books = PostgresBooks("postgresql://me:secret@127.0.0.1:1/ledger")
        with pytest.raises(Unavailable) as refused:
            Ledger.open(books)
        assert "secret" not in str(refused.value)
        assert "postgresql://127.0.0.1/ledger does not answer" in str(refused.value)

    def test_a_commit_whose_answer_was_lost_is_not_booked_twice(self, server: Server) -> None:
        books = PostgresBooks(server.database())
        ledger = Ledger.open(books, ManualClock(MIDNIGHT))
        ledger.record(window(MIDNIGHT))
        connection = books._connection
        commit: Callable[[], None] = connection.commit

        def lost() -> None:
            commit()
            raise books._driver.OperationalError("the connection broke")

        connection.commit = lost
        ledger.record(window(MIDNIGHT + timedelta(seconds=1)))
        ledger.record(window(MIDNIGHT + timedelta(seconds=2)))
        ledger.close()
        assert {one.account: one.nj for one in LedgerReader(books).accounts()}["meter"] == -3000
        assert LedgerReader(books).verify() == []
