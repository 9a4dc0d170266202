"""Open Inference Protocol over HTTP: the ordinary lane, which answers everything.

`infer_lane` answers most inferences before they come here; both lanes ask the same `Door`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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

from lichen.api.gate import Gate
from lichen.api.statuses import RETRY_AFTER_SECONDS, http_status, sentence
from lichen.core.errors import InvalidInput, LichenError, NotFound, TooLarge, Unavailable
from lichen.protocol.codec import decode, encode
from lichen.protocol.footprint import RECEIPT_HEADER
from lichen.protocol.oip import EXTENSIONS, ServerMetadata, error_body, model_metadata
from lichen.security.identity import Principal
from lichen.security.policy import Action, Kind
from lichen.serving.plane import DataPlane
from lichen.serving.selector import Served
from lichen.serving.ticket import Answer, Outcome, Query

PLATFORM = "lichen"
_OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What is refused for its size, in bytes, or its slowness, in both lanes."""

    body: int = 64 * 2**20
    head: int = 32 * 2**10
    stuck_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Door:
    """What both lanes need: the plane, who may use it, and whether it is ready."""

    plane: DataPlane
    gate: Gate
    limits: HttpLimits
    version: str
    is_ready: Callable[[], bool]

    def query(self, principal: Principal, name: str, version: str | None, body: bytes) -> "Asked":
        """Read the body of an inference by somebody who may ask for it.

        Raises:
            InvalidInput: the body cannot be read.
        """
        decoded = decode(body)
        query = Query(name, decoded.tensors, version, decoded.outputs, principal.tenant)
        return Asked(query, decoded.id)

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


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the id to echo."""

    query: Query
    id: str | None


def refusal(error: BaseException, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """The answer that an error becomes."""
    status = http_status(error)
    headers = dict(headers)
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status in RETRY_AFTER_SECONDS:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS[status])
    return _answer(error_body(sentence(error)), status, headers)


def application(door: Door) -> ASGIApp:
    """The ASGI application of the data plane."""
    routes = [
        Route("/v2", _bound(_server, door)),
        Route("/v2/health/live", _bound(_live, door)),
        Route("/v2/health/ready", _bound(_ready, door)),
    ]
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(model, _bound(_model, door)),
            Route(f"{model}/ready", _bound(_model_ready, door)),
            Route(f"{model}/infer", _bound(post_infer, door), methods=["POST"]),
        ]
    app = Starlette(routes=routes, exception_handlers=_HANDLERS)
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
    asked = door.query(principal, name, version, await _body(request, door.limits.body))
    outcome = await _outcome(door.plane, asked.query)
    if isinstance(outcome, LichenError):
        raise outcome
    try:
        body = encode(outcome.head, outcome.outputs, asked.id)
    except LichenError as error:  # it was computed, and charged
        return refusal(error, _receipt(outcome))
    return _answer(body, 200, _receipt(outcome))


async def _outcome(plane: DataPlane, query: Query) -> Outcome:
    waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def reply(outcome: Outcome) -> None:
        if not waiting.done():
            waiting.set_result(outcome)

    ticket = plane.infer(query, reply)
    try:
        return await waiting
    finally:
        ticket.abandoned = not waiting.done() or waiting.cancelled()


async def _server(_: Request, door: Door) -> Response:
    return _answer(_json(ServerMetadata("lichen", door.version, list(EXTENSIONS))))


async def _live(_: Request, door: Door) -> Response:  # noqa: ARG001 - it answers: it lives
    return _answer(b'{"live":true}')


async def _ready(_: Request, door: Door) -> Response:
    return _answer(_json({"ready": door.is_ready()}), 200 if door.is_ready() else 503)


async def _model(request: Request, door: Door) -> Response:
    served = _readable(request, door)
    deployed = served.deployment
    described = model_metadata(deployed.name, [str(deployed.version)], PLATFORM, served.signature)
    return _answer(_json(described))


async def _model_ready(request: Request, door: Door) -> Response:
    name = request.path_params["name"]
    try:
        _readable(request, door)
    except Unavailable:
        return _answer(_json({"name": name, "ready": False}), 503)
    return _answer(_json({"name": name, "ready": True}))


def _readable(request: Request, door: Door) -> Served:
    served = door.plane.find(request.path_params["name"], request.path_params.get("version"))
    door.gate.admit(request.state.principal, Action.READ, Kind.DEPLOYMENT, served.deployment.tenant)
    return served


def _bound(
    endpoint: Callable[[Request, Door], Awaitable[Response]], door: Door
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request, door)
        except LichenError as error:
            return refusal(error)

    return answer


async def _body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: it is over the limit.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"the body is over the limit of {limit} bytes: send fewer rows a request")


def _receipt(answer: Answer) -> dict[str, str]:
    return {} if answer.charge is None else {RECEIPT_HEADER: answer.charge.receipt}


def _answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


async def _http_refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = dict(error.headers or {})
        takes = headers.get("Allow", "another method")
        says = f"{request.url.path} does not take {request.method}: it takes {takes}"
        return _answer(error_body(says), error.status_code, headers)
    return refusal(NotFound(f"there is nothing at {request.url.path}"))


async def _cut_off(_: Request, __: Exception) -> Response:
    return refusal(InvalidInput("the request ended before its body did: send it whole"))


async def _unexpected(_: Request, error: Exception) -> Response:
    return refusal(error)


_HANDLERS = MappingProxyType(
    {HTTPException: _http_refusal, ClientDisconnect: _cut_off, Exception: _unexpected}
)
