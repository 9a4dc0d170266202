"""Natural batching: a free replica takes all that waits, and nothing waits for company.

Requests that arrive in one turn of the event loop run together. A batch that takes under a
millisecond runs on the loop itself; a longer one in the deployment's own thread while the next
batch fills, so that slow and fast models do not hold up each other. One batch runs at a time, and
its answers are out before the next one starts.
"""

import logging
from asyncio import AbstractEventLoop, TimerHandle
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter_ns

from lichen.core.errors import DeadlinePassed, LichenError, Unavailable, error_name
from lichen.core.events import ANSWERED, Answered, Observer, Ran, Subject
from lichen.energy.counters import Lane
from lichen.serving.charging import Bill, Metering
from lichen.serving.execution import Execution, Run
from lichen.serving.inquiries import Inquiries
from lichen.serving.queue import FairQueue
from lichen.serving.replica import Replica
from lichen.serving.reservation import Reservations
from lichen.serving.sizing import SHORT_NS
from lichen.serving.ticket import Outcome, Ticket

_log = logging.getLogger(__name__)


class Batcher:
    """The queue before one replica. All methods are for the event loop's thread."""

    def __init__(
        self,
        replica: Replica,
        bill: Bill,
        metering: Metering,
        loop: AbstractEventLoop,
        limits: tuple[int, int],
        watched: tuple[Subject, Observer],
    ) -> None:
        """Make an empty queue.

        Args:
            replica: what runs the batches.
            bill: who is charged.
            metering: gives lanes, which say that work is in flight.
            loop: the event loop that all methods are called on.
            limits: most rows in a batch, most requests that wait.
            watched: what is served here, and who is told what happens to it.
        """
        self._replica = replica
        self._metering = metering
        self._loop = loop
        self._most_rows = min(limits[0], replica.batch_rows)
        self._most_waiting = limits[1]
        self._subject, self._observer = watched
        self._execution = Execution(replica, bill, self._most_rows)
        self.inquiries = Inquiries(replica, bill, metering.price, self._subject)
        """What is asked other than predictions; its own bill is set by the deployment."""
        self._inline_lane = metering.inline_lane()
        self._thread: ThreadPoolExecutor | None = None
        self._thread_lane: Lane | None = None
        self._queue = FairQueue()
        self._reservations = Reservations(replica, metering.price)
        self._is_rationed = False
        self._is_busy = False
        self._gathering: TimerHandle | None = None
        self.wait_seconds = 0.0
        """How long a request waits for company before an idle replica; set by the deployment."""
        self.idle = Event()
        self.idle.set()

    @property
    def waiting(self) -> int:
        """Requests that wait for a batch."""
        return len(self._queue) + len(self.inquiries.queue)

    def submit(self, ticket: Ticket, timeout_us: int | None = None) -> None:
        """Queue a request; its reply is called later, on the loop.

        A request whose batch has not begun `timeout_us` microseconds from now is answered with
        `DeadlinePassed`.

        Raises:
            Unavailable: too many wait already.
        """
        if self.waiting >= self._most_waiting:
            self._queue.drop_abandoned()
            self.inquiries.queue.drop_abandoned()
            if self.waiting >= self._most_waiting:
                raise Unavailable(
                    f"{self._most_waiting} requests wait for this deployment: try again in a second"
                )
        is_inquiry = ticket.query.inquiry is not None
        (self.inquiries.queue if is_inquiry else self._queue).push(ticket)
        if ticket.allotment is not None:
            self._is_rationed = True
        if timeout_us is not None:
            ticket.deadline = self._loop.time() + timeout_us / 1e6
            ticket.timer = self._loop.call_at(ticket.deadline, self._expire, ticket)
        if not self._is_busy:
            self._is_busy = True
            self.idle.clear()
            self._gather()
        elif self._gathering is not None and self._queue.rows >= self._most_rows:
            self._gathering.cancel()
            self._take()

    def _gather(self) -> None:
        """Take at once what comes in this turn of the loop, or wait as the deployment asks."""
        if self.wait_seconds > 0 and self._queue.rows < self._most_rows:
            self._gathering = self._loop.call_later(self.wait_seconds, self._take)
        else:
            self._loop.call_soon(self._take)

    def close(self) -> None:
        """Let go of the thread and the lanes, once `idle` is set."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._metering.release(self._thread_lane)

    def _take(self) -> None:
        """The replica is free: it takes all that waits, up to a batch."""
        self._gathering = None
        if self.inquiries.are_next(is_alone=not self._queue):
            self._take_inquiry()
            return
        tickets = [ticket for ticket in self._queue.take(self._most_rows) if self._begins(ticket)]
        if self._is_rationed and tickets:
            tickets = self._afforded(tickets, self._reservations)
        if not tickets:
            self._go_on()
            return
        rows = sum([ticket.rows for ticket in tickets])
        if not self._replica.is_apart and self._replica.expected_ns(rows) < SHORT_NS:
            self._settle(self._execution.run(tickets, self._inline_lane))
        else:
            self._executor().submit(self._run_in_thread, tickets)

    def _take_inquiry(self) -> None:
        """The replica is free, and an inquiry's turn has come."""
        tickets = [ticket for ticket in self.inquiries.queue.take(1) if self._begins(ticket)]
        if self._is_rationed and tickets:
            tickets = self._afforded(tickets, self.inquiries.reservations)
        if tickets:
            self._executor().submit(self._run_inquiries_in_thread, tickets)
        else:
            self._go_on()

    def _afforded(self, tickets: list[Ticket], reservations: Reservations) -> list[Ticket]:
        """Those that their budgets hold; the others are told so at once, all where one fails."""
        try:
            afforded, refused = reservations.admit(tickets)
        except Exception:  # noqa: BLE001 - whatever happens, the queue goes on
            _log.exception("budgets cannot be asked")
            unknown = Unavailable("its budgets cannot be asked: the data plane's log says why")
            afforded, refused = [], [(ticket, unknown) for ticket in tickets]
        now_ns = perf_counter_ns()
        for ticket, why in refused:
            self._deliver(ticket, why, (0, 0), now_ns)
        return afforded

    def _begins(self, ticket: Ticket) -> bool:
        """Is it still wanted, now that its batch begins?"""
        if ticket.timer is not None:
            ticket.timer.cancel()
            if ticket.deadline is not None and self._loop.time() >= ticket.deadline:
                self._expire(ticket)
        return not ticket.abandoned

    def _expire(self, ticket: Ticket) -> None:
        """Its time is over and its batch has not begun: say so, and do not do the work."""
        if ticket.abandoned:
            return
        late = DeadlinePassed("the request's timeout passed while it waited for its batch")
        self._deliver(ticket, late, (0, 0), perf_counter_ns())
        ticket.abandoned = True

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="replica")
            self._thread_lane = self._metering.lane()
        return self._thread

    def _run_in_thread(self, tickets: list[Ticket]) -> None:
        runs = self._execution.run(tickets, self._thread_lane)
        self._loop.call_soon_threadsafe(self._settle, runs)

    def _run_inquiries_in_thread(self, tickets: list[Ticket]) -> None:
        runs = [self.inquiries.run(ticket, self._thread_lane) for ticket in tickets]
        self._loop.call_soon_threadsafe(self._settle_inquiries, runs)

    def _settle(self, runs: list[Run]) -> None:
        if self._is_rationed:
            self._pay(runs, self._reservations)
        self._answer(runs, self._subject)

    def _settle_inquiries(self, runs: list[Run]) -> None:
        if self._is_rationed:
            self._pay(runs, self.inquiries.reservations)
        self._answer(runs, self.inquiries.subject)

    def _answer(self, runs: list[Run], subject: Subject) -> None:
        now_ns = perf_counter_ns()
        for tickets, outcomes, cpu_ns, began_ns, ended_ns in runs:
            rows = sum([ticket.rows for ticket in tickets])
            ran = Ran(subject, len(tickets), rows, cpu_ns, ended_ns - began_ns)
            self._observer.ran(ran)
            for ticket, outcome in zip(tickets, outcomes, strict=True):
                if not ticket.abandoned:
                    self._deliver(ticket, outcome, (began_ns, ended_ns - began_ns), now_ns)
        self._go_on()

    def _pay(self, runs: list[Run], reservations: Reservations) -> None:
        """Settle what was set aside; where that fails it stays so, and the answers still go out."""
        try:
            reservations.settle(runs)
        except Exception:  # noqa: BLE001 - whatever happens, the queue goes on
            _log.exception("what requests cost cannot be settled with their budgets")

    def _deliver(self, ticket: Ticket, outcome: Outcome, ran: tuple[int, int], now_ns: int) -> None:
        """Reply, and tell the observer; `ran`: when its batch began and how long that took."""
        try:
            ticket.reply(outcome)
        except Exception:  # noqa: BLE001 - one broken door must not cost others theirs
            _log.exception("an answer could not be delivered")
        began_ns, compute_ns = ran
        charge = None if isinstance(outcome, LichenError) else outcome.charge
        self._observer.answered(
            Answered(
                self._subject,
                ticket.tenant,
                error_name(outcome) if isinstance(outcome, LichenError) else ANSWERED,
                ticket.rows,
                (began_ns or now_ns) - ticket.since_ns,
                compute_ns,
                now_ns - ticket.since_ns,
                None if charge is None else charge.nj,
                None if charge is None else charge.ng,
            )
        )

    def _go_on(self) -> None:
        if self._queue or self.inquiries.queue:
            self._loop.call_soon(self._take)
        else:
            self._is_busy = self._is_rationed = False
            self.idle.set()
