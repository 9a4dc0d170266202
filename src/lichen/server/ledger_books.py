"""Where this platform's ledger stands."""

from lichen.carbon.books import Books
from lichen.carbon.sqlite_books import SqliteBooks
from lichen.server.home import Home
from lichen.server.sections import Settings


def ledger_books(settings: Settings) -> Books:
    """The ledger that the settings name: the home's SQLite file."""
    return SqliteBooks(Home(settings.home).ledger)
