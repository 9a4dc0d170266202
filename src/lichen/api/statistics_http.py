"""The statistics extension: what each deployed version did, summed over all workers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lichen.api.oip_http import Door, answered, bound
from lichen.monitoring.statistics import Duration, ModelStatistics, statistics_of
from lichen.monitoring.totals import totals
from lichen.protocol.telemetry import (
    BatchStat,
    DurationStat,
    InferenceStats,
    ModelStat,
    Statistics,
)
from lichen.security.policy import Action, Kind
from lichen.serving.deployment import Deployment

_json = msgspec.json.Encoder().encode


def statistics_routes(door: Door, folder: Path) -> list[Route]:
    """The extension's three paths; the workers count into `folder`."""

    async def of_one(request: Request, door: Door) -> Response:
        named = request.path_params
        deployed = door.plane.find(named["name"], named.get("version")).deployment
        door.gate.admit(request.state.principal, Action.READ, Kind.DEPLOYMENT, deployed.tenant)
        return await _answer([deployed])

    async def of_all(request: Request, door: Door) -> Response:
        principal = request.state.principal
        served = [one.deployment for one in door.plane.selector.served().values()]
        return await _answer(
            [
                one
                for one in sorted(served, key=lambda one: one.name)
                if door.gate.allows(principal, Action.READ, Kind.DEPLOYMENT, one.tenant)
            ]
        )

    async def _answer(deployed: Sequence[Deployment]) -> Response:
        found = await asyncio.to_thread(deployment_statistics, folder, deployed)
        return answered(_json(Statistics([_told(one) for one in found])))

    return [
        Route("/v2/models/stats", bound(of_all, door)),
        Route("/v2/models/{name}/stats", bound(of_one, door)),
        Route("/v2/models/{name}/versions/{version}/stats", bound(of_one, door)),
    ]


def deployment_statistics(folder: Path, deployed: Sequence[Deployment]) -> list[ModelStatistics]:
    """Of each deployment's present version, for every protocol; it reads files."""
    counted = totals(folder)
    return [statistics_of(counted, one.name, str(one.version)) for one in deployed]


def _told(one: ModelStatistics) -> ModelStat:
    inference = InferenceStats(
        _stat(one.success), _stat(one.fail), _stat(one.queue), _stat(one.compute_infer)
    )
    batches = [BatchStat(size.batch_size, _stat(size.compute_infer)) for size in one.batches]
    counts = (one.last_inference, one.inference_count, one.execution_count)
    return ModelStat(one.name, one.version, *counts, inference, batches)


def _stat(duration: Duration) -> DurationStat:
    return DurationStat(duration.count, duration.ns)
