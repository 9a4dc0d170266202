"""What the checks found: records that a person can act on, no prints."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    """Work on this column will fail; the dataset itself stands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the data, and what to do about it.

    `rows` and `times` (RFC 3339) hold the first few places, `count` says how many there are.
    Rows are those of the stored version, in its order, from 1.
    """

    code: str
    severity: Severity
    sentence: str
    remedy: str
    column: str | None = None
    count: int = 0
    rows: tuple[int, ...] = ()
    times: tuple[str, ...] = ()


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
