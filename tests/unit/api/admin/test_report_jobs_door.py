"""Reports that are made by jobs, at the door: what is accepted, and who may fetch what."""

from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from lichen.api.admin_routes import Plane
from lichen.control.transitions import Claim, Succeed
from lichen.core.clock import ManualClock
from lichen.protocol.reports import ReportResult, Standard
from lichen.security.identity import Role
from lichen.server.keepers.recurring_keeper import RecurringKeeper
from lichen.store.blobs import LocalBlobs


class House(Protocol):
    plane: Plane
    clock: ManualClock

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def job(**spec: object) -> dict[str, Any]:
    return {"kind": "report", "spec": spec}


def test_of_whose_work_a_report_tells_goes_by_who_asks(house: House) -> None:
    for role, is_whole in ((Role.ADMIN, True), (Role.OPERATOR, False)):
        answer = house.caller(role).post("/jobs", json=job(standard="ghg", is_whole=True))
        assert answer.status_code == 202
        assert answer.json()["spec"]["is_whole"] is is_whole


@pytest.mark.parametrize(
    ("spec", "status", "sentence"),
    [
        ({"standard": "esg"}, 400, "Invalid enum value 'esg'"),
        ({"months": 3}, 400, "unknown field `months`"),
        ({"standard": "sci", "form": "yaml"}, 400, "is not written as yaml"),
        ({"standard": "ghg", "deployment": "d"}, 400, "leave out deployment"),
        ({"standard": "ai-act"}, 400, "is of a model: name one"),
        ({"standard": "ai-act", "model": "none@1"}, 404, "none"),
        (
            {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            400,
            "is empty: give a beginning before its end",
        ),
    ],
)
def test_what_has_no_report_is_refused_before_it_is_a_job(
    admin: httpx.Client, spec: dict[str, Any], status: int, sentence: str
) -> None:
    for path, body in (
        ("/jobs", job(**spec)),
        ("/schedules", {"name": "monthly", "every": "month", "job": job(**spec)}),
    ):
        answer = admin.post(path, json=body)
        assert answer.status_code == status
        assert sentence in answer.json()["detail"]


def test_a_monthly_report_is_of_its_month_and_waits_for_the_ledger_not_for_the_grid(
    house: House, admin: httpx.Client
) -> None:
    made = admin.post(
        "/schedules", json={"name": "monthly", "every": "month", "job": job(standard="gbt32150")}
    ).json()
    assert made["job"]["schedule"]["green"] is False
    house.clock.advance(31 * 86400)
    plane = house.plane
    RecurringKeeper(plane.recurrences, plane.jobs, plane.submissions, house.clock).turn()
    (submitted,) = admin.get("/jobs").json()["items"]
    spec = submitted["spec"]
    assert (spec["since"], spec["until"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert submitted["schedule"]["release"] == "2026-02-01T00:02:00Z"
    assert submitted["schedule"]["green"] is False


def test_a_report_that_names_every_tenants_work_is_an_admins_to_fetch(
    house: House, tmp_path: Path
) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    for role, seen in ((Role.ADMIN, 403), (Role.OPERATOR, 200)):
        made = house.caller(role).post("/jobs", json=job()).json()["id"]
        end(house, made, blobs.put(b"<html>"))
        assert house.caller().get(f"/jobs/{made}/output").content == b"<html>"
        assert house.caller(Role.VIEWER).get(f"/jobs/{made}/output").status_code == seen


def end(house: House, job_id: str, digest: str) -> None:
    """As the job's process would."""
    result = ReportResult(
        standard=Standard.SCI,
        as_of=4,
        ledger_digest="0" * 64,
        output=digest,
        output_bytes=6,
        filename="sci-all.html",
        media_type="text/html; charset=utf-8",
    )
    claimed = house.plane.jobs.apply(job_id, Claim("worker", house.clock.now()))
    event = Succeed(claimed.fence, msgspec.to_builtins(result), None)
    house.plane.jobs.apply(job_id, event)
