"""`/metrics` on the control plane: behind the same door, by tenant, with deployments' states."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
import pytest

from lichen.api.admin_http import admin_app
from lichen.api.admin_routes import Plane
from lichen.api.metrics_http import METRICS_PATH, Telemetry, answer_metrics
from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.serving.deployment import DEPLOYMENTS, OBSERVED, Deployment, Observed, State
from lichen.store.documents import Change, MemoryDocuments


class House(Protocol):
    plane: Plane
    keys: Keys
    documents: MemoryDocuments
    transport: httpx.BaseTransport


Scrape = Callable[[Role | None, str], httpx.Response]


@pytest.fixture
def scrape(house: House, tmp_path: Path) -> Scrape:
    """Asks the control plane of a platform with deployments `d` of tenant `a` and `e` of `b`."""
    slot = Slot.claim(tmp_path / "metrics")
    metrics = Metrics(slot)
    for name, tenant, seen in (("d", "a", 1), ("e", "b", 9)):
        subject = Subject(name, "m", 1, "fp32")
        metrics.answered(Answered(subject, TenantId(tenant), "ok", 1, 1, 1, 1, 1, 1))
        metrics.ran(Ran(subject, 1, 1, 1, 1))
        deployment = Deployment(name, "m", 1, tenant=TenantId(tenant))
        observed = Observed(name, seen, State.FAILED)
        house.documents.commit(
            [
                Change(DEPLOYMENTS, name, msgspec.json.encode(deployment)),
                Change(OBSERVED, name, msgspec.json.encode(observed)),
            ]
        )
    slot.close()
    telemetry = Telemetry(house.plane.gate, house.documents, slot.path.parent, "1", "me", 5.0)

    app = admin_app(house.plane, (), {METRICS_PATH: partial(answer_metrics, telemetry)})
    transport = type(house.transport)(app)  # type: ignore[call-arg]

    def ask(role: Role | None, tenant: str) -> httpx.Response:
        headers = {}
        if role is not None:
            token = house.keys.create(Principal("x", TenantId(tenant), role)).token
            headers["Authorization"] = f"Bearer {token}"
        with httpx.Client(transport=transport, base_url="http://plane", headers=headers) as client:
            return client.get(METRICS_PATH)

    return ask


def test_an_admin_sees_all_and_this_process_too(scrape: Scrape) -> None:
    told = scrape(Role.ADMIN, "a").text
    assert 'lichen_rows_total{deployment="d"' in told
    assert 'lichen_rows_total{deployment="e"' in told
    assert 'lichen_process_start_time_seconds{process="me"} 5.000' in told


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_see_what_is_of_their_tenant(scrape: Scrape, role: Role) -> None:
    told = scrape(role, "a").text
    assert 'lichen_rows_total{deployment="d"' in told
    assert 'lichen_batch_rows_count{deployment="d"' in told
    assert 'deployment="e"' not in told
    assert 'model="e"' not in told


def test_what_was_observed_of_another_generation_says_nothing(scrape: Scrape) -> None:
    told = scrape(Role.ADMIN, "a").text
    state = (
        'lichen_deployments{{deployment="{}",model="m",version="1",variant="fp32",state="{}"}} 1'
    )
    assert state.format("d", "failed") in told
    assert state.format("e", "loading") in told


def test_it_is_refused_as_everything_is_here(scrape: Scrape) -> None:
    for role, status in ((None, 401), (Role.PREDICTOR, 403)):
        refused = scrape(role, "a")
        assert refused.status_code == status
        assert refused.headers["content-type"] == "application/problem+json"
