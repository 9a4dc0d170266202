"""What levers did in a span and what it saved, from what is kept of them and the ledger.

Only what ended before the last entry that is counted is told, so a report as of an entry says the
same whenever it is asked for.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain

import msgspec

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.shares import Share
from lichen.carbon.levers import DEGRADED, DeferredJob, DegradedRequests, degraded_prefix
from lichen.carbon.reports.savings import Saving
from lichen.carbon.savings import Deeds, savings
from lichen.control.jobs import Jobs
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
        deeds = Deeds(tuple(self._degraded(since, until)), tuple(self._deferred(since, until)))
        if tenant is not None:
            deeds = _of_tenant(deeds, tenant, shares)

        @cache
        def hour_of(moment: datetime) -> Sequence[Share]:
            return self._around(moment, extent.as_of)

        return extent.as_of, savings(extent, shares, deeds, hour_of)

    def _are_any(self, span: Span) -> bool:
        bounds = span[0] or _BEGINNING, span[1] or _END
        found: Iterator[object] = chain(self._degraded(*bounds), self._deferred(*bounds))
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

    def _deferred(self, since: datetime, until: datetime) -> Iterator[DeferredJob]:
        for job in self._jobs.since(max(since, _BEGINNING + LONGEST_WAIT) - LONGEST_WAIT):
            ended = job.finished_at
            if job.has_waited and ended is not None and since <= ended < until:
                yield DeferredJob(job.id, job.tenant, job.created_at, ended)

    def _around(self, moment: datetime, as_of: int) -> Sequence[Share]:
        """What the ledger holds of an hour, or of the day where hours were rolled up."""
        hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        _, shares = self._ledger.shares(hour, hour + HOUR, as_of)
        if shares:
            return shares
        day = hour.replace(hour=0)
        return self._ledger.shares(day, day + DAY, as_of)[1]


def _of_tenant(deeds: Deeds, tenant: TenantId, shares: Sequence[Share]) -> Deeds:
    """What concerns one tenant: deployments are those that its accounts of the span name."""
    accounts = (one.account.split("/") for one in shares)
    own = {parts[2] for parts in accounts if parts[:2] == ["work", tenant]}
    return Deeds(
        tuple(one for one in deeds.degraded if own & {one.asked, one.answered_by}),
        tuple(one for one in deeds.deferred if one.tenant == tenant),
    )
