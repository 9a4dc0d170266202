"""Open Inference Protocol over HTTP: the ordinary lane, which answers everything.

`infer_lane` answers most inferences before they come here; both lanes ask the same `Door`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lichen.api.forms import formed, with_classes
from lichen.api.gate import Gate
from lichen.api.limits import limit_metadata
from lichen.api.long_bodies import read_body, unpacked, written
from lichen.api.statuses import ACCEPTED_CODINGS, http_status, retry_after_seconds, sentence
from lichen.core.errors import InvalidInput, LichenError, NotFound, TooLarge, Unavailable
from lichen.protocol.binary import HEADER_LENGTH, decode_raw, is_raw
from lichen.protocol.classification import Classes, Ranking, rankings
from lichen.protocol.codec import Decoded
from lichen.protocol.footprint import RECEIPT_HEADER
from lichen.protocol.oip import EXTENSIONS, ServerMetadata, error_body, model_metadata
from lichen.security.identity import Principal
from lichen.security.policy import Action, Kind
from lichen.serving.plane import DataPlane
from lichen.serving.selector import Served
from lichen.serving.ticket import Answer, Outcome, Query

PLATFORM = "lichen"
LEAVE = "lichen.leave"
"""Where a request's scope has what is to be called when its connection is lost."""
_JSON, _BINARY = "application/json", "application/octet-stream"
_OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What is refused for its size, in bytes, or its slowness, in both lanes."""

    body: int = 64 * 2**20
    head: int = 32 * 2**10
    stuck_seconds: float = 10.0
    idle_seconds: float = 75.0


@dataclass(frozen=True, slots=True)
class Door:
    """What both lanes need: the plane, who may use it, and whether it is ready."""

    plane: DataPlane
    gate: Gate
    limits: HttpLimits
    version: str
    is_ready: Callable[[], bool]

    def caller(self, authorization: str | None, name: str, version: str | None) -> Principal:
        """Who asks `name` for a prediction.

        Raises:
            Unauthenticated, Forbidden: nobody we know, or not allowed.
            NotFound, Unavailable: nothing answers under that name.
        """
        principal = self.gate.identify(authorization)
        served = self.plane.find(name, version)
        self.gate.admit(principal, Action.PREDICT, Kind.DEPLOYMENT, served.deployment.tenant)
        return principal

    def rankings(self, name: str, version: str | None, classes: Classes) -> dict[str, Ranking]:
        """How outputs of `name` become the classes that were asked for.

        Raises:
            InvalidInput: an output is not of numbers.
            NotFound, Unavailable: nothing answers under that name.
        """
        return rankings(classes, self.plane.find(name, version).signature)


def caller_of(principal: Principal) -> str:
    """Who shares a queue fairly with others: each key by itself."""
    return f"{principal.tenant}/{principal.name}"


Endpoint = Callable[[Request, Door], Awaitable[Response]]


def refusal(error: BaseException, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """The answer that an error becomes."""
    status = http_status(error)
    headers = dict(headers)
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    retry_after_s = retry_after_seconds(error)
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    headers.update(limit_metadata(error))
    if isinstance(error, TooLarge):
        headers["connection"] = "close"  # whatever is still to come of it
    if status in ACCEPTED_CODINGS:
        headers["accept-encoding"] = ACCEPTED_CODINGS[status]
    return answered(error_body(sentence(error)), status, headers)


def application(door: Door, more: Sequence[Route] = ()) -> ASGIApp:
    """The ASGI application of the data plane, with more routes than inference has."""
    routes = [
        *more,
        Route("/v2", bound(_server, door)),
        Route("/v2/", bound(_server, door)),  # as the official OpenAPI document writes it
        Route("/v2/health/live", bound(_live, door)),
        Route("/v2/health/ready", bound(_ready, door)),
    ]
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(model, bound(_model, door)),
            Route(f"{model}/ready", bound(_model_ready, door)),
            Route(f"{model}/infer", bound(post_infer, door), methods=["POST"]),
        ]
    app = Starlette(routes=routes, exception_handlers=_HANDLERS)
    app.router.redirect_slashes = False  # a redirect would repeat whatever Host the caller sent
    return Guarded(app, door.gate)


class Guarded:
    """Lets nobody past without a key, unknown paths included; health is open to all."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass on with the principal in `state`."""
        if scope["type"] == "http" and scope["path"] not in _OPEN_PATHS:
            try:
                principal = self._gate.identify(Request(scope).headers.get("authorization"))
            except LichenError as error:
                await refusal(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


async def post_infer(request: Request, door: Door) -> Response:
    """`POST /v2/models/{name}[/versions/{version}]/infer`."""
    name, version = request.path_params["name"], request.path_params.get("version")
    principal = door.caller(request.headers.get("authorization"), name, version)
    try:
        asked = await _asked(request, door)
        ranked = None if asked.classes is None else door.rankings(name, version, asked.classes)
    except LichenError as error:
        door.plane.note_refusal(name, version, principal.tenant, error)
        raise
    caller = caller_of(principal)
    query = Query(
        name, asked.tensors, version, asked.outputs, principal.tenant, caller, asked.demands
    )
    outcome = await outcome_of(request, door.plane, query)
    if isinstance(outcome, LichenError):
        raise outcome
    try:
        answer = outcome if ranked is None else with_classes(outcome, ranked)
        return await encoded(answer, asked, request.headers.get("accept-encoding"))
    except LichenError as error:  # it was computed, and charged
        return refusal(error, receipt(outcome))


async def _asked(request: Request, door: Door) -> Decoded:
    """The request in a body that may be compressed, and may have tensors behind its JSON."""
    body = await plain_body(request, door.limits.body)
    said = request.headers.get(HEADER_LENGTH)
    if is_raw(said):
        name, version = request.path_params["name"], request.path_params.get("version")
        return decode_raw(body, door.plane.find(name, version).signature)
    return await read_body(body, said)


async def encoded(answer: Answer, asked: Decoded, accepted: str | None) -> Response:
    """The answer as a response, in the form that was asked for.

    Raises:
        WorkFailed: an output holds what JSON has no word for.
    """
    headers, media_type = receipt(answer), _JSON
    body, length, coding = await written(
        answer, lambda: formed(answer, asked.id, asked.binary, accepted)
    )
    if length is not None:
        headers[HEADER_LENGTH], media_type = str(length), _BINARY
    if coding is not None:
        headers["content-encoding"] = coding
    return Response(body, 200, headers, media_type=media_type)


async def outcome_of(request: Request, plane: DataPlane, query: Query) -> Outcome:
    """What the plane answers, once it does; work not begun is dropped when the caller is gone."""
    waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def reply(outcome: Outcome) -> None:
        if not waiting.done():
            waiting.set_result(outcome)

    def leave() -> None:
        ticket.abandoned = True
        reply(Unavailable("the caller has left"))

    ticket = plane.infer(query, reply)
    request.scope[LEAVE] = leave
    try:
        return await waiting
    finally:
        ticket.abandoned = ticket.abandoned or waiting.cancelled()


async def _server(_: Request, door: Door) -> Response:
    return answered(_json(ServerMetadata("lichen", door.version, list(EXTENSIONS))))


async def _live(_: Request, door: Door) -> Response:  # noqa: ARG001 - it answers: it lives
    return answered(b'{"live":true}')


async def _ready(_: Request, door: Door) -> Response:
    return answered(_json({"ready": door.is_ready()}), 200 if door.is_ready() else 503)


async def _model(request: Request, door: Door) -> Response:
    served = readable(request, door)
    deployed = served.deployment
    described = model_metadata(deployed.name, [str(deployed.version)], PLATFORM, served.signature)
    return answered(_json(described))


async def _model_ready(request: Request, door: Door) -> Response:
    name = request.path_params["name"]
    try:
        readable(request, door)
    except Unavailable:
        return answered(_json({"name": name, "ready": False}), 503)
    return answered(_json({"name": name, "ready": True}))


def readable(request: Request, door: Door) -> Served:
    """The deployment that a path names, for a caller who may read it.

    Raises:
        NotFound, Unavailable, Forbidden: see the message.
    """
    served = door.plane.find(request.path_params["name"], request.path_params.get("version"))
    door.gate.admit(request.state.principal, Action.READ, Kind.DEPLOYMENT, served.deployment.tenant)
    return served


def bound(endpoint: Endpoint, door: Door) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint at this door; errors of ours become answers."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request, door)
        except LichenError as error:
            return refusal(error)

    return answer


async def whole_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: it is over the limit.
    """
    return b"".join(await _parts(request, limit))


async def plain_body(request: Request, limit: int) -> bytes:
    """The whole body without its coding.

    Raises:
        TooLarge: it is over the limit, packed or unpacked.
        UnknownCoding, InvalidInput: its coding is not taken, or it is not in it.
    """
    parts = await _parts(request, limit)
    return await unpacked(parts, request.headers.get("content-encoding"), limit)


async def _parts(request: Request, limit: int) -> list[bytes]:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return parts


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"the body is over the limit of {limit} bytes: send fewer rows a request")


def receipt(answer: Answer) -> dict[str, str]:
    """The headers that carry what an answer cost, and what is left of its budgets."""
    headers = dict(limit_metadata(answer))
    if answer.charge is not None:
        headers[RECEIPT_HEADER] = answer.charge.receipt
    return headers


def answered(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(body, status, headers, media_type=_JSON)


async def _http_refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = dict(error.headers or {})
        takes = headers.get("Allow", "another method")
        if request.method == "OPTIONS":
            return Response(None, HTTPStatus.NO_CONTENT, {"Allow": f"{takes}, OPTIONS"})
        says = f"{request.url.path} does not take {request.method}: it takes {takes}"
        return answered(error_body(says), error.status_code, headers)
    return refusal(NotFound(f"there is nothing at {request.url.path}"))


async def _cut_off(_: Request, __: Exception) -> Response:
    return refusal(InvalidInput("the request ended before its body did: send it whole"))


async def _unexpected(_: Request, error: Exception) -> Response:
    return refusal(error)


_HANDLERS = MappingProxyType(
    {HTTPException: _http_refusal, ClientDisconnect: _cut_off, Exception: _unexpected}
)
