"""Set aside what a batch may cost before it runs, and settle by its receipts after it (B2)."""

from collections.abc import Callable, Sequence

from lichen.core.errors import LichenError
from lichen.serving.allotment import Allotment, Overspent, Ration
from lichen.serving.charging import Price
from lichen.serving.execution import Run
from lichen.serving.replica import Replica
from lichen.serving.ticket import Answer, Ended, Ticket

PRIOR_FACTOR = 3.0
"""The first batch is taken to cost so many times what the replica's trial runs took."""
PRIOR_ROW_NS = 1e6
"""What a row is taken to cost where there were none: a millisecond."""
_FIRST_FACTOR, _RISE, _FALL = 2.0, 0.5, 0.01

Refusals = Sequence[tuple[Ticket, LichenError]]
Short = tuple[Ration, int]
"""The budget that does not hold an amount, and the amount."""


class UpperCost:
    """A high quantile of what batches took, in CPU nanoseconds, for each power of two of rows.

    An expectile (Newey and Powell, 1987): it rises to a dearer batch by half of the way, and falls
    to a cheaper one by a hundredth, which settles near the 95th percentile of steady work.
    """

    def __init__(self, replica: Replica, prior_factor: float = PRIOR_FACTOR) -> None:
        self._replica = replica
        self._prior_factor = prior_factor
        self._upper: dict[int, float] = {}

    def of(self, rows: int) -> float:
        """At most what a batch of so many rows should take."""
        size = rows.bit_length()
        known = self._upper.get(size)
        if known is not None:
            return known
        smaller = max((seen for seen in self._upper if seen < size), default=None)
        if smaller is not None:
            return self._upper[smaller] * 2.0 ** (size - smaller)
        expected = self._replica.expected_ns(rows) * self._prior_factor
        return expected if expected > 0 else rows * PRIOR_ROW_NS

    def learn(self, rows: int, took_ns: int) -> None:
        """A batch took so long."""
        size = rows.bit_length()
        known = self._upper.get(size)
        if known is None:
            self._upper[size] = _FIRST_FACTOR * took_ns
        else:
            self._upper[size] = known + (_RISE if took_ns > known else _FALL) * (took_ns - known)


class Reservations:
    """What one replica's batches set aside: one batch at a time, on the event loop."""

    def __init__(
        self,
        replica: Replica,
        price: Callable[[float], Price],
        prior_factor: float = PRIOR_FACTOR,
    ) -> None:
        """Reserve for the batches of `replica`; `price`: what CPU nanoseconds cost now."""
        self._cost = UpperCost(replica, prior_factor)
        self._price = price
        self._open: dict[Allotment, list[int]] = {}

    def admit(self, tickets: list[Ticket]) -> tuple[list[Ticket], Refusals]:
        """Those that their budgets hold, with their cost set aside; and why not the others."""
        first = tickets[0].allotment
        if len(tickets) == 1 and first is not None:  # the usual case, and nothing to sort
            rows = tickets[0].rows
            short = self._set_aside(first, rows, self._price(self._cost.of(rows)), rows)
            if short is None:
                return tickets, ()
            return [], [(tickets[0], _refused(first, tickets[0], short))]
        return self._admit_many(tickets)

    def settle(self, runs: Sequence[Run]) -> None:
        """Pay what the receipts say; work without a meter is paid by its estimate, failed not."""
        if len(runs) == 1 and len(runs[0].tickets) == 1:
            self._settle_one(runs[0].tickets[0], runs[0])
            return
        answers: dict[Allotment, list[Answer]] = {}
        for run in runs:
            rows = 0
            for ticket, outcome in zip(run.tickets, run.outcomes, strict=True):
                rows += ticket.rows
                if ticket.allotment is not None and isinstance(outcome, Answer):
                    answers.setdefault(ticket.allotment, []).append(outcome)
            if run.cpu_ns:
                self._cost.learn(rows, run.cpu_ns)
        reserved, self._open = self._open, {}
        for allotment, estimates in reserved.items():
            paid_by = answers.get(allotment, ())
            allotment.note_answered(len(paid_by))
            for estimate, ration in zip(estimates, allotment.rations, strict=True):
                ration.allowance.settle(estimate, _paid(paid_by, ration, estimate))

    def _settle_one(self, ticket: Ticket, run: Run) -> None:
        """The usual case again."""
        if run.cpu_ns:
            self._cost.learn(ticket.rows, run.cpu_ns)
        allotment = ticket.allotment
        if allotment is None or not self._open:
            return
        outcome = run.outcomes[0]
        paid_by = (outcome,) if isinstance(outcome, Answer | Ended) else ()
        allotment.note_answered(int(isinstance(outcome, Answer)))
        for estimate, ration in zip(self._open.pop(allotment), allotment.rations, strict=True):
            ration.allowance.settle(estimate, _paid(paid_by, ration, estimate))

    def _admit_many(self, tickets: Sequence[Ticket]) -> tuple[list[Ticket], Refusals]:
        of_rows = sum([ticket.rows for ticket in tickets])
        price = self._price(self._cost.of(of_rows))
        groups: dict[Allotment, list[Ticket]] = {}
        for ticket in tickets:
            if ticket.allotment is not None:
                groups.setdefault(ticket.allotment, []).append(ticket)
        refused: list[tuple[Ticket, Overspent]] = []
        for allotment, members in groups.items():
            rows = sum([ticket.rows for ticket in members])
            if self._set_aside(allotment, rows, price, of_rows) is None:
                continue
            for ticket in members:  # not all of them fit: each by itself, in their order
                short = self._set_aside(allotment, ticket.rows, price, of_rows)
                if short is not None:
                    refused.append((ticket, _refused(allotment, ticket, short)))
        gone = {id(ticket) for ticket, _ in refused}
        return [ticket for ticket in tickets if id(ticket) not in gone], refused

    def _set_aside(
        self, allotment: Allotment, rows: int, price: Price, of_rows: int
    ) -> Short | None:
        """Reserve the share of these rows in all budgets that count, or in none: which is short."""
        amounts: list[int] = []
        for ration in allotment.rations:
            whole = price.ng if ration.is_grams else price.nj
            amount = max(1, -(-whole * rows // of_rows))
            if not ration.allowance.reserve(amount):
                for taken, earlier in zip(amounts, allotment.rations, strict=False):
                    earlier.allowance.settle(taken, 0)
                return ration, amount
            amounts.append(amount)
        known = self._open.get(allotment)
        self._open[allotment] = (
            amounts if known is None else [a + b for a, b in zip(known, amounts, strict=True)]
        )
        return None


def _refused(allotment: Allotment, ticket: Ticket, short: Short) -> Overspent:
    ration, amount = short
    allotment.fall_short(ration, ticket.rows, amount)
    return allotment.refusal(ration, amount)


def _paid(answers: Sequence[Answer | Ended], ration: Ration, estimate: int) -> int:
    """What the receipts of these say; at least the estimate, where one of them has none."""
    known, is_known = 0, True
    for answer in answers:
        charge = answer.charge
        cost = None if charge is None else charge.ng if ration.is_grams else charge.nj
        if cost is None:
            is_known = False
        else:
            known += cost
    return known if is_known else max(known, estimate)
