"""One request on its way through the plane, and what comes back."""

from asyncio import TimerHandle
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Protocol

from msgspec import Struct

from lichen.core.batch import Array, Batch
from lichen.core.errors import DeadlinePassed, LichenError
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.frameworks.base import Predictor
from lichen.protocol.demands import NO_DEMANDS, Demands
from lichen.serving.allotment import Allotment
from lichen.serving.charging import Charge
from lichen.serving.rows import Form


class Inquiry(Protocol):
    """Work on a loaded model other than its prediction; see `serving/inquiries.py`."""

    def prepare(self, predictor: Predictor) -> None:
        """Make ready what it needs of this model, once; charged to nobody.

        Raises:
            LichenError: it cannot be done.
        """
        ...

    def run(self, predictor: Predictor, inputs: Batch) -> object:
        """What is found about some rows.

        Raises:
            DeadlinePassed: it was not done in its time; that is charged.
            LichenError: it cannot be done.
        """
        ...


class Query(Struct, frozen=True, gc=False):
    """A request for a prediction: a deployment (or `NAME@V`), inputs, and who pays.

    `version` is None for whichever is deployed; `outputs` None for all; `caller` is who shares
    the queue fairly with others; `inquiry` what is wanted instead of a prediction.
    """

    name: str
    inputs: dict[str, Array]
    version: str | None = None
    outputs: tuple[str, ...] | None = None
    tenant: TenantId = DEFAULT_TENANT
    caller: str = ""
    demands: Demands = NO_DEMANDS
    inquiry: Inquiry | None = None


class Answer(Struct, frozen=True, gc=False):
    """Outputs by name, and what they cost; `charge` is None where there is no meter (M5).

    `head` is the beginning of the answer's JSON body, the same for all of one deployment;
    `allotment` are the budgets that paid, None where none counts; `found` is what an inquiry found.
    """

    outputs: Mapping[str, Array]
    charge: Charge | None
    head: bytes
    allotment: Allotment | None = None
    found: object = None


class Ended(DeadlinePassed):
    """It ran for as long as it may, and was ended; `charge` is what that cost, as of an answer."""

    def __init__(self, message: str, charge: Charge | None) -> None:
        super().__init__(message)
        self.charge = charge


Outcome = Answer | LichenError
Reply = Callable[[Outcome], None]


class Ticket:
    """A request that waits for its batch. `abandoned` is set when its caller is gone.

    `deadline` is the loop's time at which it is dropped unless its batch has begun.
    """

    __slots__ = (
        "abandoned",
        "allotment",
        "batch_rows",
        "caller",
        "deadline",
        "form",
        "head",
        "inputs",
        "outputs",
        "priority",
        "query",
        "reply",
        "rows",
        "since_ns",
        "tenant",
        "timer",
    )

    def __init__(
        self,
        query: Query,
        rows: int,
        form: Form,
        head: bytes,
        reply: Reply,
        allotment: Allotment | None = None,
    ) -> None:
        demands = query.demands
        self.query = query
        self.inputs = query.inputs
        self.outputs = query.outputs
        self.tenant = query.tenant
        self.caller = query.caller
        self.priority = demands.priority
        self.batch_rows = demands.batch_rows
        self.rows = rows
        self.form = form
        self.head = head
        self.reply = reply
        self.allotment = allotment
        self.abandoned = False
        self.deadline: float | None = None
        self.timer: TimerHandle | None = None
        self.since_ns = perf_counter_ns()
