"""The meters and the books of a platform: windows of the host become entries of its ledger."""

import logging
from datetime import datetime, timedelta

from lichen.carbon.grids.observations import KEPT_SECONDS
from lichen.carbon.ledger.booking import book
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.revisions import adjustments
from lichen.core.clock import SystemClock
from lichen.core.errors import LichenError
from lichen.energy.closing import NOTHING_BOOKED, close
from lichen.energy.counters import ProcessCounters
from lichen.energy.owner import MeteredWindow, MeterOwner
from lichen.energy.probe import best_meter, check
from lichen.server.home import Home
from lichen.server.keepers.ledger_books import ledger_books
from lichen.server.keepers.ledger_keeping import LedgerKeeping, retention_of
from lichen.server.meter_choice import meter_choice
from lichen.server.pricing import Pricing, pricing
from lichen.server.sections import Settings

_SETTLE_EVERY = timedelta(hours=1)
_log = logging.getLogger(__name__)


class Metering:
    """Samples the host's meters, or follows their owner, and books each window (M3, L1, L3)."""

    def __init__(
        self,
        owner: MeterOwner,
        ledger: Ledger,
        prices: Pricing,
        counters: ProcessCounters,
        keeping: LedgerKeeping | None = None,
    ) -> None:
        self._owner = owner
        self._ledger = ledger
        self._prices = prices
        self._counters = counters
        self._levels = NOTHING_BOOKED
        self._failing = False
        self._trouble: str | None = None
        self._settle_at: datetime | None = None
        self._keeping = keeping

    def sample(self) -> None:
        """Read the meters; once a second, close the window and book it."""
        try:
            metered = self._owner.tick()
        except (LichenError, OSError) as error:  # counters keep counting: the next look has it all
            self._complain("the meters cannot be read, the last rate stays in force: %s", error)
            return
        if metered is not None:
            self._watch_meter()
            self._book(metered)

    def _watch_meter(self) -> None:
        """Say when the meter's counters fall silent, and when they are back."""
        meter = self._owner.meter
        trouble = meter.trouble if meter is not None else None
        if trouble is not None and self._trouble is None:
            _log.error("the meter is silent, the last rate stands in: %s", trouble)
        if trouble is None and self._trouble is not None:
            _log.info("the meter can be read again")
        self._trouble = trouble

    def close(self) -> None:
        """Book the open window, however short, seal it, and give the meters back."""
        if self._keeping is not None:
            self._keeping.stop()
        try:
            metered = self._owner.flush()
            if metered is not None:
                self._book(metered)
            self._ledger.close()
        finally:
            self._counters.finish()
            self._owner.close()

    def _book(self, metered: MeteredWindow) -> None:
        ours = [one for one in metered.readings if one.platform == self._counters.platform]
        postings, self._levels = close(metered.window, ours, self._levels)
        rate = self._prices.rate(metered.window.ended_at)
        try:
            self._ledger.record(book(metered.window, postings, rate))
            self._settle(metered.window.ended_at)
            self._failing = False
        except LichenError as error:  # a full disk must not stop the platform: windows wait
            self._complain("the ledger cannot be written, windows wait in memory: %s", error)

    def _settle(self, now: datetime) -> None:
        """Once an hour, adjust what was booked at intensities that are known better by now (L3)."""
        if self._settle_at is not None and now < self._settle_at:
            return
        self._settle_at = now + _SETTLE_EVERY
        since = now - timedelta(seconds=KEPT_SECONDS)
        for source in self._prices.kept:
            for one in adjustments(self._ledger.reader(), source, since, now):
                self._ledger.adjust(one.moment, one.postings, one.basis, one.note)

    def _complain(self, sentence: str, error: Exception) -> None:
        """Say what goes wrong, once until it goes well again."""
        if not self._failing:
            _log.error(sentence, error)
        self._failing = True


def open_metering(settings: Settings) -> Metering:
    """The meters of this host and the books of this home.

    Raises:
        StorageFailed: the home or the runtime folder cannot be written.
        InvalidInput: the settings of carbon or of the ledger are not usable, or there is no such
            meter.
        Unavailable: the meter that is asked for by name cannot be read here.
    """
    prices = pricing(settings.carbon, Home(settings.home).intensities)
    retention = retention_of(settings.ledger)
    choice = meter_choice(settings)
    check(choice)
    ledger = Ledger.open(ledger_books(settings), SystemClock())
    owner = MeterOwner(settings.runtime, lambda: best_meter(choice), SystemClock())
    counters = ProcessCounters.create(settings.runtime, "supervisor", str(settings.home))
    keeping = LedgerKeeping(ledger.books, retention, SystemClock())
    keeping.start()
    return Metering(owner, ledger, prices, counters, keeping)
