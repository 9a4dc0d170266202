"""The data plane: the one way to a prediction, for every protocol."""

from collections.abc import Mapping

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput, LichenError, error_name
from lichen.core.events import Answered, NoObserver, Observer
from lichen.core.ids import TenantId
from lichen.core.tensors import Signature
from lichen.serving.allotment import Allotment
from lichen.serving.budgets import NoBudgets, Rationing
from lichen.serving.rows import form
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Query, Reply, Ticket

SAMPLES_INPUT = "samples"
"""The optional integer input, one number a row, of a model that draws."""


class DataPlane:
    """Answers queries; all methods are for the event loop's thread."""

    def __init__(
        self,
        selector: Selector,
        observer: Observer | None = None,
        budgets: Rationing | None = None,
    ) -> None:
        self.selector = selector
        self._observer = observer or NoObserver()
        self._budgets = budgets or NoBudgets()

    def find(self, name: str, version: str | None = None) -> Served:
        """What answers under this name.

        Raises:
            NotFound: nothing of that name is deployed.
            Unavailable: it is deployed and not ready.
        """
        return self.selector.choose(name, version)

    def infer(self, query: Query, reply: Reply) -> Ticket:
        """Ask for a prediction; `reply` is called once, later, with the answer or the error.

        Returns:
            The ticket: set its `abandoned` when the caller is gone.

        Raises:
            NotFound, Unavailable: nothing answers under that name, or too many wait.
            InvalidInput: the inputs do not fit the model.
            OverBudget: a budget that counts for it does not hold it.
        """
        served = self.selector.choose(query.name, query.version)
        try:
            return self._submit(served, query, reply)
        except LichenError as error:
            self._observer.answered(_refused(served, query.tenant, error))
            raise

    def note_refusal(
        self, name: str, version: str | None, tenant: TenantId, error: LichenError
    ) -> None:
        """Tell the observer of a request that no query could be made of."""
        try:
            served = self.selector.choose(name, version)
        except LichenError:
            return  # of nothing that is served
        self._observer.answered(_refused(served, tenant, error))

    def _submit(self, served: Served, query: Query, reply: Reply) -> Ticket:
        inputs, demands = query.inputs, query.demands
        allotment = self._budgets.allotment(served.deployment, query.tenant)
        may_degrade = allotment is not None and allotment.may_degrade and query.inquiry is None
        if allotment is not None and may_degrade and allotment.degrades:
            served, allotment = self._degraded(served, query, allotment)
        rows = served.admission.check(inputs)
        if query.outputs is not None:
            served.admission.check_outputs(query.outputs)
        if demands.samples is not None:
            inputs |= drawing(served.signature, rows, demands.samples)
        if allotment is not None and rows >= allotment.short_rows:
            allotment.check(rows)
        ticket = Ticket(query, rows, form(inputs), served.head, reply, allotment)
        served.batcher.submit(ticket, demands.timeout_us)
        return ticket

    def _degraded(
        self, served: Served, query: Query, allotment: Allotment
    ) -> tuple[Served, Allotment]:
        """The cheaper deployment where one may answer, with the budgets of both (B1)."""
        other = stand_in(self.selector, served, query)
        if other is None:
            return served, allotment
        both = self._budgets.allotment(served.deployment, query.tenant, other.deployment)
        return other, both or allotment


def stand_in(selector: Selector, served: Served, query: Query) -> Served | None:
    """Who answers in the place of `served`; None where nobody may.

    Who asked for a version by its number gets that one or none.
    """
    cheaper = served.deployment.cheaper
    if cheaper is None or query.version is not None or query.name != served.deployment.name:
        return None
    try:
        other = selector.choose(cheaper.deployment)
    except LichenError:
        return None
    fits = other.signature == served.signature
    return other if fits and served.deployment.may_be_answered_by(other.deployment) else None


def drawing(signature: Signature, rows: int, samples: int) -> Mapping[str, Array]:
    """The input that tells a model how many samples to draw for each row.

    Raises:
        InvalidInput: the model draws none.
    """
    spec = next((one for one in signature.inputs if one.name == SAMPLES_INPUT), None)
    if spec is None or spec.shape != (-1,) or NUMPY_OF_DATATYPE[spec.datatype].kind not in "iu":
        raise InvalidInput("the model draws no samples: leave the parameter samples out")
    return {SAMPLES_INPUT: np.full(rows, samples, dtype=NUMPY_OF_DATATYPE[spec.datatype])}


def _refused(served: Served, tenant: TenantId, error: LichenError) -> Answered:
    name = error_name(error)
    return Answered(served.subject, tenant, name, 0, 0, 0, 0, None, None)
