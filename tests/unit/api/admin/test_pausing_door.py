"""Pausing and resuming at the door, and what is shown of a job that the plan lets wait."""

from datetime import timedelta
from typing import Any, Protocol

import httpx
import pytest

from lichen.api.admin_routes import Plane
from lichen.control.intentions import Intentions, StandingIntention
from lichen.control.planning.plan import Intention, Method, Segment
from lichen.control.transitions import Claim, Release, Succeed
from lichen.core.clock import ManualClock
from lichen.core.figures import Method as FigureMethod
from lichen.protocol.admin import JobKind
from lichen.protocol.segments import JobSegment
from lichen.security.identity import Role
from lichen.store.documents import MemoryDocuments

SPEC = {"task": "forecast", "data": "vic", "targets": ["demand"], "horizon": 48}
TRAIN: dict[str, Any] = {"kind": "train", "spec": SPEC}
HOUR = timedelta(hours=1)


class House(Protocol):
    plane: Plane
    clock: ManualClock
    documents: MemoryDocuments

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def claim(house: House, job_id: str) -> None:
    house.plane.jobs.apply(job_id, Claim("worker", house.clock.now() + HOUR, why="it runs"))


def test_a_waiting_job_is_paused_and_resumed(admin: httpx.Client) -> None:
    job_id = admin.post("/jobs", json=TRAIN).json()["id"]
    paused = admin.post(f"/jobs/{job_id}/pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert admin.post(f"/jobs/{job_id}/pause").json()["state"] == "paused", "twice is once"
    listed = admin.get("/jobs", params={"state": "paused"}).json()["items"]
    assert [one["id"] for one in listed] == [job_id]
    assert admin.post(f"/jobs/{job_id}/resume").json()["state"] == "queued"


def test_a_running_job_is_told_to_pause_and_shows_its_segments(
    house: House, admin: httpx.Client
) -> None:
    job_id = admin.post("/jobs", json=TRAIN).json()["id"]
    claim(house, job_id)
    told = admin.post(f"/jobs/{job_id}/pause").json()
    assert (told["state"], told["pausing"], told["why"]) == ("running", True, "it runs")
    now = house.clock.now()
    segment = JobSegment(
        fence=1,
        started_at=now,
        ended_at=now + HOUR,
        nj=5,
        nj_low=2,
        nj_high=9,
        ng=None,
        method=FigureMethod.MODELLED,
        zone="DE",
    )
    house.plane.jobs.apply(job_id, Release(1, None, (segment,)))
    shown = admin.get(f"/jobs/{job_id}").json()
    assert (shown["state"], shown["pausing"]) == ("paused", False)
    assert (shown["segments"][0]["nj"], shown["segments"][0]["zone"]) == (5, "DE")


@pytest.mark.parametrize("wish", ["pause", "resume"])
def test_what_has_ended_answers_409(house: House, admin: httpx.Client, wish: str) -> None:
    job_id = admin.post("/jobs", json=TRAIN).json()["id"]
    claim(house, job_id)
    house.plane.jobs.apply(job_id, Succeed(1, {}, None))
    answer = admin.post(f"/jobs/{job_id}/{wish}")
    assert answer.status_code == 409
    assert "succeeded already" in answer.json()["detail"]
    assert admin.post(f"/jobs/ghost/{wish}").status_code == 404


def test_a_running_job_without_checkpoints_answers_409_and_says_why(
    house: House, admin: httpx.Client
) -> None:
    job_id = house.plane.jobs.submit(JobKind.INGEST, {}, "default").id
    claim(house, job_id)
    answer = admin.post(f"/jobs/{job_id}/pause")
    assert answer.status_code == 409
    assert "without checkpoints" in answer.json()["detail"]


def test_another_tenants_job_is_not_paused(house: House, admin: httpx.Client) -> None:
    job_id = admin.post("/jobs", json=TRAIN).json()["id"]
    for wish in ("pause", "resume"):
        assert (
            house.caller(Role.OPERATOR, "another").post(f"/jobs/{job_id}/{wish}").status_code == 403
        )


def test_a_job_that_the_plan_lets_wait_says_until_when_and_why(
    house: House, admin: httpx.Client
) -> None:
    job_id = admin.post("/jobs", json={**TRAIN, "schedule": {"deadline": "20h"}}).json()["id"]
    now = house.clock.now()
    intention = Intention(
        job_id=job_id,
        zone="DE",
        segments=(Segment(now + 4 * HOUR, now + 6 * HOUR),),
        expected_g=None,
        low_g=None,
        high_g=None,
        at_once_g=None,
        why="the night is cleaner",
    )
    row = StandingIntention(
        intention=intention,
        made_at=now,
        method=Method.EXACT,
        must_start_by=now + 18 * HOUR,
        fence=1,
    )
    house.documents.commit(Intentions(house.documents).replace([row]))
    shown = admin.get(f"/jobs/{job_id}").json()
    assert (shown["state"], shown["not_before"]) == ("queued", "2026-01-01T04:00:00Z")
    assert shown["waits_for"].endswith("as planned: the night is cleaner")
    house.clock.advance(4 * 3600)
    assert admin.get(f"/jobs/{job_id}").json()["not_before"] is None
