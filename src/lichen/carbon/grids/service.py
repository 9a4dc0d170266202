"""Who is asked over the network for intensities: one protocol, and its ways to say no.

A service only fetches. What it said is kept in a file (`carbon/grids/kept.py`) that every process
reads, so nobody who books or answers ever waits for a network.
"""

from datetime import datetime
from typing import Protocol

from lichen.carbon.grids.observations import Answer
from lichen.core.errors import Unavailable


class IntensityService(Protocol):
    """One provider's interface."""

    @property
    def name(self) -> str:
        """What receipts and settings call it."""
        ...

    @property
    def period_s(self) -> int:
        """How often it is worth asking, in seconds."""
        ...

    def fetch(self, zone: str, now: datetime) -> Answer:
        """What it says of the day up to `now` (UTC), or a little beyond.

        Raises:
            NotFound: it does not know the zone.
            ServiceRefused: the token or the account is refused.
            Throttled: it was asked too often.
            Unavailable: it does not answer, or not now.
            InvalidInput: its answer is garbage.
        """
        ...


class ServiceRefused(Unavailable):
    """The service knows us and says no: asking again soon is of no use."""


class Throttled(Unavailable):
    """The service was asked too often; `wait_s` is how long it wants us to wait, if it said so."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
