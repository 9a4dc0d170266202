"""One request on its way through the plane, and what comes back."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from lichen.core.batch import Array
from lichen.core.errors import LichenError
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.serving.charging import Charge
from lichen.serving.rows import Form


class Query(Struct, frozen=True, gc=False):
    """A request for a prediction: a deployment (or `NAME@V`), inputs, and who pays.

    `version` is None for whichever is deployed; `outputs` None for all.
    """

    name: str
    inputs: dict[str, Array]
    version: str | None = None
    outputs: tuple[str, ...] | None = None
    tenant: TenantId = DEFAULT_TENANT


class Answer(Struct, frozen=True, gc=False):
    """Outputs by name, and what they cost; `charge` is None where there is no meter (M5).

    `head` is the beginning of the answer's JSON body, the same for all of one deployment.
    """

    outputs: Mapping[str, Array]
    charge: Charge | None
    head: bytes


Outcome = Answer | LichenError
Reply = Callable[[Outcome], None]


class Ticket:
    """A request that waits for its batch. `abandoned` is set when its caller is gone."""

    __slots__ = ("abandoned", "form", "head", "inputs", "outputs", "reply", "rows", "tenant")

    def __init__(self, query: Query, rows: int, form: Form, head: bytes, reply: Reply) -> None:
        self.inputs = query.inputs
        self.outputs = query.outputs
        self.tenant = query.tenant
        self.rows = rows
        self.form = form
        self.head = head
        self.reply = reply
        self.abandoned = False
