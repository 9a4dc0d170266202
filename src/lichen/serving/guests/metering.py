"""How the batches of a guest are charged: into the counters of the process that ran them (A1)."""

from collections.abc import Sequence

from lichen.core.ids import TenantId
from lichen.energy.counters import Lane
from lichen.serving.charging import Apart, Bill, Charge, Metering, Price
from lichen.serving.deployment import Deployment
from lichen.serving.guests.keeper import Keeper


class GuestMetering:
    """Metering for the batcher of one guest."""

    def __init__(self, keeper: Keeper, host: Metering) -> None:
        """Meter the guest of `keeper`, at the price of its host."""
        self._keeper = keeper
        self._host = host

    def price(self, cpu_ns: float) -> Price:
        """As on the host: it is the same machine."""
        return self._host.price(cpu_ns)

    def bill(self, deployment: Deployment, *, on_card: bool = False) -> Bill:  # noqa: ARG002 - it may be, always
        """A bill that is written into the counters of whichever process did the work."""
        return _GuestBill(self._keeper, deployment)

    def inline_lane(self) -> Lane | None:
        """None: a guest never runs on the event loop."""
        return None

    def lane(self) -> Lane | None:
        """The guest's turn."""
        return GuestLane(self._keeper)

    def release(self, lane: Lane | None) -> None:
        """Nothing was taken."""


class GuestLane(Lane):
    """Work of a guest is in flight: it is held until that is charged."""

    __slots__ = ("_keeper",)

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def begin(self) -> None:
        """Its turn begins."""
        self._keeper.begin_turn()

    def end(self) -> None:
        """Its work was charged."""
        self._keeper.end_turn()


class _GuestBill:
    """The bill of one deployment over all the lives of its guest."""

    def __init__(self, keeper: Keeper, deployment: Deployment) -> None:
        self._keeper = keeper
        self._deployment = deployment
        self._books: Apart | None = None
        self._bill: Bill | None = None

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        """Charge the process that is held."""
        held = self._keeper.held
        if held is None:
            return [None] * len(rows)
        if self._bill is None or held.books is not self._books:
            self._books, self._bill = held.books, held.books.bill(self._deployment)
        return self._bill.charge(cpu_ns, rows, tenants)
