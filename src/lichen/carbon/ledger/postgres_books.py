"""The ledger in a PostgreSQL that several hosts can reach: `pip install lichen[postgresql]`.

Writers take turns by an advisory lock that ends with their transaction. When the connection breaks
while a transaction commits, the database itself is asked afterwards whether it did, so that nothing
is booked twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from lichen.carbon.ledger.books import Rows, Session, Value
from lichen.core.errors import InvalidInput, LichenError, NotFound, StorageFailed, Unavailable

_LOCK = 7_604_913_025
"""Any number that nobody else in this database takes."""
_PATIENCE_SECONDS = 5
_UNREACHABLE = re.compile("^(08|57P|53)")
"""SQLSTATE classes: the connection, a server that stops, one without resources."""


class PostgresBooks:
    """The ledger in the database at `url`, such as `postgresql://user:password@host/lichen`.

    Raises:
        InvalidInput: this installation has no driver for PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._driver = _driver()
        self._connection: Any = None

    @property
    def place(self) -> str:
        """Host and database, without user and password."""
        parts = urlsplit(self._url)
        return f"postgresql://{parts.hostname or 'localhost'}{parts.path}"

    def create(self, schema: Sequence[str]) -> None:
        """Make the tables that are not there.

        Raises:
            InvalidInput: the database does not hold its text as UTF-8.
        """
        with self.writing() as session:
            encoding = session.execute("SHOW server_encoding").fetchone()[0]
            if encoding not in ("UTF8", b"UTF8"):
                raise InvalidInput(f"{self.place} is not in UTF-8: create it with ENCODING 'UTF8'")
            for statement in schema:
                session.execute(statement)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One durable transaction, alone; waits up to five seconds for another writer."""
        with self._failures():
            connection = self._connected()
            try:
                begun = connection.execute(_BEGIN_ALONE, (_LOCK,)).fetchone()
                yield _Session(connection)
            except BaseException:
                self._undo()
                raise
            self._commit(connection, begun[1])

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One snapshot through a connection of its own."""
        with self._failures():
            connection = self._open()
            try:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                if connection.execute("SELECT to_regclass('books')").fetchone()[0] is None:
                    raise NotFound(
                        f"there is no ledger at {self.place}: start the platform once with "
                        "`lichen up`"
                    )
                yield _Session(connection)
            finally:
                connection.close()

    def auditing(self) -> Any:  # noqa: ANN401 - the same context manager as `reading`
        """As `reading`: text is always valid here."""
        return self.reading()

    def damages(self, session: Session, schema: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Nothing: PostgreSQL checks its pages itself, where checksums are on."""
        return []

    def shrink(self) -> None:
        """Nothing: PostgreSQL's autovacuum reuses the room."""

    def again(self) -> "PostgresBooks":
        """The same database through another connection."""
        return PostgresBooks(self._url)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:  # noqa: ANN401 - the driver is loaded by name
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> Any:  # noqa: ANN401 - the driver is loaded by name
        """A connection; a host that vanishes is noticed in seconds, not when TCP gives up."""
        return self._driver.connect(
            self._url,
            connect_timeout=_PATIENCE_SECONDS,
            tcp_user_timeout=_PATIENCE_SECONDS * 1000,
            keepalives_idle=_PATIENCE_SECONDS,
            keepalives_interval=1,
            keepalives_count=_PATIENCE_SECONDS,
            options=f"-c lock_timeout={_PATIENCE_SECONDS}s -c synchronous_commit=on",
        )

    def _undo(self) -> None:
        try:
            self._connection.rollback()
        except self._driver.Error:  # a connection that is gone has undone it by itself
            self.close()

    def _commit(self, connection: Any, transaction: int) -> None:  # noqa: ANN401 - as above
        try:
            connection.commit()
        except self._driver.OperationalError:
            self.close()
            if not self._was_committed(transaction):
                raise

    def _was_committed(self, transaction: int) -> bool:
        with self._open() as connection:
            status = connection.execute("SELECT txid_status(%s)", (transaction,)).fetchone()[0]
        self._connection = None
        return bool(status == "committed")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as failure:
            raise self._explained(failure) from failure

    def _explained(self, failure: Any) -> LichenError:  # noqa: ANN401 - as above
        state = failure.sqlstate or "08"
        if state == "55P03":
            return Unavailable(f"{self.place} is held by another writer: try again in a moment")
        if _UNREACHABLE.match(state):
            return Unavailable(f"{self.place} does not answer: check the server and `ledger_url`")
        return StorageFailed(f"{self.place} refused ({state}): {_first_line(failure)}")


class _Session:
    """A connection whose statements have `?` where the driver has `%s`."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the driver is loaded by name
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Value] = (), /) -> Rows:
        found: Rows = self._connection.execute(_spelled(statement), values)
        return found

    def executemany(self, statement: str, rows: Iterable[Sequence[Value]], /) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_spelled(statement), rows)


def _spelled(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def _first_line(failure: Any) -> str:  # noqa: ANN401 - the driver is loaded by name
    return str(failure).partition("\n")[0]


def _driver() -> Any:  # noqa: ANN401 - an optional dependency without types here
    try:
        return import_module("psycopg")
    except ImportError:
        raise InvalidInput(
            "ledger_url names PostgreSQL, for which this installation has no driver: "
            "`pip install 'lichen[postgresql]'`"
        ) from None


_BEGIN_ALONE = "SELECT pg_advisory_xact_lock(%s), txid_current()"
