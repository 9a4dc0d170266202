"""Time: UTC for stamps, a monotonic counter for durations, both from a Clock that one is given."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lichen.core.units import NANOSECONDS_PER_SECOND


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time of day, timezone-aware, UTC."""
        ...

    def unix_seconds(self) -> int:
        """The same time of day in whole seconds since 1970; quicker where that is enough."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some start; never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The machine's time of day in UTC."""
        return datetime.now(UTC)

    def unix_seconds(self) -> int:
        """The machine's time of day in whole seconds."""
        return time.time_ns() // NANOSECONDS_PER_SECOND

    def monotonic_ns(self) -> int:
        """The machine's monotonic clock."""
        return time.monotonic_ns()


@dataclass(slots=True)
class ManualClock:
    """A clock that stands until it is moved: for tests and simulation."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    elapsed_ns: int = field(default=0)

    def now(self) -> datetime:
        """The time it was set to, plus what it was moved by."""
        return self.at

    def unix_seconds(self) -> int:
        """The time it stands at, in whole seconds."""
        return int(self.at.timestamp())

    def monotonic_ns(self) -> int:
        """What it was moved by."""
        return self.elapsed_ns

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self.at += timedelta(seconds=seconds)
        self.elapsed_ns += round(seconds * NANOSECONDS_PER_SECOND)


def rfc3339(moment: datetime) -> str:
    """A UTC moment as RFC 3339 with a `Z`, to the second (or microsecond where it has one)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """A timezone-aware UTC moment from RFC 3339 text.

    Raises:
        ValueError: the text is no RFC 3339 time, or carries no offset.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write it as 2026-01-31T00:00:00Z") from None
    raise ValueError(f"{text!r} carries no time zone: write it as 2026-01-31T00:00:00Z")
