"""The trace extension: which requests are traced, for the platform or for one deployment."""

import asyncio

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import Door, answered, bound, whole_body
from lichen.core.errors import InvalidInput
from lichen.monitoring.trace_settings import TraceBook, TraceChange
from lichen.monitoring.trace_settings import TraceSettings as Settings
from lichen.protocol.oip import read_message
from lichen.protocol.telemetry import Text, TraceSettings, TraceUpdate
from lichen.security.policy import Action, Kind

TRACE_FILE = "traces/dataplane-*.jsonl"
_MOST = 2**31 - 1
_OFF, _TIMESTAMPS = "OFF", "TIMESTAMPS"
_json = msgspec.json.Encoder().encode


def trace_routes(door: Door, book: TraceBook) -> list[Route]:
    """The extension's two paths, each to read and to change."""

    async def endpoint(request: Request, door: Door) -> Response:
        if request.method != "POST":
            name = _admitted(request, door, Action.READ)
            return answered(_told(await asyncio.to_thread(book.settings, name)))
        name = _admitted(request, door, Action.CHANGE)
        asked = read_message(await whole_body(request, door.limits.body), TraceUpdate)
        wanted = wanted_change(asked)
        return answered(_told(await asyncio.to_thread(book.change, name, wanted)))

    paths = ("/v2/trace/setting", "/v2/models/{name}/trace/setting")
    return [Route(path, bound(endpoint, door), methods=["GET", "POST"]) for path in paths]


def wanted_change(asked: TraceUpdate) -> TraceChange:
    """What a request changes.

    Raises:
        InvalidInput: a setting is not one that can be set, or has no such value.
    """
    if asked.trace_file is not UNSET:
        raise InvalidInput(f"trace_file is set by the platform: traces stand in {TRACE_FILE}")
    return TraceChange(
        _timestamps(asked.trace_level),
        _number("trace_rate", asked.trace_rate, 1),
        _number("trace_count", asked.trace_count, -1),
        _number("log_frequency", asked.log_frequency, 0),
    )


def _admitted(request: Request, door: Door, action: Action) -> str | None:
    """The deployment that is meant, None for the platform, once the caller may do this to it."""
    principal, name = request.state.principal, request.path_params.get("name")
    if name is None:
        door.gate.admit(principal, action, Kind.PLATFORM, principal.tenant)
        return None
    deployed = door.plane.find(name).deployment
    door.gate.admit(principal, action, Kind.DEPLOYMENT, deployed.tenant)
    return deployed.name


def _timestamps(said: list[str] | str | UnsetType | None) -> bool | UnsetType | None:
    if said is None or isinstance(said, UnsetType):
        return said
    levels = [said] if isinstance(said, str) else said
    for level in levels:
        if level not in (_OFF, _TIMESTAMPS):
            raise InvalidInput(f"trace_level {level!r} is not known: set OFF or TIMESTAMPS")
    return _TIMESTAMPS in levels


def _number(name: str, said: Text, least: int) -> int | UnsetType | None:
    if said is None or isinstance(said, UnsetType):
        return said
    try:
        number = int(said)
    except ValueError:
        number = least - 1
    if not least <= number <= _MOST:
        raise InvalidInput(f"{name} is {said!r}: give a whole number from {least} to {_MOST}")
    return number


def _told(settings: Settings) -> bytes:
    level = _TIMESTAMPS if settings.timestamps else _OFF
    numbers = (settings.rate, settings.count, settings.log_frequency)
    return _json(TraceSettings(TRACE_FILE, [level], *(str(number) for number in numbers)))
