"""Set aside what a batch may cost before it runs, and settle by its receipts after it (B2)."""

from collections.abc import Callable, Iterator, Sequence

from lichen.serving.allotment import Allotment, Overspent, Ration
from lichen.serving.charging import Price
from lichen.serving.execution import Run
from lichen.serving.replica import Replica
from lichen.serving.ticket import Answer, Ticket

PRIOR_FACTOR = 3.0
"""The first batch is taken to cost so many times what the replica's trial runs took."""
PRIOR_ROW_NS = 1e6
"""What a row is taken to cost where there were none: a millisecond."""
_FIRST_FACTOR, _RISE, _FALL = 2.0, 0.5, 0.01

Refusals = Sequence[tuple[Ticket, Overspent]]
Short = tuple[Ration, int]
"""The budget that does not hold an amount, and the amount."""


class UpperCost:
    """A high quantile of what batches took, in CPU nanoseconds, for each power of two of rows.

    An expectile (Newey and Powell, 1987): it rises to a dearer batch by half of the way, and falls
    to a cheaper one by a hundredth, which settles near the 95th percentile of steady work.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
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
        expected = self._replica.expected_ns(rows) * PRIOR_FACTOR
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

    def __init__(self, replica: Replica, price: Callable[[float], Price]) -> None:
        """Reserve for the batches of `replica`; `price`: what CPU nanoseconds cost now."""
        self._cost = UpperCost(replica)
        self._price = price
        self._open: dict[Allotment, list[int]] = {}

    def admit(self, tickets: Sequence[Ticket]) -> tuple[list[Ticket], Refusals]:
        """Those that their budgets hold, with their cost set aside; and why not the others."""
        rows = sum([ticket.rows for ticket in tickets])
        price = self._price(self._cost.of(rows))
        groups: dict[Allotment, list[Ticket]] = {}
        for ticket in tickets:
            if ticket.allotment is not None:
                groups.setdefault(ticket.allotment, []).append(ticket)
        refused: list[tuple[Ticket, Overspent]] = []
        for allotment, members in groups.items():
            short = self._set_aside(allotment, members, price, rows)
            if short is not None:
                refused += self._one_by_one(allotment, members, (price, rows), short)
        gone = {id(ticket) for ticket, _ in refused}
        return [ticket for ticket in tickets if id(ticket) not in gone], refused

    def settle(self, runs: Sequence[Run]) -> None:
        """Pay what the receipts say; work without a meter is paid by its estimate, failed not."""
        for run in runs:
            if run.cpu_ns:
                self._cost.learn(sum([ticket.rows for ticket in run.tickets]), run.cpu_ns)
        answers: dict[Allotment, list[Answer]] = {}
        for run in runs:
            for ticket, outcome in zip(run.tickets, run.outcomes, strict=True):
                if ticket.allotment is not None and isinstance(outcome, Answer):
                    answers.setdefault(ticket.allotment, []).append(outcome)
        for allotment, estimates in self._open.items():
            for estimate, ration in zip(estimates, allotment.rations, strict=True):
                paid = _paid(answers.get(allotment, ()), ration, estimate)
                ration.allowance.settle(estimate, paid)
        self._open = {}

    def _one_by_one(
        self,
        allotment: Allotment,
        members: Sequence[Ticket],
        costs: tuple[Price, int],
        short: Short,
    ) -> Iterator[tuple[Ticket, Overspent]]:
        """Not all of them fit: each by itself, in their order; and why not those that do not."""
        for ticket in members:
            if len(members) > 1:
                found = self._set_aside(allotment, [ticket], *costs)
                if found is None:
                    continue
                short = found
            ration, amount = short
            allotment.fall_short(ration, ticket.rows, amount)
            yield ticket, allotment.refusal(ration, amount)

    def _set_aside(
        self, allotment: Allotment, tickets: Sequence[Ticket], price: Price, of_rows: int
    ) -> Short | None:
        """Reserve the share of these in all budgets that count, or in none: which fell short."""
        rows = sum([ticket.rows for ticket in tickets])
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


def _paid(answers: Sequence[Answer], ration: Ration, estimate: int) -> int:
    """What the receipts of these say; at least the estimate, where one of them has none."""
    charges = [answer.charge for answer in answers]
    if ration.is_grams:
        costs = [None if charge is None else charge.ng for charge in charges]
    else:
        costs = [None if charge is None else charge.nj for charge in charges]
    known = sum([cost for cost in costs if cost is not None])
    return max(known, estimate) if None in costs else known
