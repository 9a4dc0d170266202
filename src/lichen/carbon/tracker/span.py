"""One metered span of work: what was charged to it, its end, its receipt."""

import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lichen.carbon.tracker.emissions_csv import EmissionsFile, Run
from lichen.carbon.tracker.meter_session import MeterSession, host_meter, session_of
from lichen.carbon.tracker.prices import Prices, Tally, receipt_of
from lichen.core.errors import LichenError, Unavailable
from lichen.core.figures import Receipt
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.meter import Meter


class Terms:
    """What is metered, at which prices, in which runtime folder, and where rows of it go.

    `meter` makes the meter if nobody on this host owns one yet.
    """

    __slots__ = ("_meter", "_session", "folder", "name", "output", "prices")

    def __init__(
        self,
        name: str,
        prices: Prices,
        folder: Path,
        output: EmissionsFile | None = None,
        meter: Callable[[], Meter] = host_meter,
    ) -> None:
        self._meter = meter
        self.name = name
        self.prices = prices
        self.output = output
        self.folder = folder
        self._session: MeterSession | None = None

    def begin(self) -> "Span":
        """A span that begins now.

        Raises:
            InvalidInput: the output cannot take rows.
            StorageFailed: the runtime folder cannot be written.
        """
        if self.output is not None:
            self.output.check()
        session = self._session
        if session is None or session.closed:
            session = self._session = session_of(self.folder, self._meter)
        return Span(self, session)


class Span:
    """Begins when it is made; `end` it once, and it has a receipt."""

    __slots__ = ("_began_ns", "_ended_at", "_receipt", "_terms", "session", "tally")

    def __init__(self, terms: Terms, session: MeterSession) -> None:
        self.session = session
        self._terms = terms
        self._ended_at: datetime | None = None
        self._receipt: Receipt | None = None
        # A look at the clock is saved where nobody will ask how long it took.
        self._began_ns = terms.prices.clock.monotonic_ns() if terms.output is not None else 0
        self.tally = Tally(session.rate, terms.prices)

    def end(self) -> None:
        """It ended now; its row is written.

        A row that cannot be written is a warning: hours of work must not fail for it.
        """
        clock = self._terms.prices.clock
        self._ended_at = clock.now()
        if self._terms.output is not None:
            seconds = (clock.monotonic_ns() - self._began_ns) / NANOSECONDS_PER_SECOND
            run = Run(
                self._terms.name,
                self._ended_at,
                seconds,
                self.tally.spent(),
                self._terms.prices.zone,
                self._terms.prices.pue,
                self.tally.card_nj if self.session.cards.has_cards else None,
            )
            try:
                self._terms.output.append(run)
            except LichenError as error:
                warnings.warn(str(error), RuntimeWarning, stacklevel=4)

    @property
    def ended(self) -> bool:
        """Whether it has."""
        return self._ended_at is not None

    @property
    def receipt(self) -> Receipt:
        """What it cost: final (A3).

        Raises:
            Unavailable: it still runs.
        """
        if self._ended_at is None:
            raise Unavailable(f"the receipt of {self._terms.name!r} is issued when its block ends")
        if self._receipt is None:
            self._receipt = receipt_of(self.tally.spent(), self._ended_at)
        return self._receipt
