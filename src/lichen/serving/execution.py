"""Run a batch: join its requests, predict, part the answers, and charge each its share."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import DeadlinePassed, LichenError, WorkFailed
from lichen.energy.counters import Lane
from lichen.serving.charging import Bill
from lichen.serving.replica import Replica
from lichen.serving.rows import grouped, join, part
from lichen.serving.ticket import Answer, Outcome, Ticket

_log = logging.getLogger(__name__)


class Run(NamedTuple):
    """One batch that ran: who got what, the CPU time of the work, and when (monotonic ns)."""

    tickets: Sequence[Ticket]
    outcomes: Sequence[Outcome]
    cpu_ns: int
    began_ns: int
    ended_ns: int


class Execution:
    """Runs tickets on one replica; `run` is called by one thread at a time."""

    def __init__(self, replica: Replica, bill: Bill, most_rows: int) -> None:
        self.replica = replica
        self._bill = bill
        self._most_rows = most_rows
        self._joins_rows = replica.predictor.joins_rows
        self._takes_rows = replica.predictor.signature.takes_rows

    def run(self, tickets: list[Ticket], lane: Lane | None) -> list[Run]:
        """What each gets: in one batch those of equal form, if the model joins rows at all."""
        if len(tickets) == 1:
            return self._run_together(tickets, lane)
        if not self.replica.predictor.joins_rows:  # a guest that has just died joins none
            return [run for one in tickets for run in self._run_together([one], lane)]
        form = tickets[0].form
        if all(ticket.form == form for ticket in tickets):
            return self._run_together(tickets, lane)
        sizes = [(ticket.form, ticket.rows) for ticket in tickets]
        return [
            run
            for positions in grouped(sizes, self._most_rows)
            for run in self._run_together([tickets[position] for position in positions], lane)
        ]

    def _run_together(self, tickets: list[Ticket], lane: Lane | None) -> list[Run]:
        """One batch. When it fails, each request runs alone: a bad one hurts only itself."""
        began_ns = perf_counter_ns()
        try:
            answers, cpu_ns = self._predict(tickets, lane)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            if len(tickets) > 1 and not isinstance(error, DeadlinePassed):
                return [run for one in tickets for run in self._run_together([one], lane)]
            return [Run(tickets, [_failure(error)], 0, began_ns, perf_counter_ns())]
        return [Run(tickets, answers, cpu_ns, began_ns, perf_counter_ns())]

    def _predict(self, tickets: list[Ticket], lane: Lane | None) -> tuple[list[Answer], int]:
        rows = [ticket.rows for ticket in tickets]
        batch = join([ticket.inputs for ticket in tickets])
        if lane is not None:
            lane.begin()
        try:
            outputs, cpu_ns = self._outputs(batch, sum(rows), self._chunk_rows(tickets))
            # before anybody is charged: a batch that fails runs again
            parts = part(outputs, rows, takes_rows=self._takes_rows)
            charges = self._bill.charge(cpu_ns, rows, [ticket.tenant for ticket in tickets])
        finally:
            if lane is not None:
                lane.end()
        answers = [
            Answer(_asked(ticket, values), charge, ticket.head, ticket.allotment)
            for ticket, values, charge in zip(tickets, parts, charges, strict=True)
        ]
        return answers, cpu_ns

    def _chunk_rows(self, tickets: list[Ticket]) -> int:
        """The rows that run at once: fewer where somebody in the batch asked for fewer."""
        asked = [ticket.batch_rows for ticket in tickets if ticket.batch_rows is not None]
        return min([self._most_rows, *asked])

    def _outputs(self, batch: Batch, rows: int, chunk_rows: int) -> tuple[Batch, int]:
        if rows <= chunk_rows or not self._joins_rows:
            return self.replica.run(batch, rows)
        pieces: list[Batch] = []
        cpu_ns = 0
        for piece, count in _chunks(batch, rows, chunk_rows):
            outputs, took_ns = self.replica.run(piece, count)
            part(outputs, [count])  # a wrong shape must not hide in the joining
            pieces.append(outputs)
            cpu_ns += took_ns
        names = pieces[0].arrays
        return Batch(
            {name: np.concatenate([one[name] for one in pieces]) for name in names}
        ), cpu_ns


def _chunks(batch: Batch, rows: int, chunk_rows: int) -> Iterator[tuple[Batch, int]]:
    for start in range(0, rows, chunk_rows):
        end = min(rows, start + chunk_rows)
        yield Batch({name: values[start:end] for name, values in batch.items()}), end - start


def _asked(ticket: Ticket, values: dict[str, Array]) -> Mapping[str, Array]:
    if ticket.outputs is None:
        return values
    return {name: values[name] for name in ticket.outputs}


def _failure(error: Exception) -> LichenError:
    if isinstance(error, LichenError):
        return error
    _log.error("a model raised %s", type(error).__name__, exc_info=error)
    return WorkFailed("the model failed on this request; the server's log says how")
