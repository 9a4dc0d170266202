"""Where the ledger's tables stand: one small protocol, so that the same SQL runs on any of them.

    Books
    ├── SqliteBooks     one file in the home (`sqlite_books`)
    └── PostgresBooks   a database that several hosts can reach (`postgres_books`)

The statements use `?` for values, 64-bit integers and text, and nothing that either would refuse.
Appends are serialised by the database: `writing` waits until no other process writes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Value = int | str | None


class Rows(Protocol):
    """The rows that a statement answers with."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row's types are its statement's
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """One after the other."""
        ...


class Session(Protocol):
    """One transaction."""

    def execute(self, statement: str, values: Sequence[Value] = (), /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Value]], /) -> object:
        """Run one statement for each row of values."""
        ...


class Books(Protocol):
    """A database that holds one ledger, opened by one process.

    Each method raises Corrupt, StorageFailed or Unavailable when the database does.
    """

    @property
    def place(self) -> str:
        """What a sentence calls it; no secrets."""
        ...

    def create(self, schema: Sequence[str]) -> None:
        """Make the tables that are not there."""
        ...

    def writing(self) -> AbstractContextManager[Session]:
        """One durable transaction, alone: committed at its end, undone by any exception."""
        ...

    def reading(self) -> AbstractContextManager[Session]:
        """One snapshot. Raises NotFound where no ledger was ever made."""
        ...

    def auditing(self) -> AbstractContextManager[Session]:
        """One snapshot that reads damaged text as well."""
        ...

    def damages(self, session: Session, schema: Sequence[str]) -> list[str]:
        """What the database itself finds wrong with its pages, tables and indexes."""
        ...

    def shrink(self) -> None:
        """Give the room that deleted rows left back to the disk, a little at a time."""
        ...

    def again(self) -> "Books":
        """The same books through a connection of its own, for another thread."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...
