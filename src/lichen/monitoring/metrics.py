"""The observer that counts: what it is told stands in the slot's file when the call returns.

At most 1,000 series and 256 variants a process have numbers of their own; what comes after them is
counted together as `other`, so that neither memory nor a scrape grows without bound.
"""

from collections.abc import Mapping

import msgspec

from lichen.core.events import Answered, Observer, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.series import Batches, Series
from lichen.monitoring.slots import Slot

_MOST_KNOWN = 4096
_key = msgspec.json.Encoder().encode


class Metrics:
    """Counters and histograms of this process. All methods are for the event loop's thread.

    `tracer` is told of requests as well, when there is one.
    """

    def __init__(self, slot: Slot) -> None:
        self.tracer: Observer | None = None
        self._slot = slot
        self._series: dict[tuple[Subject, TenantId], Series] = {}
        self._batches: dict[Subject, Batches] = {}
        self._by_place: dict[int, Series | Batches] = {}
        self._waiting: Mapping[Subject, int] = {}

    def answered(self, event: Answered) -> None:
        """Count one request."""
        series = self._series.get((event.subject, event.tenant))
        if series is None:
            series = self._find_series(event.subject, event.tenant)
        series.add(event)
        if self.tracer is not None:
            self.tracer.answered(event)

    def ran(self, event: Ran) -> None:
        """Count one batch."""
        batches = self._batches.get(event.subject)
        if batches is None:
            batches = self._find_batches(event.subject)
        batches.add(event)

    def waiting(self, requests: Mapping[Subject, int]) -> None:
        """So many requests wait now for each variant; none for those that are not named."""
        sums: dict[Batches, int] = dict.fromkeys(map(self._find_batches, self._waiting), 0)
        for subject, count in requests.items():
            batches = self._find_batches(subject)
            sums[batches] = sums.get(batches, 0) + count
        for batches, count in sums.items():
            batches.waits(count)
        self._waiting = requests

    def _find_series(self, subject: Subject, tenant: TenantId) -> Series:
        place = self._slot.series.place(_key([*_names(subject), tenant]))
        series = self._by_place.get(place)
        if not isinstance(series, Series):
            series = self._by_place[place] = Series(self._slot, place)
        if len(self._series) >= _MOST_KNOWN:
            self._series.clear()
        self._series[subject, tenant] = series
        return series

    def _find_batches(self, subject: Subject) -> Batches:
        known = self._batches.get(subject)
        if known is not None:
            return known
        place = self._slot.subjects.place(_key(_names(subject)))
        batches = self._by_place.get(place)
        if not isinstance(batches, Batches):
            batches = self._by_place[place] = Batches(self._slot, place)
        if len(self._batches) >= _MOST_KNOWN:
            self._batches.clear()
        self._batches[subject] = batches
        return batches


def _names(subject: Subject) -> list[str]:
    return [subject.deployment, subject.model, str(subject.version), subject.variant]
