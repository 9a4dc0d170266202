"""The control plane's application in this process, over memory, without a socket."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp

from lichen.api.admin_http import admin_app
from lichen.api.admin_routes import Plane
from lichen.api.admin_table import ROUTES
from lichen.api.gate import Gate
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.control.budgets import Budgets, Owners
from lichen.control.deeds import Levers
from lichen.control.experience import Experience
from lichen.control.jobs import Jobs
from lichen.control.reception import Reception
from lichen.control.recurrences import Recurrences
from lichen.control.state import Deployments
from lichen.control.submissions import Submissions
from lichen.core.clock import ManualClock
from lichen.core.ids import DEFAULT_TENANT, Digest, TenantId
from lichen.core.tensors import Signature
from lichen.data.dataset import (
    COLLECTION,
    DatasetCatalog,
    DatasetVersion,
    Latest,
    version_key,
)
from lichen.data.findings import Finding, Severity
from lichen.data.options import IngestOptions
from lichen.data.schema import Column, Dtype, Schema
from lichen.data.schema import Role as ColumnRole
from lichen.protocol.admin import Addresses, DatasetRows, Meters, NewestInput, Platform, Progress
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.server.home import Home
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.keepers.zone_intensity import ZoneObservations
from lichen.server.keepers.zone_outlooks import ZoneOutlooks
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.server.work.job_budgets import JobBudgets
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments

UPLOAD_BYTES = 1000
MOST_JOBS = 8


class InProcess(httpx.BaseTransport):
    """Hands each request to an ASGI application, in an event loop of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's answer."""
        return asyncio.run(self._ask(request, request.read()))

    async def _ask(self, request: httpx.Request, content: bytes) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        answer = await self._inner.handle_async_request(asked)
        body = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


@dataclass
class House:
    """The application and what stands behind it."""

    plane: Plane
    app: ASGIApp
    keys: Keys
    clock: ManualClock
    documents: MemoryDocuments
    transport: InProcess
    progress: dict[str, Progress] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = DEFAULT_TENANT) -> httpx.Client:
        """A client with a key of this role; without a role, without a key."""
        headers = {}
        if role is not None:
            token = self.keys.create(Principal(f"a-{role}", TenantId(tenant), role)).token
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(
            transport=self.transport, base_url="http://plane/api/v1", headers=headers
        )


@pytest.fixture
def upload_bytes() -> int:
    """The largest file."""
    return UPLOAD_BYTES


@pytest.fixture
def house(tmp_path: Path, upload_bytes: int) -> Iterator[House]:
    """A control plane without processes."""
    documents, clock, blobs = MemoryDocuments(), ManualClock(), LocalBlobs(tmp_path / "blobs")
    jobs, catalog = Jobs(documents, clock), Catalog(documents, blobs, clock)
    (tmp_path / "uploads").mkdir()
    progress: dict[str, Progress] = {}
    asked: list[tuple[str, dict[str, str]]] = []

    def newest(reference: str, query: object) -> NewestInput:
        asked.append((reference, dict(query)))  # type: ignore[call-overload]
        return NewestInput(request={}, times=[], targets=[], units=[], quantile_levels=[])

    accounts = BudgetAccounts(documents, Home(tmp_path), clock)
    prices = pricing(CarbonSettings(zone="DE"), tmp_path)
    affordable = JobBudgets(documents, Home(tmp_path), prices, clock)
    histories = ZoneHistories(CarbonSettings(zone="DE"), tmp_path / "intensities", clock)
    outlooks = ZoneOutlooks(histories, catalog, clock, is_on=True)
    reception = Reception(jobs, clock, ("DE",), MOST_JOBS)
    plane = Plane(
        gate=Gate(KeyRing(documents, clock)),
        documents=documents,
        jobs=jobs,
        experience=Experience(jobs, clock),
        submissions=Submissions(documents, jobs, clock, affordable.check, reception.settle),
        recurrences=Recurrences(documents, clock),
        datasets=DatasetCatalog(documents),
        catalog=catalog,
        deployments=Deployments(documents, catalog),
        ledger=LedgerReader(tmp_path / "ledger.db"),
        levers=Levers(documents, jobs, LedgerReader(tmp_path / "ledger.db")),
        budgets=Budgets(documents, Owners(documents, catalog, Keys(documents, clock)), clock),
        uploads=tmp_path / "uploads",
        upload_bytes=upload_bytes,
        job_log=lambda job_id: f"the log of {job_id}",
        job_progress=progress.get,
        newest_rows=lambda name, rows: DatasetRows(name=name, version=rows, times=[], columns={}),
        newest_input=newest,
        meters=lambda: Meters(
            chosen="model", reason="why", method="modelled", source="a test", meters=[]
        ),
        platform=lambda: Platform(
            version="0", addresses=Addresses(http="h", control="c"), zone="DE", home="/"
        ),
        budget_standing=accounts.view,
        zone=ZoneObservations(prices, clock).zone,
        outlooks=outlooks,
        stored=blobs.path,
        keep_file=blobs.put_file,
        platform_zone="DE",
    )
    app = admin_app(plane, ROUTES)
    keys = Keys(documents, clock)
    yield House(plane, app, keys, clock, documents, InProcess(app), progress, asked)
    accounts.close()


@pytest.fixture
def admin(house: House) -> httpx.Client:
    """An administrator."""
    return house.caller()


@pytest.fixture
def register(house: House) -> Callable[[str], None]:
    """Make a version of a model."""

    def make(name: str) -> None:
        draft = Draft(name, "forecast", "ridge", Signature((), ()), "0.1.0")
        house.plane.catalog.register(draft, {"model.onnx": name.encode()})

    return make


@pytest.fixture
def keep_dataset(house: House) -> Callable[[str], None]:
    """Make the first version of a dataset, which has a finding and no rows to read."""

    def keep(name: str) -> None:
        version = DatasetVersion(
            name=name,
            version=1,
            schema=Schema((Column("d", Dtype.NUMBER, "GW", ColumnRole.TARGET),)),
            rows=3,
            frequency=None,
            step_seconds=None,
            timezone="UTC",
            start=None,
            end=None,
            series=(),
            source="d.csv",
            source_digest=Digest("0" * 64),
            parquet_digest=Digest("1" * 64),
            parquet_bytes=1,
            findings=(Finding("gap", Severity.WARNING, "one gap", "fill it", "d", 1, (2,), ()),),
            profile=(),
            options=IngestOptions(),
            parent=None,
            created_at=house.clock.now(),
        )
        house.documents.commit(
            [
                Change(COLLECTION, name, msgspec.json.encode(Latest(1))),
                Change(COLLECTION, version_key(name, 1), msgspec.json.encode(version)),
            ]
        )

    return keep
