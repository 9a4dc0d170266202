"""What watches one data-plane process: metrics, statistics and traces, wired by hand."""

from asyncio import AbstractEventLoop
from importlib.metadata import version
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.metrics_http import METRICS_PATH, Telemetry, answer_metrics
from lichen.api.oip_http import Door, bound
from lichen.api.telemetry_calls import TelemetryCalls
from lichen.api.telemetry_http import telemetry_routes
from lichen.core.clock import SystemClock
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.monitoring.trace_settings import TraceBook
from lichen.monitoring.tracer import TraceFile, Tracer
from lichen.server.home import Home
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.serving.selector import Selector
from lichen.store.documents import DocumentStore


class Watching:
    """The observer of this process, and the paths that tell what all processes observed."""

    def __init__(
        self, home: Path, documents: DocumentStore, selector: Selector, loop: AbstractEventLoop
    ) -> None:
        """Take a slot.

        Raises:
            StorageFailed: the home cannot be written.
        """
        self._home = Home(home)
        slot = Slot.claim(self._home.metrics)
        self.metrics = Metrics(slot)
        self._documents = documents
        self._selector = selector
        self._loop = loop
        self._book = TraceBook(documents)
        self._tracer = Tracer(self._book, TraceFile(self._home.traces / f"{slot.name}.jsonl"))

    def look(self, changed: bool) -> None:  # noqa: FBT001 - the poller's one question
        """Write the traces there are, and read their settings again if the store changed.

        For a thread of its own, five times a second.

        Raises:
            StorageFailed: the store cannot be read.
        """
        if changed:
            self._tracer.refresh()
            self.metrics.tracer = self._tracer if self._tracer.is_on else None
        self._tracer.flush()
        self._loop.call_soon_threadsafe(self._see_queues)

    def _see_queues(self) -> None:
        served = self._selector.served().values()
        self.metrics.waiting({one.subject: one.batcher.waiting for one in served})

    def routes(self, door: Door) -> list[Route]:
        """`/metrics`, and the extensions statistics and trace."""
        folder = self._home.metrics
        budgets = BudgetAccounts(self._documents, self._home, SystemClock()).gauges
        told = Telemetry(door.gate, self._documents, folder, version("lichen"), budgets=budgets)

        async def metrics(request: Request, _: Door) -> Response:
            return await answer_metrics(told, request.state.principal, request)

        return [
            Route(METRICS_PATH, bound(metrics, door)),
            *telemetry_routes(door, self.calls(door)),
        ]

    def calls(self, door: Door) -> TelemetryCalls:
        """What the extensions answer, for every protocol."""
        return TelemetryCalls(door.gate, door.plane, self._home.metrics, self._book)
