"""`/savings` at the door, and beside the reports: from what is kept of levers and the ledger."""

from datetime import timedelta
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
import pytest
import worked_example as example

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.levers import DEGRADED, DegradedRequests
from lichen.control.jobs import JOBS
from lichen.control.transitions import JobRecord
from lichen.core.figures import Method
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.savings import LeverSaving, Savings
from lichen.protocol.scheduling import Schedule
from lichen.protocol.segments import JobSegment
from lichen.security.identity import Role
from lichen.store.documents import Change, MemoryDocuments

OCTOBER = {"month": "2026-10", "as_of": "4"}


class House(Protocol):
    documents: MemoryDocuments

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.fixture
def reader(tmp_path: Path) -> LedgerReader:
    """The worked example as the ledger of the house."""
    example.write_ledger(tmp_path / "ledger.db")
    return LedgerReader(tmp_path / "ledger.db")


@pytest.fixture
def deeds(house: House) -> None:
    """In October a hundred requests were degraded, later some more; a training had waited."""
    for hour, requests in ((0, 60), (1, 40), (800, 7)):
        at = example.OCTOBER + hour * example.HOUR
        one = DegradedRequests(at, "load", "wind", requests)
        house.documents.commit([Change(DEGRADED, one.key, msgspec.json.encode(one))])
    job = JobRecord(
        id="job-7",
        kind=JobKind.TRAIN,
        spec={},
        tenant="default",
        state=JobState.SUCCEEDED,
        created_at=example.OCTOBER + timedelta(minutes=90),
        finished_at=example.OCTOBER + timedelta(minutes=100),
        has_waited=True,
    )
    house.documents.commit([Change(JOBS, job.id, msgspec.json.encode(job))])


def told(admin: httpx.Client, **query: str) -> dict[str, LeverSaving]:
    answer = admin.get("/savings", params=query or OCTOBER)
    assert answer.status_code == 200, answer.text
    return {one.name: one for one in msgspec.json.decode(answer.content, type=Savings).items}


@pytest.mark.usefixtures("deeds")
def test_each_lever_is_told_with_its_baseline_and_figures_of_the_ledger(
    admin: httpx.Client, reader: LedgerReader
) -> None:
    found = told(admin)
    assert list(found) == ["degraded.load.wind", "deferred.jobs", "runtime", "batching"]
    accounts = {one.account: one for one in reader.accounts(example.OCTOBER, example.NOVEMBER, 4)}
    load, wind = accounts[example.LOAD], accounts[example.WIND]
    degraded = found["degraded.load.wind"]
    assert degraded.nj == 100 * load.nj // load.units - 100 * wind.nj // wind.units
    assert degraded.ng == pytest.approx(100 * (load.ng / load.units - wind.ng / wind.units), abs=2)
    assert degraded.baseline.startswith("100 requests at the mean of load in this span")
    assert found["runtime"].absent is not None
    assert found["runtime"].nj is None


@pytest.mark.usefixtures("deeds")
def test_a_job_that_waited_is_compared_with_the_hour_of_its_submission(
    admin: httpx.Client, reader: LedgerReader
) -> None:
    deferred = told(admin)["deferred.jobs"]
    grids = [
        reader.shares(start, start + example.HOUR, 4)[1][0].basis.intensity.g_per_kwh
        for start in (example.OCTOBER, example.OCTOBER + example.HOUR)
    ]
    assert deferred.nj == 0
    assert deferred.ng == round(0.020 * (grids[1] - grids[0]) * 1.25 * example.GRAM)
    assert deferred.ng_low is not None
    assert deferred.ng_high is not None
    assert deferred.ng_low < deferred.ng < deferred.ng_high


def shifted(*, is_green: bool = True) -> JobRecord:
    """The same training; it might have run for five minutes of the second hour."""
    released = example.OCTOBER + timedelta(minutes=90)
    segment = JobSegment(
        fence=1,
        started_at=example.OCTOBER + timedelta(minutes=10),
        ended_at=example.OCTOBER + timedelta(minutes=15),
        nj=1,
        nj_low=1,
        nj_high=1,
        ng=None,
        method=Method.MODELLED,
    )
    return JobRecord(
        id="job-7",
        kind=JobKind.TRAIN,
        spec={},
        tenant="default",
        state=JobState.SUCCEEDED,
        created_at=released,
        started_at=segment.started_at,
        finished_at=example.OCTOBER + timedelta(minutes=100),
        segments=(segment,),
        has_waited=True,
        schedule=Schedule(release=released, deadline=example.NOVEMBER, green=is_green),
    )


@pytest.mark.usefixtures("deeds", "reader")
def test_a_job_that_waited_for_the_grid_is_told_as_shifted_and_not_as_deferred(
    house: House, admin: httpx.Client
) -> None:
    before = told(admin)["deferred.jobs"]
    house.documents.commit([Change(JOBS, "job-7", msgspec.json.encode(shifted()))])
    found = told(admin)
    assert "deferred.jobs" not in found
    assert found["shifted.jobs"].ng == before.ng, "the same joules at the same two hours"
    saved = admin.get("/jobs/job-7").json()["saved"]
    assert (saved["name"], saved["ng"]) == ("shifted.jobs", before.ng)


@pytest.mark.usefixtures("deeds", "reader")
def test_a_job_that_was_not_to_wait_for_the_grid_saved_nothing_by_it(
    house: House, admin: httpx.Client
) -> None:
    job = shifted(is_green=False)
    house.documents.commit([Change(JOBS, "job-7", msgspec.json.encode(job))])
    assert "deferred.jobs" in told(admin)
    assert admin.get("/jobs/job-7").json()["saved"] is None


@pytest.mark.usefixtures("deeds", "reader")
def test_reports_show_them_beside_their_totals_which_stay_as_they_are(
    house: House, admin: httpx.Client
) -> None:
    asked = {"standard": "sci", **OCTOBER}
    with_deeds = admin.get("/reports", params=asked).json()["sections"]
    figures = {one["name"]: one for one in with_deeds[-1]["figures"]}
    assert figures["savings.degraded.load.wind.carbon"]["unit"] == "gCO2e"
    assert figures["savings.batching.energy"]["absent"] is not None
    for document in house.documents.scan(DEGRADED):
        house.documents.commit([Change(DEGRADED, document.key, None)])
    house.documents.commit([Change(JOBS, "job-7", None)])
    assert admin.get("/reports", params=asked).json()["sections"][:-1] == with_deeds[:-1]


@pytest.mark.usefixtures("deeds", "reader")
def test_what_comes_later_changes_no_answer_as_of_an_entry(
    house: House, admin: httpx.Client
) -> None:
    asked = {"standard": "ghg", "as_of": "2"}
    before = admin.get("/reports", params=asked).content
    late = DegradedRequests(example.OCTOBER + 5 * example.HOUR, "load", "wind", 1000)
    house.documents.commit([Change(DEGRADED, late.key, msgspec.json.encode(late))])
    assert admin.get("/reports", params=asked).content == before


@pytest.mark.usefixtures("reader")
def test_without_an_entry_what_was_done_since_is_told_too(
    house: House, admin: httpx.Client
) -> None:
    late = DegradedRequests(example.OCTOBER + 9 * example.HOUR, "load", "wind", 5)
    house.documents.commit([Change(DEGRADED, late.key, msgspec.json.encode(late))])
    assert told(admin, month="2026-10")["degraded.load.wind"].label.startswith("5 requests")
    assert told(admin) == {}


@pytest.mark.usefixtures("reader")
def test_nothing_done_is_nothing_saved(admin: httpx.Client) -> None:
    assert told(admin) == {}


@pytest.mark.usefixtures("reader")
def test_who_may_read_the_ledger_may_read_savings(house: House) -> None:
    statuses = {role: house.caller(role).get("/savings").status_code for role in (*Role, None)}
    assert statuses == {
        Role.ADMIN: 200,
        Role.OPERATOR: 200,
        Role.VIEWER: 200,
        Role.PREDICTOR: 403,
        None: 401,
    }


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"month": "x"}, 400),
        ({"month": "2026-10", "from": "2026-10-01T00:00:00Z"}, 400),
        ({"as_of": "99"}, 404),
    ],
)
def test_what_cannot_be_asked_is_refused(
    admin: httpx.Client, query: dict[str, str], status: int
) -> None:
    assert admin.get("/savings", params=query).status_code == status
