"""What levers did in a span and what it saved, from what is kept of them and the ledger.

Only what ended before the last entry that is counted is told, so a report as of an entry says the
same whenever it is asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain

import msgspec

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.shares import Share
from lichen.carbon.levers import (
    DEGRADED,
    DeferredJob,
    DegradedRequests,
    ShiftedJob,
    degraded_prefix,
)
from lichen.carbon.reports.savings import Saving
from lichen.carbon.savings import Deeds, savings
from lichen.control.expectations import seconds_at_work
from lichen.control.jobs import Jobs
from lichen.control.transitions import JobRecord
from lichen.core.errors import NotFound
from lichen.core.ids import TenantId
from lichen.store.documents import SCAN_LIMIT, DocumentStore

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST_WAIT = timedelta(days=400)
"""A job that ended in the span was submitted at most so long before it."""
_BEGINNING, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

Span = tuple[datetime | None, datetime | None]


class Levers:
    """Answers what was saved; nothing of it is booked."""

    def __init__(self, documents: DocumentStore, jobs: Jobs, ledger: LedgerReader) -> None:
        self._documents = documents
        self._jobs = jobs
        self._ledger = ledger

    def saved(
        self,
        span: Span,
        as_of: int | None,
        *,
        is_live: bool = False,
        tenant: TenantId | None = None,
    ) -> tuple[int, tuple[Saving, ...]]:
        """What was saved in a span, and the last entry that was counted.

        `is_live`: with what was done since that entry, so the answer may change. `tenant`: what
        concerns its deployments and jobs alone.

        Raises:
            NotFound: there is no ledger, nothing sealed yet, or no entry `as_of`.
            Corrupt, StorageFailed: ledger or store cannot be read.
        """
        if not self._are_any(span):  # the usual case, without reading the ledger through
            return self._last_entry(as_of), ()
        extent, shares = self._ledger.shares(*span, as_of)
        if extent.last is None:
            return extent.as_of, ()
        since, until = span[0] or _BEGINNING, span[1] or _END
        if not is_live:
            until = min(until, extent.last)
        deeds = self._deeds(since, until)
        if tenant is not None:
            deeds = _of_tenant(deeds, tenant, shares)

        return extent.as_of, savings(extent, shares, deeds, self._hours(extent.as_of))

    def saved_by(self, job: JobRecord) -> Saving | None:
        """What a job that could wait saved, once the ledger holds its end; None of any other.

        Raises:
            NotFound: there is no ledger, or nothing is sealed yet.
            Corrupt, StorageFailed: the ledger cannot be read.
        """
        shifted = _shifted(job)
        if shifted is None or job.started_at is None:
            return None
        span = (_hour_of(job.started_at), _hour_of(shifted.finished_at) + HOUR)
        extent, shares = self._ledger.shares(*span, None)
        if extent.last is None or extent.last < shifted.finished_at:
            return None
        deeds = Deeds(shifted=(shifted,))
        return next(iter(savings(extent, shares, deeds, self._hours(extent.as_of))))

    def _hours(self, as_of: int) -> Callable[[datetime], Sequence[Share]]:
        @cache
        def hour_of(moment: datetime) -> Sequence[Share]:
            return self._around(moment, as_of)

        return hour_of

    def _deeds(self, since: datetime, until: datetime) -> Deeds:
        ended = tuple(self._waited(since, until))
        shifted = tuple(one for one in map(_shifted, ended) if one is not None)
        deferred = tuple(
            DeferredJob(job.id, job.tenant, job.created_at, job.finished_at)
            for job in ended
            if job.finished_at is not None and _shifted(job) is None
        )
        return Deeds(tuple(self._degraded(since, until)), deferred, shifted)

    def _are_any(self, span: Span) -> bool:
        bounds = span[0] or _BEGINNING, span[1] or _END
        found: Iterator[object] = chain(self._degraded(*bounds), self._waited(*bounds))
        return next(found, None) is not None

    def _last_entry(self, as_of: int | None) -> int:
        last = self._ledger.head()[0]
        if as_of is not None and as_of > last:
            raise NotFound(f"entry {as_of} is not sealed yet; the last one is {last}")
        return as_of or last

    def _degraded(self, since: datetime, until: datetime) -> Iterator[DegradedRequests]:
        after = degraded_prefix(max(since, _BEGINNING))
        while page := self._documents.scan(DEGRADED, after, SCAN_LIMIT):
            for document in page:
                one = msgspec.json.decode(document.body, type=DegradedRequests)
                if one.hour + HOUR > until:
                    return
                if one.hour >= since:
                    yield one
            after = page[-1].key

    def _waited(self, since: datetime, until: datetime) -> Iterator[JobRecord]:
        """Jobs that waited, for a budget or for a cleaner grid, and ended in the span."""
        for job in self._jobs.since(max(since, _BEGINNING + LONGEST_WAIT) - LONGEST_WAIT):
            ended = job.finished_at
            if job.has_waited and ended is not None and since <= ended < until:
                yield job

    def _around(self, moment: datetime, as_of: int) -> Sequence[Share]:
        """What the ledger holds of an hour, or of the day where hours were rolled up."""
        hour = _hour_of(moment)
        _, shares = self._ledger.shares(hour, hour + HOUR, as_of)
        if shares:
            return shares
        day = hour.replace(hour=0)
        return self._ledger.shares(day, day + DAY, as_of)[1]


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _shifted(job: JobRecord) -> ShiftedJob | None:
    """The job, if the plan might let it wait and it has ended."""
    schedule, ended = job.schedule, job.finished_at
    if schedule is None or not schedule.green or ended is None:
        return None
    released = max(job.created_at, schedule.release)
    seconds = seconds_at_work(job)
    if seconds is None:
        return None
    return ShiftedJob(job.id, job.tenant, released, timedelta(seconds=seconds), ended)


def _of_tenant(deeds: Deeds, tenant: TenantId, shares: Sequence[Share]) -> Deeds:
    """What concerns one tenant: deployments are those that its accounts of the span name."""
    accounts = (one.account.split("/") for one in shares)
    own = {parts[2] for parts in accounts if parts[:2] == ["work", tenant]}
    return Deeds(
        tuple(one for one in deeds.degraded if own & {one.asked, one.answered_by}),
        tuple(one for one in deeds.deferred if one.tenant == tenant),
        tuple(one for one in deeds.shifted if one.tenant == tenant),
    )
