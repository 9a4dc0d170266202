"""A table whose every row a job answers, at the door: accepted, or refused in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from lichen.control.jobs import Jobs
from lichen.control.transitions import Claim, Succeed
from lichen.core.clock import ManualClock
from lichen.protocol.predicting import PredictResult
from lichen.security.identity import Role
from lichen.store.blobs import LocalBlobs

WHERE = "/deployments/d/predictions"
CSV = b"a,b\n1,2\n"


class PlaneLike(Protocol):
    jobs: Jobs
    uploads: Path


class House(Protocol):
    plane: PlaneLike
    clock: ManualClock

    def caller(self, role: Role | None = ..., tenant: str = ...) -> httpx.Client: ...


@pytest.fixture
def asked(admin: httpx.Client, register: Callable[[str], None]) -> Callable[..., httpx.Response]:
    """Sends a file to deployment `d`."""
    register("m")
    assert admin.put("/deployments/d", json={"model": "m@1"}).status_code == 200

    def ask(
        content: bytes = CSV,
        where: str = WHERE,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> httpx.Response:
        params = {"filename": "in.csv", **query}
        return admin.post(where, params=params, content=content, headers=headers)

    return ask


Asked = Callable[..., httpx.Response]


def test_a_file_becomes_a_job_with_its_options(asked: Asked) -> None:
    schedule = json.dumps({"deadline": "6h", "interruptible": True})
    answer = asked(on_error="skip", batch_rows="64", schedule=schedule)
    assert answer.status_code == 202
    job = answer.json()
    assert job["kind"] == "batch-predict"
    told = {name: job["spec"][name] for name in ("deployment", "on_error", "batch_rows")}
    assert told == {"deployment": "d", "on_error": "skip", "batch_rows": 64}
    assert (job["spec"]["size_bytes"], job["spec"]["owner"]) == (len(CSV), "default")
    assert job["schedule"]["interruptible"]


def test_a_repetition_is_one_job_and_leaves_one_file(asked: Asked, house: House) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (asked(headers=key).json()["id"] for _ in range(2))
    assert first == again
    assert len(list(house.plane.uploads.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "query", "says"),
    [
        (b"", {}, "is empty"),
        (CSV, {"filename": "in.parquet"}, "no Parquet file"),
        (CSV, {"filename": "in.xlsx"}, "neither CSV"),
        (CSV, {"on_error": "perhaps"}, "on_error"),
        (CSV, {"batch_rows": "0"}, "above 0"),
        (CSV, {"batch_rows": "99999999"}, "batch_rows"),
        (CSV, {"schedule": "{"}, "schedule"),
        (CSV, {"schedule": '{"deadline": "yesterday"}'}, "deadline"),
    ],
)
def test_what_cannot_be_is_refused_and_not_kept(
    asked: Asked, house: House, content: bytes, query: dict[str, str], says: str
) -> None:
    refused = asked(content, **query)
    assert refused.status_code == 400, refused.text
    assert says in refused.json()["detail"]
    assert list(house.plane.uploads.iterdir()) == []


def test_an_unknown_deployment_is_not_found(asked: Asked) -> None:
    assert asked(where="/deployments/nobody/predictions").status_code == 404


def test_only_who_may_change_jobs_may_submit_one(asked: Asked, house: House) -> None:
    assert asked().status_code == 202
    for role in (Role.VIEWER, Role.PREDICTOR):
        refused = house.caller(role).post(WHERE, params={"filename": "in.csv"}, content=CSV)
        assert refused.status_code == 403
    stranger = house.caller(Role.OPERATOR, "other")
    assert stranger.post(WHERE, params={"filename": "in.csv"}, content=CSV).status_code == 403


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"deployment": "d", "file": {}}, "the request's body"),
        ({"deployment": "d", "batch": "default/x"}, "/v1/batches"),
        ({"deployment": "d", "size_bytes": 1}, "leave size_bytes out"),
        ({"deployment": "d", "owner": "another"}, "leave owner out"),
        ({"deployment": "d", "colour": "green"}, "no field colour"),
        ({"deployment": "d", "data": "none"}, "none"),
        ({"deployment": 7}, "not usable"),
    ],
)
def test_a_job_without_a_file_says_what_it_needs(
    asked: Asked, admin: httpx.Client, spec: dict[str, Any], says: str
) -> None:
    assert asked().status_code == 202
    refused = admin.post("/jobs", json={"kind": "batch-predict", "spec": spec})
    assert refused.status_code in (400, 404)
    assert says in refused.json()["detail"]


def test_the_output_is_there_when_the_job_has_succeeded(
    asked: Asked, admin: httpx.Client, house: House, tmp_path: Path
) -> None:
    job_id = asked().json()["id"]
    early = admin.get(f"/jobs/{job_id}/output")
    assert (early.status_code, "queued" in early.json()["detail"]) == (404, True)
    made = tmp_path / "made.csv"
    made.write_bytes(b"a,b,prediction\n1,2,3\n")
    digest = LocalBlobs(tmp_path / "blobs").put_file(made)
    claimed = house.plane.jobs.apply(job_id, Claim("worker", house.clock.now()))
    result = PredictResult(
        deployment="d",
        model="m",
        version=1,
        variant="fp32",
        rows=1,
        failed_rows=0,
        batch_rows=1,
        nj_per_row=None,
        seconds=0.1,
        output=digest,
        output_bytes=made.stat().st_size,
        filename="in-predictions.csv",
        media_type="text/csv",
    )
    told = msgspec.to_builtins(result)
    house.plane.jobs.apply(job_id, Succeed(claimed.fence, told, None))
    answer = admin.get(f"/jobs/{job_id}/output")
    assert (answer.status_code, answer.content) == (200, made.read_bytes())
    assert answer.headers["content-type"].startswith("text/csv")
    assert "in-predictions.csv" in answer.headers["content-disposition"]
