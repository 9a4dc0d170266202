"""Where this platform's ledger stands."""

from lichen.carbon.ledger.books import Books
from lichen.carbon.ledger.postgres_books import PostgresBooks
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.core.errors import InvalidInput
from lichen.server.home import Home
from lichen.server.sections import Settings

_POSTGRESQL = ("postgresql://", "postgres://")


def ledger_books(settings: Settings) -> Books:
    """The ledger that the settings name, or else the home's SQLite file.

    Raises:
        InvalidInput: `ledger_url` names no database that is known here, or its driver is missing.
    """
    url = settings.ledger.ledger_url
    if url is None:
        return SqliteBooks(Home(settings.home).ledger)
    if not url.startswith(_POSTGRESQL):
        raise InvalidInput("ledger_url is not usable: write postgresql://user:password@host/name")
    return PostgresBooks(url)
