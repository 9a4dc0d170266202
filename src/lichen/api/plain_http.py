"""`POST /predict/{deployment}`: plain JSON, through the same plane, gate and limits as any door."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.forms import coded
from lichen.api.long_bodies import LONG_BYTES, aside, written
from lichen.api.oip_http import (
    Door,
    answered,
    bound,
    caller_of,
    outcome_of,
    plain_body,
    receipt,
    refusal,
)
from lichen.api.plain_forms import PlainForms
from lichen.core.errors import LichenError, TooLarge
from lichen.protocol.plain import PlainForm, PlainQuery
from lichen.serving.ticket import Answer, Query

MOST_BYTES = 2 * 2**20
"""Objects are read in one call, which holds up all others meanwhile: 20 ms for so many bytes."""


def plain_routes(door: Door) -> list[Route]:
    """The plain door's path."""
    forms = PlainForms(door.plane)

    async def post_plain(request: Request, door: Door) -> Response:
        name = request.path_params["name"]
        principal = door.caller(request.headers.get("authorization"), name, None)
        form = forms.of(name)
        try:
            asked = await _asked(request, door, form)
        except LichenError as error:
            door.plane.note_refusal(name, None, principal.tenant, error)
            raise
        query = Query(
            name,
            asked.tensors,
            tenant=principal.tenant,
            caller=caller_of(principal),
            demands=asked.demands,
        )
        outcome = await outcome_of(request, door.plane, query)
        if isinstance(outcome, LichenError):
            raise outcome
        try:
            return await written_answer(
                outcome,
                lambda: form.write(outcome.outputs, is_bare=asked.is_bare),
                request.headers.get("accept-encoding"),
            )
        except LichenError as error:  # it was computed, and charged
            return refusal(error, receipt(outcome))

    return [Route("/predict/{name}", bound(post_plain, door), methods=["POST"])]


async def _asked(request: Request, door: Door, form: PlainForm) -> PlainQuery:
    body = await plain_body(request, door.limits.body)
    if len(body) > MOST_BYTES:
        raise TooLarge(
            f"the body is over the limit of {MOST_BYTES} bytes of plain JSON: send fewer rows a "
            "request, or tensors to /v2/models/.../infer"
        )
    return form.read(body) if len(body) < LONG_BYTES else await aside(lambda: form.read(body))


async def written_answer(
    answer: Answer, write: Callable[[], bytes], accepted: str | None
) -> Response:
    """An answer whose body `write` makes, in a coding among those accepted, with its receipt."""
    body, _, coding = await written(answer, lambda: coded(write(), None, accepted))
    headers = receipt(answer)
    if coding is not None:
        headers["content-encoding"] = coding
    return answered(body, 200, headers)
