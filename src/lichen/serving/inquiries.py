"""Work on a replica other than predictions, such as explanations: dearer, charged by itself.

Between two batches at most one inquiry runs, in the model's own thread, so that neither
predictions nor inquiries wait for ever; callers share them as fairly as batches.
"""

import logging
from collections.abc import Callable
from time import perf_counter_ns

from lichen.core.batch import Batch
from lichen.core.errors import DeadlinePassed, LichenError, WorkFailed
from lichen.core.events import Subject
from lichen.energy.counters import Lane
from lichen.serving.charging import Bill, Price
from lichen.serving.execution import Run
from lichen.serving.queue import FairQueue
from lichen.serving.replica import Replica
from lichen.serving.reservation import Reservations
from lichen.serving.ticket import Answer, Ended, Outcome, Ticket

VARIANT = "explain"
"""What follows a variant's name in the account and the receipt of its explanations."""
PRIOR_FACTOR = 60.0
"""The first inquiry is taken to cost so many times what the replica's trial runs took."""

_log = logging.getLogger(__name__)


def inquiry_variant(variant: str) -> str:
    """The variant that inquiries are charged under: `fp32-explain`."""
    return f"{variant}-{VARIANT}"


class Inquiries:
    """The inquiries of one replica. `run` is for the model's thread, all else for the loop's."""

    def __init__(
        self, replica: Replica, bill: Bill, price: Callable[[float], Price], subject: Subject
    ) -> None:
        self.queue = FairQueue()
        self.reservations = Reservations(replica, price, PRIOR_FACTOR)
        self.subject = Subject(
            subject.deployment, subject.model, subject.version, inquiry_variant(subject.variant)
        )
        self._replica = replica
        self.bill = bill
        self._is_their_turn = False

    def are_next(self, *, is_alone: bool) -> bool:
        """Whether an inquiry goes before the next batch; `is_alone`: no prediction waits."""
        is_next = bool(self.queue) and (is_alone or self._is_their_turn)
        self._is_their_turn = not is_next
        return is_next

    def run(self, ticket: Ticket, lane: Lane | None) -> Run:
        """The inquiry of a ticket, charged; what it needs first is read at no charge."""
        began_ns = perf_counter_ns()
        try:
            outcome, cpu_ns = self._done(ticket, lane)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            return Run([ticket], [_failure(error)], 0, began_ns, perf_counter_ns())
        return Run([ticket], [outcome], cpu_ns, began_ns, perf_counter_ns())

    def _done(self, ticket: Ticket, lane: Lane | None) -> tuple[Outcome, int]:
        inquiry = ticket.query.inquiry
        if inquiry is None:
            raise WorkFailed("a request that is no inquiry ran as one")
        inquiry.prepare(self._replica.predictor)
        if lane is not None:
            lane.begin()
        try:
            found, cpu_ns = self._replica.run_inquiry(inquiry, Batch(ticket.inputs))
            (charge,) = self.bill.charge(cpu_ns, [ticket.rows], [ticket.tenant])
        finally:
            if lane is not None:
                lane.end()
        if isinstance(found, DeadlinePassed):
            return Ended(str(found), charge), cpu_ns
        return Answer({}, charge, ticket.head, ticket.allotment, found), cpu_ns


def _failure(error: Exception) -> LichenError:
    if isinstance(error, LichenError):
        return error
    _log.error("an inquiry raised %s", type(error).__name__, exc_info=error)
    return WorkFailed("the request failed unexpectedly; the server's log says how")
