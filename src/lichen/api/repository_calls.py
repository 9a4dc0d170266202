"""The steps of the model repository extension, the same over HTTP and gRPC."""

import asyncio
from collections.abc import Callable, Collection

from lichen.api.gate import Gate
from lichen.core.errors import InvalidInput, Unavailable
from lichen.protocol.oip import IndexEntry
from lichen.security.identity import Principal
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


class RepositoryCalls:
    """What a caller may see and change of the repository."""

    def __init__(self, gate: Gate, repository: Repository) -> None:
        self._gate = gate
        self._repository = repository

    async def index(self, principal: Principal, *, ready: bool) -> list[IndexEntry]:
        """The deployments that the caller may see; `ready` for those alone that answer now."""
        entries = await asyncio.to_thread(lambda: list(self._repository.entries()))
        seen = [
            _told(entry)
            for entry in entries
            if self._gate.allows(principal, Action.READ, Kind.DEPLOYMENT, entry.deployment.tenant)
        ]
        return [one for one in seen if one.state == "READY" or not ready]

    async def load(self, principal: Principal, name: str, given: Collection[str]) -> None:
        """Answers when the deployment is served; at once for one that is.

        Raises:
            InvalidInput: a parameter is given, and none is taken.
            Forbidden, NotFound, Unavailable: see the message.
        """
        deployment = await self._changeable(principal, name)
        if given:
            raise InvalidInput(
                f"load takes no {', '.join(sorted(given))}: a deployment's files are those of its "
                "registered version; import another version and deploy it"
            )
        await asyncio.to_thread(self._repository.take_up, deployment)
        await _until(lambda: self._repository.is_loaded(deployment))

    async def unload(self, principal: Principal, name: str) -> None:
        """Answers when the deployment is out of service and its last answer is out.

        Raises:
            Forbidden, NotFound, Unavailable: see the message.
        """
        deployment = await self._changeable(principal, name)
        await asyncio.to_thread(self._repository.set_aside, deployment)
        await _until(lambda: self._repository.is_out(deployment))

    async def _changeable(self, principal: Principal, name: str) -> Deployment:
        entry = await asyncio.to_thread(self._repository.find, name)
        tenant = entry.deployment.tenant
        self._gate.admit(principal, Action.CHANGE, Kind.DEPLOYMENT, tenant)
        return entry.deployment


def _told(entry: Entry) -> IndexEntry:
    deployed = entry.deployment
    return IndexEntry(deployed.name, str(deployed.version), _STATE_NAME[entry.state], entry.reason)


async def _until(is_done: Callable[[], bool]) -> None:
    for _ in range(_LOOKS):
        if await asyncio.to_thread(is_done):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise Unavailable("it is not done yet, and goes on: ask again in a moment")
