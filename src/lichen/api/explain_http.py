"""`POST /explain/{deployment}`: why it answers as it does, through the same gate and queues."""

from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.long_bodies import LONG_BYTES, aside
from lichen.api.oip_http import (
    Door,
    bound,
    caller_of,
    outcome_of,
    plain_body,
)
from lichen.api.plain_forms import PlainForms
from lichen.api.plain_http import MOST_BYTES, written_answer
from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, LichenError, TooLarge, WorkFailed
from lichen.explain.explainer import Wishes
from lichen.protocol.explain_form import ExplainQuery, read_explain
from lichen.protocol.explaining import Explanation
from lichen.protocol.plain import PlainForm
from lichen.serving.deployment import Deployment
from lichen.serving.ticket import Answer, Inquiry, Query

MOST_ROWS = 256
"""Of any method; those that ask the model often take fewer."""
_json = msgspec.json.Encoder().encode


class Explains(Protocol):
    """Makes the inquiries of this door."""

    def inquiry(self, deployment: Deployment, method: str, wishes: Wishes) -> Inquiry:
        """What finds the `Explanation` of some rows of a deployment."""
        ...


def explain_routes(door: Door, explains: Explains) -> list[Route]:
    """The paths of explanations; the second as KServe's first protocol has it."""
    forms = PlainForms(door.plane)

    async def post_explain(request: Request, door: Door) -> Response:
        name = request.path_params["name"]
        principal = door.caller(request.headers.get("authorization"), name, None)
        form = forms.of(name)
        try:
            asked = await _asked(request, door, form)
        except LichenError as error:
            door.plane.note_refusal(name, None, principal.tenant, error)
            raise
        deployment = door.plane.find(name).deployment
        query = Query(
            name,
            asked.tensors,
            tenant=principal.tenant,
            caller=caller_of(principal),
            demands=asked.demands,
            inquiry=explains.inquiry(deployment, asked.options.method, _wishes(asked)),
        )
        outcome = await outcome_of(request, door.plane, query)
        if isinstance(outcome, LichenError):
            raise outcome
        said = _explanation(outcome, deployment)
        accepted = request.headers.get("accept-encoding")
        return await written_answer(outcome, lambda: _json(said), accepted)

    return [
        Route(path, bound(post_explain, door), methods=["POST"])
        for path in ("/explain/{name}", "/v1/models/{name}:explain")
    ]


def _wishes(asked: ExplainQuery) -> Wishes:
    options = asked.options
    return Wishes(
        options.output,
        None if asked.background is None else Batch(asked.background),
        options.samples,
        options.seed,
        options.baseline,
        options.patch,
        options.step,
        options.picture,
    )


async def _asked(request: Request, door: Door, form: PlainForm) -> ExplainQuery:
    body = await plain_body(request, door.limits.body)
    if len(body) > MOST_BYTES:
        raise TooLarge(
            f"the body is over the limit of {MOST_BYTES} bytes: send fewer rows a request"
        )
    if len(body) < LONG_BYTES:
        asked = read_explain(body, form)
    else:
        asked = await aside(lambda: read_explain(body, form))
    rows = Batch(asked.tensors).rows if form.takes_rows else 1
    if rows > MOST_ROWS:
        raise InvalidInput(
            f"{rows} rows are too many to explain at once: send at most {MOST_ROWS} a request"
        )
    return asked


def _explanation(answer: Answer, deployment: Deployment) -> Explanation:
    if not isinstance(answer.found, Explanation):
        raise WorkFailed("nothing was explained")
    return msgspec.structs.replace(answer.found, model=deployment.reference)
