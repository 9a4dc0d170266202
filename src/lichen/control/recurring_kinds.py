"""Which kinds of jobs can recur, and what is particular to each: one row a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind, JsonObject

Dated = Callable[[JsonObject, datetime, datetime], JsonObject]
"""The spec of the run that is due at the second moment; the run before it was at the first."""


def _as_it_is(spec: JsonObject, _before: datetime, _due: datetime) -> JsonObject:
    return spec


@dataclass(frozen=True, slots=True)
class RecurringKind:
    """What is particular to a kind.

    Attributes:
        is_made_late: whether a run whose window has passed is still of use.
        dated: makes the spec of one run from that of all.
    """

    is_made_late: bool
    dated: Dated = _as_it_is


RECURRING_KINDS: Mapping[JobKind, RecurringKind] = {
    JobKind.TRAIN: RecurringKind(is_made_late=True),
}


def recurring_kind(kind: JobKind) -> RecurringKind:
    """The row of a kind.

    Raises:
        InvalidInput: jobs of this kind cannot recur.
    """
    found = RECURRING_KINDS.get(kind)
    if found is None:
        able = ", ".join(RECURRING_KINDS)
        raise InvalidInput(f"jobs of kind {kind} cannot recur: choose one of {able}")
    return found
