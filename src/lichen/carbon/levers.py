"""What the platform's levers did, as records: from these and the ledger savings are told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DEGRADED = "degraded-requests"
"""Document collection of `DegradedRequests`, by `key`: written by the data plane."""


@dataclass(frozen=True, slots=True)
class DegradedRequests:
    """Requests to `asked` that `answered_by` answered in the hour that begins then (B1)."""

    hour: datetime
    asked: str
    answered_by: str
    requests: int

    @property
    def key(self) -> str:
        """Its place in the collection: in the order of time."""
        return f"{degraded_prefix(self.hour)}/{self.asked}/{self.answered_by}"


def degraded_prefix(hour: datetime) -> str:
    """With what the keys of an hour start."""
    return f"{hour.astimezone(UTC):%Y-%m-%dT%H}"


@dataclass(frozen=True, slots=True)
class DeferredJob:
    """A job that waited, and ran in another hour than that in which it was submitted."""

    id: str
    tenant: str
    submitted_at: datetime
    finished_at: datetime

    @property
    def accounts(self) -> str:
        """With what the names of its accounts start."""
        return f"work/{self.tenant}/{self.id}/"


@dataclass(frozen=True, slots=True)
class ShiftedJob:
    """A job that waited for a cleaner grid; at once, it would run `duration` from its release."""

    id: str
    tenant: str
    released_at: datetime
    duration: timedelta
    finished_at: datetime

    @property
    def accounts(self) -> str:
        """With what the names of its accounts start."""
        return f"work/{self.tenant}/{self.id}/"
