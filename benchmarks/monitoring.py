"""What watching costs: one request and one batch counted, one scrape; each beside its limit.

    python benchmarks/monitoring.py

CPU time by the thread's own clock. Exit code 1 when a limit is missed.
"""

import sys
import tempfile
from pathlib import Path
from time import thread_time_ns

from metering import Row, left_allocated, median_us, p99_us

from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.exposition import Scrape, exposition
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.monitoring.totals import totals

TENANTS, DEPLOYMENTS = 8, 16
BATCH = 16


class Watched:
    """A slot with as many series as a busy platform has, and events for them in turn."""

    def __init__(self, folder: Path) -> None:
        self.metrics = Metrics(Slot.claim(folder))
        self.subjects = [Subject(f"d{n}", f"m{n}", 1, "fp32") for n in range(DEPLOYMENTS)]
        self.requests = [
            Answered(subject, TenantId(f"t{n}"), "ok", 1, 9_000, 80_000, 120_000, 160_000, 17)
            for subject in self.subjects
            for n in range(TENANTS)
        ]
        self.batches = [Ran(subject, 1, 1, 70_000, 80_000) for subject in self.subjects]
        self._turn = 0

    def alone(self) -> None:
        """A request alone in its batch."""
        self._turn += 1
        self.metrics.ran(self.batches[self._turn % DEPLOYMENTS])
        self.metrics.answered(self.requests[self._turn % len(self.requests)])

    def one(self) -> None:
        """The request alone, without its batch."""
        self._turn += 1
        self.metrics.answered(self.requests[self._turn % len(self.requests)])

    def batch(self) -> None:
        """A batch of sixteen requests."""
        self.metrics.ran(self.batches[0])
        for request in self.requests[:BATCH]:
            self.metrics.answered(request)


def scrape(folder: Path) -> bytes:
    return exposition(Scrape(totals(folder), [], [], [], "0", "3"))


def main() -> int:
    """Print the table; 1 when a limit is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        watched = Watched(folder)
        rows = [
            Row("count a request and its batch of one, median", median_us(watched.alone), "us", 2),
            Row("count a request and its batch of one, p99", p99_us(watched.alone), "us", None),
            Row("count a request, median", median_us(watched.one), "us", 2),
            Row(f"count one of {BATCH}, median", median_us(watched.batch) / BATCH, "us", 2),
            Row("left allocated by one request", left_allocated(watched.alone), "bytes", 0.1),
        ]
        for _ in range(3):
            watched.alone()
        size = len(scrape(folder)) / 1024
        rows.append(Row("text of a scrape, 128 series", size, "KiB", None))
        began = thread_time_ns()
        for _ in range(5):
            scrape(folder)
        took = (thread_time_ns() - began) / 5 / 1e6
        rows.append(Row("a scrape, 128 series", took, "ms", None))
    print(f"{'what':<52}{'measured':>10} {'unit':<11}{'limit':>7}")
    for row in rows:
        print(row.line())
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
