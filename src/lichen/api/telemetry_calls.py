"""The statistics and trace extensions, whatever the protocol: who may ask, and what is answered."""

import asyncio
from pathlib import Path

from msgspec import UNSET, UnsetType

from lichen.api.gate import Gate
from lichen.core.errors import InvalidInput
from lichen.monitoring import trace_settings
from lichen.monitoring.statistics import Duration, ModelStatistics, statistics_of
from lichen.monitoring.totals import totals
from lichen.monitoring.trace_settings import TraceBook, TraceChange
from lichen.protocol.telemetry import (
    BatchStat,
    DurationStat,
    InferenceStats,
    ModelStat,
    Statistics,
    Text,
    TraceSettings,
    TraceUpdate,
)
from lichen.security.identity import Principal
from lichen.security.policy import Action, Kind
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane

TRACE_FILE = "traces/dataplane-*.jsonl"
_MOST = 2**31 - 1
_OFF, _TIMESTAMPS = "OFF", "TIMESTAMPS"


class TelemetryCalls:
    """What both extensions answer; the workers count into `folder`, the settings are in `book`."""

    def __init__(self, gate: Gate, plane: DataPlane, folder: Path, book: TraceBook) -> None:
        self._gate = gate
        self._plane = plane
        self._folder = folder
        self._book = book

    async def statistics(
        self, principal: Principal, name: str | None = None, version: str | None = None
    ) -> Statistics:
        """Of one deployment's present version, or of all that the caller may see.

        Raises:
            NotFound, Unavailable: nothing of that name, or that version, is served.
            Forbidden: the caller may not see it.
        """
        deployed = self._seen(principal) if name is None else [self._one(principal, name, version)]
        counted = await asyncio.to_thread(totals, self._folder)
        found = [statistics_of(counted, one.name, str(one.version)) for one in deployed]
        return Statistics([_told(one) for one in found])

    async def trace_settings(self, principal: Principal, name: str | None = None) -> TraceSettings:
        """Of one deployment, or of the platform.

        Raises:
            NotFound, Unavailable: nothing of that name is served.
            Forbidden: the caller may not see them.
        """
        key = self._admitted(principal, name, Action.READ)
        return _shown(await asyncio.to_thread(self._book.settings, key))

    async def change_trace_settings(
        self, principal: Principal, asked: TraceUpdate, name: str | None = None
    ) -> TraceSettings:
        """Change settings of one deployment, or of the platform; what they are then.

        Raises:
            NotFound, Unavailable: nothing of that name is served.
            Forbidden: the caller may not change them.
            InvalidInput: a setting is not one that can be set, or has no such value.
        """
        key = self._admitted(principal, name, Action.CHANGE)
        return _shown(await asyncio.to_thread(self._book.change, key, _wanted(asked)))

    def _one(self, principal: Principal, name: str, version: str | None) -> Deployment:
        deployed = self._plane.find(name, version).deployment
        self._gate.admit(principal, Action.READ, Kind.DEPLOYMENT, deployed.tenant)
        return deployed

    def _seen(self, principal: Principal) -> list[Deployment]:
        served = [one.deployment for one in self._plane.selector.served().values()]
        return [
            one
            for one in sorted(served, key=lambda one: one.name)
            if self._gate.allows(principal, Action.READ, Kind.DEPLOYMENT, one.tenant)
        ]

    def _admitted(self, principal: Principal, name: str | None, action: Action) -> str | None:
        """The deployment that is meant, None for the platform, once the caller may do this."""
        if name is None:
            self._gate.admit(principal, action, Kind.PLATFORM, principal.tenant)
            return None
        deployed = self._plane.find(name).deployment
        self._gate.admit(principal, action, Kind.DEPLOYMENT, deployed.tenant)
        return deployed.name


def _wanted(asked: TraceUpdate) -> TraceChange:
    if asked.trace_file is not UNSET:
        raise InvalidInput(f"trace_file is set by the platform: traces stand in {TRACE_FILE}")
    return TraceChange(
        _timestamps(asked.trace_level),
        _number("trace_rate", asked.trace_rate, 1),
        _number("trace_count", asked.trace_count, -1),
        _number("log_frequency", asked.log_frequency, 0),
    )


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


def _shown(settings: trace_settings.TraceSettings) -> TraceSettings:
    level = _TIMESTAMPS if settings.timestamps else _OFF
    numbers = (settings.rate, settings.count, settings.log_frequency)
    return TraceSettings(TRACE_FILE, [level], *(str(number) for number in numbers))


def _told(one: ModelStatistics) -> ModelStat:
    inference = InferenceStats(
        _stat(one.success), _stat(one.fail), _stat(one.queue), _stat(one.compute_infer)
    )
    batches = [BatchStat(size.batch_size, _stat(size.compute_infer)) for size in one.batches]
    counts = (one.last_inference, one.inference_count, one.execution_count)
    return ModelStat(one.name, one.version, *counts, inference, batches)


def _stat(duration: Duration) -> DurationStat:
    return DurationStat(duration.count, duration.ns)
