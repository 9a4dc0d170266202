"""Natural batching: a free replica takes all that waits, and nothing waits for company.

Requests that arrive in one turn of the event loop run together. A batch that takes under a
millisecond runs on the loop itself; a longer one in the deployment's own thread while the next
batch fills, so that slow and fast models do not hold up each other.
"""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from lichen.core.batch import Array
from lichen.core.errors import LichenError, Unavailable, WorkFailed
from lichen.energy.counters import Lane
from lichen.serving.charging import Bill, Metering
from lichen.serving.replica import Replica
from lichen.serving.rows import grouped, join, part
from lichen.serving.ticket import Answer, Outcome, Ticket

INLINE_NS = 1_000_000
"""Batches that should take longer than this leave the event loop."""

_log = logging.getLogger(__name__)
_Results = list[tuple[Ticket, Outcome]]


class Batcher:
    """The queue before one replica. All methods are for the event loop's thread."""

    def __init__(
        self,
        replica: Replica,
        bill: Bill,
        metering: Metering,
        loop: AbstractEventLoop,
        limits: tuple[int, int],
    ) -> None:
        """Make an empty queue; `limits`: most rows in a batch, most requests that wait."""
        self._replica = replica
        self._bill = bill
        self._metering = metering
        self._loop = loop
        self._most_rows, self._most_waiting = limits
        self._inline_lane = metering.inline_lane()
        self._thread: ThreadPoolExecutor | None = None
        self._thread_lane: Lane | None = None
        self._waiting: list[Ticket] = []
        self._is_busy = False
        self.idle = Event()
        self.idle.set()

    def submit(self, ticket: Ticket) -> None:
        """Queue a request; its reply is called later, on the loop.

        Raises:
            Unavailable: too many wait already.
        """
        if len(self._waiting) >= self._most_waiting:
            raise Unavailable(
                f"{self._most_waiting} requests wait for this deployment: try again in a second"
            )
        self._waiting.append(ticket)
        if not self._is_busy:
            self._is_busy = True
            self.idle.clear()
            self._loop.call_soon(self._take)

    def close(self) -> None:
        """Let go of the thread and the lanes, once `idle` is set."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._metering.release(self._thread_lane)

    def _take(self) -> None:
        """The replica is free: it takes all that waits."""
        tickets = [ticket for ticket in self._waiting if not ticket.abandoned]
        self._waiting.clear()
        if not tickets:
            self._is_busy = False
            self.idle.set()
            return
        rows = sum([ticket.rows for ticket in tickets])
        if self._replica.expected_ns(rows) < INLINE_NS:
            self._settle(self._run(tickets, self._inline_lane))
        else:
            self._executor().submit(self._run_in_thread, tickets)

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="replica")
            self._thread_lane = self._metering.lane()
        return self._thread

    def _run_in_thread(self, tickets: list[Ticket]) -> None:
        results = self._run(tickets, self._thread_lane)
        self._loop.call_soon_threadsafe(self._settle, results)

    def _settle(self, results: _Results) -> None:
        for ticket, outcome in results:
            if not ticket.abandoned:
                try:
                    ticket.reply(outcome)
                except Exception:  # noqa: BLE001 - one broken door must not cost others theirs
                    _log.exception("an answer could not be delivered")
        if self._waiting:
            self._loop.call_soon(self._take)
        else:
            self._is_busy = False
            self.idle.set()

    def _run(self, tickets: list[Ticket], lane: Lane | None) -> _Results:
        if len(tickets) == 1:
            return self._run_together(tickets, lane)
        if not self._replica.predictor.joins_rows:
            return [result for one in tickets for result in self._run_together([one], lane)]
        results: _Results = []
        sizes = [(ticket.form, ticket.rows) for ticket in tickets]
        for positions in grouped(sizes, self._most_rows):
            results += self._run_together([tickets[position] for position in positions], lane)
        return results

    def _run_together(self, tickets: list[Ticket], lane: Lane | None) -> _Results:
        """One batch. When it fails, each request runs alone: a bad one hurts only itself."""
        try:
            outcomes = self._predict(tickets, lane)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            if len(tickets) > 1:
                return [result for one in tickets for result in self._run_together([one], lane)]
            return [(tickets[0], _failure(error))]
        return list(zip(tickets, outcomes, strict=True))

    def _predict(self, tickets: Sequence[Ticket], lane: Lane | None) -> list[Answer]:
        rows = [ticket.rows for ticket in tickets]
        batch = join([ticket.inputs for ticket in tickets])
        if lane is not None:
            lane.begin()
        try:
            outputs, cpu_ns = self._replica.run(batch, sum(rows))
            parts = part(outputs, rows)  # before anybody is charged: a batch that fails runs again
            charges = self._bill.charge(cpu_ns, rows, [ticket.tenant for ticket in tickets])
        finally:
            if lane is not None:
                lane.end()
        return [
            Answer(_asked(ticket, values), charge, ticket.head)
            for ticket, values, charge in zip(tickets, parts, charges, strict=True)
        ]


def _asked(ticket: Ticket, values: dict[str, Array]) -> dict[str, Array]:
    if ticket.outputs is None:
        return values
    return {name: values[name] for name in ticket.outputs}


def _failure(error: Exception) -> LichenError:
    if isinstance(error, LichenError):
        return error
    _log.error("a model raised %s", type(error).__name__, exc_info=error)
    return WorkFailed("the model failed on this request; the server's log says how")
