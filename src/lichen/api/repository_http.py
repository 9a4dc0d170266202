"""The model repository extension: which deployments there are; load and unload one.

What is deployed, and where its files come from, is the control plane's; here a deployment is only
taken out of this data plane's service, and back into it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import Door, answered, bound, whole_body
from lichen.core.errors import InvalidInput, Unavailable
from lichen.protocol.oip import IndexEntry, IndexRequest, ModelControl, read_message
from lichen.security.policy import Action, Kind
from lichen.serving.deployment import Deployment, State
from lichen.serving.repository import Entry, Repository

_LOOK_SECONDS = 0.02
_LOOKS = 1500
_STATE_NAME = {
    State.READY: "READY",
    State.LOADING: "LOADING",
    State.FAILED: "UNAVAILABLE",
    State.UNLOADED: "UNAVAILABLE",
}
_json = msgspec.json.Encoder().encode
_Asks = Callable[[Request, Door, Repository], Awaitable[Response]]


def repository_routes(door: Door, repository: Repository) -> list[Route]:
    """The extension's three paths."""

    def post(path: str, asks: _Asks) -> Route:
        async def endpoint(request: Request, door: Door) -> Response:
            return await asks(request, door, repository)

        return Route(path, bound(endpoint, door), methods=["POST"])

    return [
        post("/v2/repository/index", _index),
        post("/v2/repository/models/{name}/load", _load),
        post("/v2/repository/models/{name}/unload", _unload),
    ]


async def _index(request: Request, door: Door, repository: Repository) -> Response:
    """The deployments that the caller may see."""
    asked = read_message(await whole_body(request, door.limits.body), IndexRequest)
    entries = await asyncio.to_thread(lambda: list(repository.entries()))
    seen = [_told(entry) for entry in entries if _may_see(request, door, entry)]
    return answered(_json([one for one in seen if one.state == "READY" or not asked.ready]))


async def _load(request: Request, door: Door, repository: Repository) -> Response:
    """Answers when the deployment is served; at once for one that is."""
    body = await whole_body(request, door.limits.body)
    deployment = await _changeable(request, door, repository)
    given = read_message(body, ModelControl).parameters
    if given:
        raise InvalidInput(
            f"load takes no {', '.join(sorted(given))}: a deployment's files are those of its "
            "registered version; import another version and deploy it"
        )
    await asyncio.to_thread(repository.take_up, deployment)
    await _until(lambda: repository.is_loaded(deployment))
    return Response()


async def _unload(request: Request, door: Door, repository: Repository) -> Response:
    """Answers when the deployment is out of service and its last answer is out."""
    body = await whole_body(request, door.limits.body)
    deployment = await _changeable(request, door, repository)
    read_message(body, ModelControl)  # its unload_dependents means nothing here
    await asyncio.to_thread(repository.set_aside, deployment)
    await _until(lambda: repository.is_out(deployment))
    return Response()


async def _changeable(request: Request, door: Door, repository: Repository) -> Deployment:
    entry = await asyncio.to_thread(repository.find, request.path_params["name"])
    tenant, principal = entry.deployment.tenant, request.state.principal
    door.gate.admit(principal, Action.CHANGE, Kind.DEPLOYMENT, tenant)
    return entry.deployment


def _may_see(request: Request, door: Door, entry: Entry) -> bool:
    tenant, principal = entry.deployment.tenant, request.state.principal
    return door.gate.allows(principal, Action.READ, Kind.DEPLOYMENT, tenant)


def _told(entry: Entry) -> IndexEntry:
    deployed = entry.deployment
    return IndexEntry(deployed.name, str(deployed.version), _STATE_NAME[entry.state], entry.reason)


async def _until(is_done: Callable[[], bool]) -> None:
    for _ in range(_LOOKS):
        if await asyncio.to_thread(is_done):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise Unavailable("it is not done yet, and goes on: ask again in a moment")
