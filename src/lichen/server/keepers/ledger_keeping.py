"""Rolls the ledger's old minutes and hours up: a thread of the supervisor, off the sampling path.

It writes through a connection of its own, one hour or day in a transaction of some milliseconds,
and sleeps between two: whoever books a window waits for no more than one of them.
"""

import logging
from datetime import timedelta

from lichen.carbon.ledger.books import Books
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.rollup import Retention
from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput, LichenError
from lichen.server.keepers.routine import Routine
from lichen.server.sections import LedgerSettings

_FIRST_SECONDS, _EVERY_SECONDS = 60.0, 600.0
_PAUSE_SECONDS = 0.2
_LONGEST_STOP_SECONDS = 2.0

_log = logging.getLogger(__name__)


class LedgerKeeping:
    """Keeps what the settings say is kept of the ledger."""

    def __init__(self, books: Books, retention: Retention, clock: Clock) -> None:
        self._books = books
        self._retention = retention
        self._clock = clock
        self._failing = False
        self._routine = Routine("ledger-keeping", self._again, _EVERY_SECONDS, _FIRST_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._routine.start()

    def stop(self) -> None:
        """End after the transaction that runs."""
        self._routine.stop(_LONGEST_STOP_SECONDS)

    def turn(self) -> None:
        """Roll up all that is old enough, piece by piece, until told to stop."""
        try:
            ledger = Ledger.join(self._books.again(), self._clock)
            try:
                while not self._routine.is_stopping and ledger.roll_up(self._retention):
                    self._routine.pause(_PAUSE_SECONDS)
            finally:
                ledger.close()
            self._failing = False
        except LichenError as error:  # minutes that stay are no harm: it is tried again
            if not self._failing:
                _log.error("old minutes of the ledger cannot be rolled up: %s", error)
            self._failing = True

    def _again(self) -> float:
        self.turn()
        return _EVERY_SECONDS


def retention_of(settings: LedgerSettings) -> Retention:
    """How long minutes and hours are kept.

    Raises:
        InvalidInput: hours would be kept for less than minutes.
    """
    if settings.ledger_hours_days < settings.ledger_minutes_days:
        raise InvalidInput(
            f"ledger_hours_days is {settings.ledger_hours_days} and ledger_minutes_days "
            f"{settings.ledger_minutes_days}: hours must be kept for as long as minutes, or longer"
        )
    return Retention(
        timedelta(days=settings.ledger_minutes_days), timedelta(days=settings.ledger_hours_days)
    )
