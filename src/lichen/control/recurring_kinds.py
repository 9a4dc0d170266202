"""Which kinds of jobs can recur, and what is particular to each: one row a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import JobKind, JsonObject
from lichen.protocol.reports import Standard

SEALED_AFTER = timedelta(minutes=2)
"""By then the last minute before a due moment is an entry of the ledger (L3)."""
Dated = Callable[[JsonObject, datetime, datetime], JsonObject]
"""The spec of the run that is due at the second moment; the run before it was at the first."""


def _as_it_is(spec: JsonObject, _before: datetime, _due: datetime) -> JsonObject:
    return spec


def _of_the_period(spec: JsonObject, before: datetime, due: datetime) -> JsonObject:
    """A report of what was booked since the due moment before it; those of a model have no span."""
    if Standard(spec["standard"]).is_of_a_model:
        return spec
    return {**spec, "since": rfc3339(before), "until": rfc3339(due)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringKind:
    """What is particular to a kind.

    Attributes:
        is_made_late: whether a run whose window has passed is still of use.
        is_green: whether a run waits for a cleaner grid where its sender does not say.
        begins_after: how long after it is due a run may begin at the earliest.
        dated: makes the spec of one run from that of all.
    """

    is_made_late: bool
    is_green: bool = True
    begins_after: timedelta = timedelta(0)
    dated: Dated = _as_it_is


RECURRING_KINDS: Mapping[JobKind, RecurringKind] = {
    JobKind.TRAIN: RecurringKind(is_made_late=True),
    JobKind.REPORT: RecurringKind(
        is_made_late=True, is_green=False, begins_after=SEALED_AFTER, dated=_of_the_period
    ),
    JobKind.PREDICT: RecurringKind(is_made_late=False),
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
