"""The door of the control plane: HTTP to one handler of the table, errors to problem documents."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route as Mounted
from starlette.types import ASGIApp, Receive, Scope, Send

from lichen.api.admin_openapi import openapi
from lichen.api.admin_routes import JSON, Plane, Question, Raw, Route, StoredFile
from lichen.api.admin_uploads import discard, receive_upload
from lichen.api.problems import encoded, problem_of
from lichen.api.statuses import retry_after_seconds
from lichen.core.errors import InvalidInput, LichenError, NotFound, TooLarge
from lichen.security.identity import Principal

PREFIX = "/api/v1"
LARGEST_BODY = 2**20
_PRINCIPAL = "lichen.principal"
_log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
Authenticated = Callable[[Principal, Request], Awaitable[Response]]
"""Answers a principal whom the door let in."""


def admin_app(
    plane: Plane, routes: Sequence[Route], more: Mapping[str, Authenticated] = MappingProxyType({})
) -> Starlette:
    """The ASGI application of the control plane; `more` answers GET at paths of its own."""
    document = msgspec.json.encode(openapi(routes, PREFIX))

    async def describe(_: Request) -> Response:
        return Response(document, media_type=JSON)

    by_path: dict[str, dict[str, Endpoint]] = {}
    for route in routes:
        by_path.setdefault(PREFIX + route.path, {})[route.method] = _endpoint(plane, route)
    mounted = [
        Mounted(path, _by_method(endpoints), methods=list(endpoints))
        for path, endpoints in by_path.items()
    ]
    mounted.append(Mounted(f"{PREFIX}/openapi.json", describe, methods=["GET"]))
    mounted += [Mounted(path, _authenticated(answer)) for path, answer in more.items()]
    open_paths = frozenset(PREFIX + route.path for route in routes if route.public)
    return Starlette(
        routes=mounted,
        middleware=[Middleware(Doorkeeper, plane=plane, open_paths=open_paths)],
        exception_handlers={
            LichenError: _on_error,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_cut_off,
            Exception: _on_error,
        },
    )


class Doorkeeper:
    """Nobody gets past without a key, not even to learn which paths there are."""

    def __init__(self, app: ASGIApp, plane: Plane, open_paths: frozenset[str]) -> None:
        self._app = app
        self._plane = plane
        self._open_paths = open_paths
        self._seen_revision = -1  # the keys may have changed since the gate read them

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate, then pass on."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            request = Request(scope, receive)
            try:
                self._renew_keys()
                scope[_PRINCIPAL] = self._plane.gate.identify(request.headers.get("authorization"))
            except LichenError as error:
                await _problem(request, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _renew_keys(self) -> None:
        revision = self._plane.documents.revision()
        if revision != self._seen_revision:
            self._plane.gate.refresh()
            self._seen_revision = revision


def _authenticated(answer: Authenticated) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await answer(request.scope[_PRINCIPAL], request)

    return endpoint


def _by_method(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return endpoint


def _endpoint(plane: Plane, route: Route) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if route.public:
            answer = await run_in_threadpool(route.handler, plane, _anonymous_question(request))
            return _rendered(route, answer)
        principal = request.scope[_PRINCIPAL]
        plane.gate.admit(principal, route.action, route.kind, principal.tenant)
        _check_query(request, route)
        question = Question(
            principal,
            request.path_params,
            request.query_params,
            body=await _body(request, route),
            upload=await receive_upload(request, plane) if route.takes_file else None,
            idempotency_key=request.headers.get("idempotency-key"),
            accept=request.headers.get("accept", ""),
        )
        try:
            answer = await run_in_threadpool(route.handler, plane, question)
        except Exception:  # but not when cancelled: the job may have been accepted
            discard(plane, question.upload)
            raise
        return _rendered(route, answer)

    return endpoint


def _anonymous_question(request: Request) -> Question:
    nobody: object = None
    return Question(nobody, request.path_params, request.query_params)  # type: ignore[arg-type]


async def _body(request: Request, route: Route) -> object:
    if route.body is None:
        return None
    received = bytearray()
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > LARGEST_BODY:
        raise _too_large()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST_BODY:
            raise _too_large()
    try:
        return msgspec.json.decode(bytes(received), type=route.body)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the body is no JSON of {route.body.__name__}: {error}") from error


def _too_large() -> TooLarge:
    return TooLarge(f"the body is over {LARGEST_BODY} bytes, the limit of this resource")


def _check_query(request: Request, route: Route) -> None:
    """A misspelt parameter must not be passed over: it would be answered as if unsaid."""
    known = [parameter.name for parameter in route.query]
    for name in request.query_params:
        if name not in known:
            remedy = f"known are {', '.join(known)}" if known else "there are none here"
            raise InvalidInput(f"the query parameter {name!r} is unknown: {remedy}")


def _rendered(route: Route, answer: object) -> Response:
    if answer is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    if isinstance(answer, StoredFile):
        return FileResponse(
            answer.path, route.status, None, answer.media_type, None, answer.filename
        )
    if isinstance(answer, Raw):
        named = {"Content-Disposition": f'attachment; filename="{answer.filename}"'}
        headers = named if answer.filename else None
        return Response(answer.body, route.status, headers, answer.media_type)
    return Response(msgspec.json.encode(answer), route.status, media_type=JSON)


def _problem(request: Request, error: BaseException) -> Response:
    problem = problem_of(error, request.url.path)
    body, headers = encoded(problem, retry_after_seconds(error))
    return Response(body, problem.status, headers)


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, LichenError):
        _log.error("unexpected error at %s", request.url.path, exc_info=error)
    return _problem(request, error)


async def _on_cut_off(request: Request, _: Exception) -> Response:
    return _problem(
        request,
        InvalidInput("the request ended before its body did: send it whole; nothing was kept"),
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal: LichenError = InvalidInput(
            f"{request.url.path} does not take {request.method}: see {PREFIX}/openapi.json"
        )
        body, headers = encoded(
            msgspec.structs.replace(
                problem_of(refusal, request.url.path),
                status=int(HTTPStatus.METHOD_NOT_ALLOWED),
                title=HTTPStatus.METHOD_NOT_ALLOWED.phrase,
            )
        )
        return Response(body, error.status_code, {**headers, **(error.headers or {})})
    return _problem(
        request, NotFound(f"there is nothing at {request.url.path}: see {PREFIX}/openapi.json")
    )
