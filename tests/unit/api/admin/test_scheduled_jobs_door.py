"""Jobs that can wait, at the door: accepted with a schedule, or refused in one sentence."""

from typing import Any

import httpx
import pytest

SPEC = {"task": "forecast", "data": "vic", "targets": ["demand"], "horizon": 48}


def request(**schedule: object) -> dict[str, Any]:
    return {"kind": "train", "spec": SPEC, "schedule": schedule}


def test_a_deadline_is_settled_when_the_job_is_accepted(admin: httpx.Client) -> None:
    answer = admin.post("/jobs", json=request(deadline="6h", interruptible=True, priority=3))
    assert answer.status_code == 202
    assert answer.json()["schedule"] == {
        "release": "2026-01-01T00:00:00Z",
        "deadline": "2026-01-01T06:00:00Z",
        "green": True,
        "interruptible": True,
        "priority": 3,
        "zones": [],
    }


def test_a_job_without_a_schedule_has_none(admin: httpx.Client) -> None:
    assert admin.post("/jobs", json={"kind": "train", "spec": SPEC}).json()["schedule"] is None


def test_a_repetition_gives_the_same_job(admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (
        admin.post("/jobs", json=request(deadline="6h"), headers=key).json() for _ in range(2)
    )
    assert first["id"] == again["id"]
    assert admin.post("/jobs", json=request(deadline="7h"), headers=key).status_code == 400


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ({"deadline": "soon"}, "neither a duration nor a time"),
        ({"deadline": "2025-12-31T00:00:00Z"}, "in the past"),
        ({"deadline": "1h", "earliest": "2h"}, "before the job may start"),
        ({"deadline": "1h", "zones": ["FR"]}, "no worker in FR"),
        ({"deadline": "1h", "priority": "high"}, "JobRequest"),
        ({"deadline": "1h", "priority": 1.5}, "JobRequest"),
        ({"deadline": 6}, "JobRequest"),
        ({"dead": "1h"}, "JobRequest"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    admin: httpx.Client, schedule: dict[str, object], says: str
) -> None:
    answer = admin.post("/jobs", json=request(**schedule))
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert admin.get("/jobs").json()["items"] == []


def test_a_full_queue_answers_429_and_when_to_come_back(admin: httpx.Client) -> None:
    answers = [admin.post("/jobs", json=request(deadline="6h")) for _ in range(9)]
    assert [one.status_code for one in answers] == [202] * 8 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].json()["code"] == "QueueFull"
