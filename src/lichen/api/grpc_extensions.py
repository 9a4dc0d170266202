"""The extensions of the protocol over gRPC: configuration, repository, statistics, trace.

Their answers are those of HTTP: field by field the messages have the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]

from lichen.api.configuration_http import model_configuration
from lichen.api.grpc_calls import Call
from lichen.api.oip_http import Door
from lichen.api.repository_calls import RepositoryCalls
from lichen.api.telemetry_calls import TelemetryCalls
from lichen.core.errors import InvalidInput
from lichen.protocol.grpc_messages import Message
from lichen.protocol.telemetry import TraceSettings, TraceUpdate
from lichen.security.policy import Action, Kind
from lichen.serving.repository import Repository
from lichen.serving.selector import Served

_LISTED = "trace_level"
"""The one trace setting that is a list."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What answers the extensions; `batch_rows` is the most rows that run together."""

    repository: Repository
    telemetry: TelemetryCalls
    batch_rows: int


class Extensions:
    """The methods; each fills in the answer (second) to a request (first)."""

    def __init__(self, door: Door, behind: Behind) -> None:
        self._door = door
        self._behind = behind
        self._repository = RepositoryCalls(door.gate, behind.repository)

    async def configuration(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelConfig`."""
        served = readable(self._door, asked, call)
        name, rows = served.deployment.name, self._behind.batch_rows
        said = model_configuration(name, served.signature, rows)
        ParseDict(msgspec.to_builtins(said), answer.config)

    async def index(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryIndex`."""
        models = await self._repository.index(call.principal, ready=asked.ready)
        ParseDict({"models": msgspec.to_builtins(models)}, answer)

    async def load(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryModelLoad`."""
        name = _named(asked)
        await self._repository.load(call.principal, name, list(asked.parameters))
        answer.model_name, answer.isLoaded = name, True

    async def unload(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryModelUnload`."""
        name = _named(asked)
        await self._repository.unload(call.principal, name)
        answer.model_name, answer.isUnloaded = name, True

    async def statistics(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelStatistics`: of one deployment, or of all that the caller may see."""
        named = asked.name or None, asked.version or None
        said = await self._behind.telemetry.statistics(call.principal, *named)
        ParseDict(msgspec.to_builtins(said), answer)

    async def trace(self, asked: Message, answer: Message, call: Call) -> None:
        """`TraceSetting`: what the settings are, once those that are given are changed."""
        telemetry, name = self._behind.telemetry, asked.model_name or None
        if asked.settings:
            changed = _update(asked.settings)
            said = await telemetry.change_trace_settings(call.principal, changed, name)
        else:
            said = await telemetry.trace_settings(call.principal, name)
        _tell(said, answer)


def readable(door: Door, asked: Message, call: Call) -> Served:
    """The deployment that a request names.

    Raises:
        NotFound, Unavailable: nothing answers under that name.
        Forbidden: the caller may not read it.
    """
    served = door.plane.find(asked.name, asked.version or None)
    tenant = served.deployment.tenant
    door.gate.admit(call.principal, Action.READ, Kind.DEPLOYMENT, tenant)
    return served


def _named(asked: Message) -> str:
    """The deployment; KServe's stubs write its name where Triton's write the repository's."""
    name = str(asked.model_name or asked.repository_name)
    if not name:
        raise InvalidInput("the request names no model: write the deployment's name in model_name")
    return name


def _update(settings: Mapping[str, Message]) -> TraceUpdate:
    """What a request changes; a setting without a value goes back to where it comes from."""
    given: dict[str, object] = {}
    for name, setting in settings.items():
        values = list(setting.value)
        if len(values) > 1 and name != _LISTED:
            raise InvalidInput(f"trace setting {name} is given {len(values)} values: give one")
        given[name] = None if not values else values if name == _LISTED else values[0]
    try:
        return msgspec.convert(given, TraceUpdate)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the trace settings cannot be changed so: {error}") from error


def _tell(said: TraceSettings, answer: Message) -> None:
    for name in said.__struct_fields__:
        value = getattr(said, name)
        answer.settings[name].value.extend(value if isinstance(value, list) else [value])
