"""What an account of another tenant is called is that tenant's own; its sums are in every total."""

from datetime import timedelta
from pathlib import Path
from typing import Protocol

import httpx
import msgspec
import pytest
import worked_example as example

from lichen.carbon.levers import DEGRADED, DegradedRequests
from lichen.control.jobs import JOBS
from lichen.control.transitions import JobRecord
from lichen.protocol.admin import JobKind, JobState, Ledger
from lichen.protocol.reports import Report, Standard
from lichen.security.identity import Role
from lichen.store.documents import Change, MemoryDocuments

OCTOBER = {"month": "2026-10", "as_of": "4"}
NAMES = ("load", "wind", "default")


class House(Protocol):
    documents: MemoryDocuments

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.fixture(autouse=True)
def books(tmp_path: Path, house: House) -> None:
    """The worked example, all of tenant default; requests were degraded and a job had waited."""
    example.write_ledger(tmp_path / "ledger.db")
    one = DegradedRequests(example.OCTOBER, "load", "wind", 60)
    job = JobRecord(
        id="job-7",
        kind=JobKind.TRAIN,
        spec={},
        tenant="default",
        state=JobState.SUCCEEDED,
        created_at=example.OCTOBER,
        finished_at=example.OCTOBER + timedelta(minutes=100),
        has_waited=True,
    )
    house.documents.commit(
        [
            Change(DEGRADED, one.key, msgspec.json.encode(one)),
            Change(JOBS, job.id, msgspec.json.encode(job)),
        ]
    )


def ledger(who: httpx.Client) -> dict[str, int]:
    answer = who.get("/ledger", params={"as_of": "4"})
    return {
        one.account: one.nj for one in msgspec.json.decode(answer.content, type=Ledger).accounts
    }


def test_a_statement_hides_the_names_of_other_tenants_work_and_still_sums_to_zero(
    house: House,
) -> None:
    whole, own = ledger(house.caller()), ledger(house.caller(Role.VIEWER))
    assert own == whole, "the work is this tenant's own"
    other = ledger(house.caller(Role.VIEWER, "north"))
    assert sum(other.values()) == 0
    assert {name for name in other if name.startswith("work/")} == {
        "work/*/*/load@1/fp32",
        "work/*/*/wind@2/int8",
        "work/*/job-7/*/train",
    }
    assert other["work/*/*/load@1/fp32"] == whole[example.LOAD]
    assert other[example.OVERHEAD] == whole[example.OVERHEAD]


@pytest.mark.parametrize("standard", [Standard.SCI, Standard.GHG, Standard.GBT32150])
def test_reports_name_no_work_of_other_tenants(house: House, standard: Standard) -> None:
    asked = {"standard": standard, **OCTOBER}
    mine = house.caller(Role.VIEWER).get("/reports", params=asked)
    assert mine.content == house.caller().get("/reports", params=asked).content
    other = house.caller(Role.VIEWER, "north").get("/reports", params=asked)
    assert other.status_code == 200
    made = msgspec.json.decode(other.content, type=Report)
    said = [word for part in made.sections for one in part.figures for word in one.name.split(".")]
    assert not set(said) & set(NAMES)
    assert "Deployment load" not in other.text


def test_the_platform_scores_the_same_for_every_tenant(house: House) -> None:
    def platform(tenant: str) -> object:
        answer = house.caller(Role.VIEWER, tenant).get("/reports", params=OCTOBER)
        made = msgspec.json.decode(answer.content, type=Report)
        return [one for part in made.sections for one in part.figures if "platform" in one.name]

    assert platform("north")
    assert platform("north") == platform("default")


def test_a_deployment_of_another_tenant_has_no_report(house: House) -> None:
    north = house.caller(Role.VIEWER, "north")
    answer = north.get("/reports", params={**OCTOBER, "deployment": "load"})
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("those that did: none")


def test_savings_tell_of_the_callers_own_deployments_and_jobs_alone(house: House) -> None:
    def told(role: Role, tenant: str) -> list[str]:
        answer = house.caller(role, tenant).get("/savings", params=OCTOBER)
        return [one["name"] for one in answer.json()["items"]]

    assert told(Role.VIEWER, "north") == []
    assert told(Role.VIEWER, "default") == told(Role.ADMIN, "north")
    assert told(Role.VIEWER, "default")[:2] == ["degraded.load.wind", "deferred.jobs"]
