"""The model repository extension over HTTP: which deployments there are; load and unload one.

What is deployed, and where its files come from, is the control plane's; here a deployment is only
taken out of this data plane's service, and back into it.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import Door, answered, bound, whole_body
from lichen.api.repository_calls import RepositoryCalls
from lichen.protocol.oip import IndexRequest, ModelControl, read_message
from lichen.serving.repository import Repository

_json = msgspec.json.Encoder().encode
_Asks = Callable[[Request, Door, RepositoryCalls], Awaitable[Response]]


def repository_routes(door: Door, repository: Repository) -> list[Route]:
    """The extension's three paths."""
    calls = RepositoryCalls(door.gate, repository)

    def post(path: str, asks: _Asks) -> Route:
        async def endpoint(request: Request, door: Door) -> Response:
            return await asks(request, door, calls)

        return Route(path, bound(endpoint, door), methods=["POST"])

    return [
        post("/v2/repository/index", _index),
        post("/v2/repository/models/{name}/load", _load),
        post("/v2/repository/models/{name}/unload", _unload),
    ]


async def _index(request: Request, door: Door, calls: RepositoryCalls) -> Response:
    asked = read_message(await whole_body(request, door.limits.body), IndexRequest)
    return answered(_json(await calls.index(request.state.principal, ready=asked.ready)))


async def _load(request: Request, door: Door, calls: RepositoryCalls) -> Response:
    given = read_message(await whole_body(request, door.limits.body), ModelControl).parameters
    await calls.load(request.state.principal, request.path_params["name"], given or {})
    return Response()


async def _unload(request: Request, door: Door, calls: RepositoryCalls) -> Response:
    read_message(await whole_body(request, door.limits.body), ModelControl)
    # the request's unload_dependents means nothing here: no deployment depends on another
    await calls.unload(request.state.principal, request.path_params["name"])
    return Response()
