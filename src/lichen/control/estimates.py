"""What a job may cost at most: by the receipts of earlier ones like it, else a stated prior."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lichen.carbon.budgets.budget import Quantity
from lichen.control.transitions import JobRecord
from lichen.core.figures import Receipt
from lichen.core.units import NANOJOULES_PER_JOULE, readable
from lichen.protocol.admin import JobKind, JobState, JsonObject

PRIOR_JOULES: dict[JobKind, int] = {
    JobKind.INGEST: 10,
    JobKind.APPEND: 10,
    JobKind.TRAIN: 50,
    JobKind.IMPORT: 20,
    JobKind.REPORT: 10,
    JobKind.PULL: 20,
    JobKind.EXPLAIN: 20,
}
"""Set aside for the first job of a kind: some ten seconds of a core. It is never a reason to
refuse, and a job that costs more sets aside more as it runs."""
OTHER_PRIOR_JOULES = 50
MOST_EARLIER = 20
"""So many of the newest like it are looked at."""
MARGIN_PER_CENT = 25
"""On top of the dearest of them."""
_SYMBOLS = {Quantity.JOULES: "J", Quantity.GRAMS: "g"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job may cost at most, in the nano-unit of a quantity.

    Only one that `is_known`, from jobs on the same data by the same algorithm, may be held against
    a job for good; `basis` says in words where it is from.
    """

    quantity: Quantity
    nano: int
    basis: str
    is_known: bool

    def __str__(self) -> str:
        return f"{readable(self.nano, _SYMBOLS[self.quantity])} that it may cost ({self.basis})"


def upper_estimate(
    kind: JobKind,
    spec: JsonObject,
    quantity: Quantity,
    earlier: Iterable[JobRecord],
    grams: Callable[[int], int],
) -> Estimate:
    """At most what a job costs.

    Args:
        kind: what it does.
        spec: to what.
        quantity: in which the answer is.
        earlier: jobs of the tenant, oldest first.
        grams: the nanograms of so many nanojoules now, for the prior.
    """
    ended = [job for job in earlier if job.kind is kind and job.state is JobState.SUCCEEDED]
    alike = [job for job in ended if likeness(job.spec) == likeness(spec)]
    costs = _costs(alike, quantity, spec)
    if costs:
        return _dearest(quantity, costs, f"like it: {len(costs)}", is_known=True)
    costs = _costs(ended, quantity, spec)
    if costs:
        return _dearest(quantity, costs, f"other {kind} jobs: {len(costs)}", is_known=False)
    nj = PRIOR_JOULES.get(kind, OTHER_PRIOR_JOULES) * NANOJOULES_PER_JOULE
    nano = nj if quantity is Quantity.JOULES else grams(nj)
    return Estimate(quantity, nano, f"assumed, since no {kind} job has ended yet", is_known=False)


def spent_of(receipt: Receipt, quantity: Quantity) -> int | None:
    """A receipt in the nano-unit of a quantity; None where it does not say."""
    if quantity is Quantity.JOULES:
        return receipt.energy.nj
    return None if receipt.carbon is None else receipt.carbon.ng


def likeness(spec: JsonObject) -> Sequence[object]:
    """What two specifications share when their jobs cost alike."""
    fields = ("task", "data", "name", "algorithm", "targets", "horizon", "deployment")
    return [spec.get(field) for field in fields]


def _costs(jobs: Sequence[JobRecord], quantity: Quantity, spec: JsonObject) -> list[int]:
    """What earlier jobs cost, as if each had read as much as the one that is asked for."""
    newest = [job for job in jobs[-MOST_EARLIER:] if job.receipt is not None]
    found = [
        (spent_of(job.receipt, quantity), job.spec) for job in newest if job.receipt is not None
    ]
    return [_at_size(cost, own, spec) for cost, own in found if cost]


def _at_size(cost: int, earlier: JsonObject, spec: JsonObject) -> int:
    """At most what a job costs that reads `size_bytes` beside one that read others.

    A larger file costs as many times as much; of a smaller one, half is taken to be the start.
    """
    had, has = earlier.get("size_bytes"), spec.get("size_bytes")
    if not (isinstance(had, int) and isinstance(has, int) and had > 0):
        return cost
    times = cost * has // had
    return times if has > had else (cost + times) // 2


def _dearest(quantity: Quantity, costs: Sequence[int], what: str, *, is_known: bool) -> Estimate:
    dearest = max(costs)
    with_margin = dearest * (100 + MARGIN_PER_CENT) // 100
    basis = f"{what}, the dearest {readable(dearest, _SYMBOLS[quantity])}"
    return Estimate(quantity, with_margin, basis, is_known)
