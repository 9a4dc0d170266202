"""What stands for a model while it sleeps: its signature, and a queue whose first request wakes it.

A deployment sleeps when others needed the memory. It still exists: it is ready, describes itself,
and answers, only the first time later.
"""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable
from threading import Event
from time import perf_counter_ns

from lichen.core.batch import Batch
from lichen.core.errors import DeadlinePassed, LichenError, Unavailable, error_name
from lichen.core.events import Answered, Observer, Subject
from lichen.core.tensors import Signature
from lichen.serving.selector import Selector
from lichen.serving.ticket import Ticket

_log = logging.getLogger(__name__)


class Unloaded:
    """What remains of a predictor whose memory was given back; it computes nothing."""

    def __init__(self, signature: Signature, *, joins_rows: bool) -> None:
        self._signature = signature
        self._joins_rows = joins_rows

    @property
    def signature(self) -> Signature:
        """As it was when it was loaded."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """As it was when it was loaded."""
        return self._joins_rows

    def predict(self, batch: Batch) -> Batch:
        """Nothing: requests wait in `Dormant` until the model is loaded.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"a sleeping model was asked for {batch.rows} rows: load it first")

    def example(self, rows: int) -> Batch:
        """Nothing, for the same reason.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"a sleeping model was asked for an example of {rows} rows")

    def close(self) -> None:
        """There is nothing left to give back."""


class Dormant:
    """The queue before a sleeping model. All methods are for the event loop's thread."""

    def __init__(
        self,
        wake: Callable[[], None],
        loop: AbstractEventLoop,
        most_waiting: int,
        watched: tuple[Subject, Observer],
    ) -> None:
        """Make an empty queue.

        Args:
            wake: asks for the model; called when a request comes and none waits.
            loop: the event loop that all methods are called on.
            most_waiting: requests.
            watched: what is served here, and who is told what happens to it.
        """
        self._wake = wake
        self._loop = loop
        self._most_waiting = most_waiting
        self._subject, self._observer = watched
        self._waiting: list[Ticket] = []
        self.wait_seconds = 0.0
        self.idle = Event()
        self.idle.set()

    @property
    def waiting(self) -> int:
        """Requests that wait until the model is awake."""
        return len(self._waiting)

    def submit(self, ticket: Ticket, timeout_us: int | None = None) -> None:
        """Keep a request until the model is awake, or until its time is over.

        Raises:
            Unavailable: too many wait already.
        """
        if len(self._waiting) >= self._most_waiting:
            self._waiting = [one for one in self._waiting if not one.abandoned]
            if len(self._waiting) >= self._most_waiting:
                raise Unavailable(
                    f"{self._most_waiting} requests wait for this deployment, which is being "
                    "loaded: try again in a second"
                )
        self._waiting.append(ticket)
        if timeout_us is not None:
            ticket.deadline = self._loop.time() + timeout_us / 1e6
            ticket.timer = self._loop.call_at(ticket.deadline, self._expire, ticket)
        if self.idle.is_set():
            self.idle.clear()
            self._wake()

    def hand_over(self, selector: Selector) -> None:
        """Let those that wait have what answers now under the name that they asked for.

        It may be another version than the one that slept. Those that asked for a version by its
        number get that one, or are told that it is gone.
        """
        for ticket in self._emptied():
            try:
                self._readdress(ticket, selector)
            except LichenError as error:
                self._answer(ticket, error)

    def refuse(self, error: LichenError) -> None:
        """The model cannot be had: say so to all that wait."""
        for ticket in self._emptied():
            self._answer(ticket, error)

    def close(self) -> None:
        """Nothing is held."""

    def _readdress(self, ticket: Ticket, selector: Selector) -> None:
        query = ticket.query
        served = selector.choose(query.name, query.version)
        if served.head != ticket.head:
            if query.inquiry is not None:  # it was made for the version that slept
                raise Unavailable(f"{query.name!r} was deployed anew meanwhile: ask again")
            ticket.rows = served.admission.check(query.inputs)
            served.admission.check_outputs(query.outputs or ())
            ticket.head = served.head
        timeout_us = None
        if ticket.timer is not None and ticket.deadline is not None:
            ticket.timer.cancel()
            timeout_us = max(0, round((ticket.deadline - self._loop.time()) * 1e6))
        served.batcher.submit(ticket, timeout_us)

    def _expire(self, ticket: Ticket) -> None:
        if ticket.abandoned:
            return
        late = DeadlinePassed("the request's timeout passed while its model was being loaded")
        self._answer(ticket, late)
        ticket.abandoned = True

    def _answer(self, ticket: Ticket, error: LichenError) -> None:
        if ticket.timer is not None:
            ticket.timer.cancel()
        try:
            ticket.reply(error)
        except Exception:  # noqa: BLE001 - one broken door must not cost others theirs
            _log.exception("an answer could not be delivered")
        waited_ns = perf_counter_ns() - ticket.since_ns
        self._observer.answered(
            Answered(
                self._subject,
                ticket.tenant,
                error_name(error),
                ticket.rows,
                waited_ns,
                0,
                waited_ns,
                None,
                None,
            )
        )

    def _emptied(self) -> list[Ticket]:
        waiting, self._waiting = self._waiting, []
        self.idle.set()
        return [ticket for ticket in waiting if not ticket.abandoned]
