"""`GET /metrics`, the same on both planes: what all data-plane workers counted, for Prometheus.

A key of any role but predictor may ask. As everywhere, an admin sees every tenant and others their
own: the series that their tenant paid for, and the batches of their tenant's deployments.
"""

import asyncio
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lichen.api.codings import coding_for, compressed
from lichen.api.gate import Gate
from lichen.core.ids import TenantId
from lichen.monitoring.exposition import BudgetGauge, Scrape, Standing, exposition
from lichen.monitoring.samples import MEDIA_TYPE
from lichen.monitoring.totals import Totals, Variant, this_process, totals
from lichen.security.identity import Principal, Role
from lichen.security.policy import Action, Kind
from lichen.serving.deployment import OBSERVED, Deployment, Observed, State
from lichen.serving.residency.desired import read_wanted
from lichen.store.documents import DocumentStore

METRICS_PATH = "/metrics"
_ACCEPTS = "accept-encoding"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where the figures stand, and which process tells them.

    `name` is empty for a process that counts into `folder` itself: it is among the workers.
    `budgets` asks how all of them stand.
    """

    gate: Gate
    documents: DocumentStore
    folder: Path
    version: str
    name: str = ""
    started_seconds: float = 0.0
    budgets: Callable[[], Sequence[BudgetGauge]] = tuple


async def answer_metrics(telemetry: Telemetry, principal: Principal, request: Request) -> Response:
    """The exposition that this principal may see.

    Raises:
        Forbidden: the role may not.
        StorageFailed: the store cannot be read.
    """
    telemetry.gate.admit(principal, Action.READ, Kind.LEDGER, principal.tenant)
    body = await asyncio.to_thread(_exposed, telemetry, principal)
    coding = coding_for(request.headers.get(_ACCEPTS, ""), len(body))
    if coding is None:
        return Response(body, media_type=MEDIA_TYPE)
    body = await asyncio.to_thread(compressed, body, coding)
    return Response(body, headers={"content-encoding": coding}, media_type=MEDIA_TYPE)


def _exposed(telemetry: Telemetry, principal: Principal) -> bytes:
    deployed = _deployments(telemetry.documents)
    counted = totals(telemetry.folder)
    budgets = telemetry.budgets()
    if principal.role is not Role.ADMIN:
        budgets = [one for one in budgets if one.budget.tenant == principal.tenant]
        deployed = {name: one for name, one in deployed.items() if one.tenant == principal.tenant}
        counted = _visible(counted, principal.tenant, deployed)
    standings = [
        Standing(_variant(one), _state(telemetry.documents, one).value) for one in deployed.values()
    ]
    processes = counted.processes
    if telemetry.name:
        processes = (*processes, this_process(telemetry.name, telemetry.started_seconds))
    states = [state.value for state in State]
    python = platform.python_version()
    who = (telemetry.version, python)
    return exposition(Scrape(counted, standings, states, processes, *who, budgets))


def _visible(counted: Totals, tenant: TenantId, deployed: Mapping[str, Deployment]) -> Totals:
    requests = {key: one for key, one in counted.requests.items() if key[1] == tenant}
    batches = {key: one for key, one in counted.batches.items() if key.deployment in deployed}
    return replace(counted, requests=requests, batches=batches)


def _variant(one: Deployment) -> Variant:
    return Variant(one.name, one.model, str(one.version), one.variant)


def _deployments(documents: DocumentStore) -> dict[str, Deployment]:
    return {name: one.deployment for name, one in read_wanted(documents).items()}


def _state(documents: DocumentStore, deployment: Deployment) -> State:
    document = documents.get(OBSERVED, deployment.name)
    if document is None:
        return State.LOADING
    said = msgspec.json.decode(document.body, type=Observed)
    return said.state if said.generation == deployment.generation else State.LOADING
