"""Jobs, files, models, deployments and accounts over HTTP."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from lichen.api.admin_routes import Plane
from lichen.carbon.ledger.ledger import Ledger
from lichen.control.submissions import Sender
from lichen.control.transitions import Claim
from lichen.core.clock import ManualClock
from lichen.protocol.admin import JobKind, JsonObject, Progress
from lichen.security.identity import Role
from lichen.serving.deployment import OBSERVED, Observed, State
from lichen.store.documents import Change, MemoryDocuments

TRAIN: dict[str, Any] = {
    "kind": "train",
    "spec": {"task": "forecast", "data": "vic", "targets": ["d"], "horizon": 2},
}
FILE = {"name": "vic", "filename": "vic.csv"}


class House(Protocol):
    plane: Plane
    clock: ManualClock
    documents: MemoryDocuments
    progress: dict[str, Progress]
    asked: list[tuple[str, dict[str, str]]]

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def claim(house: House, job_id: str) -> None:
    house.plane.jobs.apply(job_id, Claim("worker", house.clock.now() + timedelta(seconds=9)))


def test_a_job_is_accepted_listed_and_cancelled(admin: httpx.Client) -> None:
    accepted = admin.post("/jobs", json=TRAIN)
    assert accepted.status_code == 202
    job = accepted.json()
    assert (job["state"], job["spec"]["horizon"], job["created_at"][-1]) == ("queued", 2, "Z")
    assert [one["id"] for one in admin.get("/jobs").json()["items"]] == [job["id"]]
    assert admin.get(f"/jobs/{job['id']}/log").text == f"the log of {job['id']}"
    assert admin.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert admin.get("/jobs", params={"state": "cancelled"}).json()["items"] != []
    assert admin.get("/jobs", params={"state": "running"}).json()["items"] == []


def test_a_running_job_shows_its_progress(house: House, admin: httpx.Client) -> None:
    job = admin.post("/jobs", json=TRAIN).json()
    claim(house, job["id"])
    house.progress[job["id"]] = Progress(stage="Ridge", fraction=0.5, nj=12)
    shown = admin.get(f"/jobs/{job['id']}").json()
    assert (shown["state"], shown["progress"]["nj"]) == ("running", 12)
    assert "fence" not in shown


def test_a_repeated_post_is_one_job(admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (admin.post("/jobs", json=TRAIN, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"]
    other = {**TRAIN, "spec": {**TRAIN["spec"], "horizon": 3}}
    assert admin.post("/jobs", json=other, headers=key).status_code == 400


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"kind": "ingest", "spec": {}}, "begin with a file"),
        ({"kind": "train", "spec": {"task": "forecast"}}, "spec of the job is not usable"),
        (
            {"kind": "train", "spec": {**TRAIN["spec"], "task": "guess"}},
            "'guess' cannot be trained",
        ),
        ({"kind": "train", "spec": {**TRAIN["spec"], "name": "a b"}}, "model name 'a b'"),
    ],
)
def test_a_job_that_cannot_be_is_refused(
    admin: httpx.Client, request_: dict[str, object], sentence: str
) -> None:
    answer = admin.post("/jobs", json=request_)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_pages_are_walked_by_cursor(admin: httpx.Client, house: House) -> None:
    made = []
    for _ in range(5):
        house.clock.advance(1)
        made.append(admin.post("/jobs", json=TRAIN).json()["id"])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = admin.get("/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [one["id"] for one in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert seen == made


def test_tenants_do_not_see_each_others_jobs(house: House, admin: httpx.Client) -> None:
    job = admin.post("/jobs", json=TRAIN).json()
    stranger = house.caller(Role.OPERATOR, "another")
    assert stranger.get("/jobs").json()["items"] == []
    assert stranger.get(f"/jobs/{job['id']}").status_code == 403
    assert stranger.post(f"/jobs/{job['id']}/cancel").status_code == 403


def test_a_file_is_kept_whole_for_its_job(house: House, admin: httpx.Client) -> None:
    options = json.dumps({"missing": ["-200"], "time": "when"})
    answer = admin.post(
        "/datasets", params={**FILE, "timezone": "+10:00", "options": options}, content=b"a,b\n1,2"
    )
    assert answer.status_code == 202
    spec = answer.json()["spec"]
    assert (spec["options"]["timezone"], spec["options"]["missing"]) == ("+10:00", ["-200"])
    kept = list(house.plane.uploads.iterdir())
    assert [one.name for one in kept] == [spec["file"]["upload"]]
    assert kept[0].read_bytes() == b"a,b\n1,2"


def test_a_job_that_is_cancelled_before_it_starts_leaves_no_file(
    house: House, admin: httpx.Client
) -> None:
    job = admin.post("/datasets", params=FILE, content=b"a").json()
    assert admin.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert list(house.plane.uploads.iterdir()) == []


def test_a_repeated_upload_leaves_one_file(house: House, admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    ids = {
        admin.post("/datasets", params=FILE, content=b"a", headers=key).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1
    assert len(list(house.plane.uploads.iterdir())) == 1
    other = admin.post("/datasets", params=FILE, content=b"other", headers=key)
    assert other.status_code == 400
    assert len(list(house.plane.uploads.iterdir())) == 1


@pytest.mark.parametrize(
    ("params", "content", "status", "sentence"),
    [
        (FILE, b"x" * 1001, 413, "1000 bytes"),
        ({"filename": "x.csv"}, b"x", 400, "'name' is missing"),
        ({"name": "vic"}, b"x", 400, "'filename' is missing"),
        ({**FILE, "name": "a b"}, b"x", 400, "dataset name"),
        ({**FILE, "options": '{"colour": 1}'}, b"x", 400, "'options' is not usable"),
    ],
)
def test_a_file_that_is_refused_leaves_nothing(
    house: House,
    admin: httpx.Client,
    params: dict[str, str],
    content: bytes,
    status: int,
    sentence: str,
) -> None:
    answer = admin.post("/datasets", params=params, content=content)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
    assert list(house.plane.uploads.iterdir()) == []
    assert admin.get("/jobs").json()["items"] == []


def test_a_stream_without_a_length_is_limited_too(house: House, admin: httpx.Client) -> None:
    answer = admin.post("/datasets", params=FILE, content=iter([b"x" * 600, b"x" * 600]))
    assert answer.status_code == 413
    assert list(house.plane.uploads.iterdir()) == []


def test_datasets_with_their_findings(
    admin: httpx.Client, keep_dataset: Callable[[str], None]
) -> None:
    for name in ("a", "b", "c"):
        keep_dataset(name)
    page = admin.get("/datasets", params={"limit": 2}).json()
    assert ([one["name"] for one in page["items"]], page["next"]) == (["a", "b"], "b")
    last = admin.get("/datasets", params={"limit": 2, "cursor": "b"}).json()
    assert ([one["name"] for one in last["items"]], last["next"]) == (["c"], None)
    shown = admin.get("/datasets/a", params={"version": 1}).json()
    assert shown["columns"][0] == {"name": "d", "dtype": "float64", "role": "target", "unit": "GW"}
    assert shown["findings"][0]["message"] == "one gap"
    assert admin.get("/datasets/a", params={"version": 2}).status_code == 404
    assert admin.get("/datasets/a", params={"version": "x"}).status_code == 400
    assert admin.get("/datasets/a/newest", params={"rows": 20_000}).json()["version"] == 10_000
    assert admin.get("/datasets/z/newest").status_code == 404
    added = admin.post("/datasets/a/rows", params={"filename": "m.csv"}, content=b"1")
    assert (added.status_code, added.json()["kind"]) == (202, "append")
    assert admin.post("/datasets/z/rows", params={"filename": "m"}, content=b"1").status_code == 404


def test_models_versions_and_aliases(admin: httpx.Client, register: Callable[[str], None]) -> None:
    for name in ("m", "m", "n"):
        register(name)
    assert admin.get("/models", params={"limit": 1}).json()["next"] == "m"
    assert [one["name"] for one in admin.get("/models").json()["items"]] == ["m", "n"]
    put = admin.put("/models/m/aliases/champion", json={"version": 1})
    assert put.json()["aliases"] == {"champion": 1}
    assert admin.get("/models/m").json()["latest"] == 2
    assert admin.get("/models/m/versions/champion").json()["aliases"] == ["champion"]
    assert admin.get("/models/m/versions/latest").json()["version"] == 2
    page = admin.get("/models/m/versions", params={"limit": 1}).json()
    assert (page["items"][0]["version"], page["next"]) == (1, "1")
    rest = admin.get("/models/m/versions", params={"cursor": "1"}).json()
    assert [one["version"] for one in rest["items"]] == [2]
    assert admin.get("/models/m/versions/9").status_code == 404
    assert admin.put("/models/m/aliases/latest", json={"version": 1}).status_code == 400


def test_a_version_is_carded_verified_and_exported(
    admin: httpx.Client, register: Callable[[str], None], house: House
) -> None:
    register("m")
    assert admin.get("/models/m/versions/1/card").text.startswith("---")
    assert admin.get("/models/m/versions/1/verify").json() == {"sound": True, "findings": []}
    packed = admin.get("/models/m/versions/1/export")
    assert packed.headers["content-disposition"] == 'attachment; filename="m-1.tar"'
    assert b"lichen.json" in packed.content
    blob = next(path for path in house.plane.uploads.parent.glob("blobs/*/*"))
    blob.write_bytes(b"broken")
    broken = admin.get("/models/m/versions/1/verify").json()
    assert (broken["sound"], len(broken["findings"])) == (False, 1)


def test_a_model_file_is_accepted_as_a_job(admin: httpx.Client) -> None:
    answer = admin.post("/models", params={"name": "m", "filename": "m.onnx"}, content=b"onnx")
    assert (answer.status_code, answer.json()["kind"]) == (202, "import")


def test_a_deployment_from_wish_to_end(
    house: House, admin: httpx.Client, register: Callable[[str], None]
) -> None:
    register("m")
    put = admin.put("/deployments/d", json={"model": "m", "p95_ms": 5.0})
    assert (put.json()["state"], put.json()["version"], put.json()["p95_ms"]) == ("pending", 1, 5.0)
    seen = Observed("d", 1, State.READY)
    house.documents.commit([Change(OBSERVED, "d", msgspec.json.encode(seen))])
    assert admin.get("/deployments/d").json()["state"] == "ready"
    assert [one["name"] for one in admin.get("/deployments").json()["items"]] == ["d"]
    assert admin.get("/deployments", params={"limit": 1}).json()["next"] == "d"
    asked = admin.get("/deployments/d/newest-input", params={"start": "2026-01-01T00:00:00Z"})
    assert asked.status_code == 200
    assert house.asked == [("m@1", {"start": "2026-01-01T00:00:00Z"})]
    assert admin.delete("/deployments/d").status_code == 204
    assert admin.delete("/deployments/d").status_code == 404
    assert admin.put("/deployments/d", json={"model": "ghost"}).status_code == 404


def test_a_tenant_neither_sees_nor_takes_anothers_deployment(
    house: House, admin: httpx.Client, register: Callable[[str], None]
) -> None:
    register("m")
    stranger = house.caller(Role.OPERATOR, "another")
    assert stranger.put("/deployments/theirs", json={"model": "m"}).json()["tenant"] == "another"
    admin.put("/deployments/ours", json={"model": "m"})
    assert [one["name"] for one in stranger.get("/deployments").json()["items"]] == ["theirs"]
    assert len(admin.get("/deployments").json()["items"]) == 2
    assert stranger.put("/deployments/ours", json={"model": "m"}).status_code == 403
    assert admin.put("/deployments/theirs", json={"model": "m@1"}).json()["tenant"] == "another"


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 19, "9" * 5000, "\u0663"])
def test_a_number_that_is_none_or_beyond_the_store_is_refused(
    admin: httpx.Client, tmp_path: Path, number: str
) -> None:
    Ledger.open(tmp_path / "ledger.db").close()
    answer = admin.get("/ledger", params={"as_of": number})
    assert (answer.status_code, "'as_of'" in answer.json()["detail"]) == (400, True)


def test_what_is_wrong_with_the_ledger_is_said_in_sentences(
    admin: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 99)
    verified = admin.get("/ledger/verify").json()
    assert not verified["sound"]
    assert verified["findings"][0].startswith("the file cannot be read through")


def test_an_upload_whose_job_may_be_accepted_outlives_the_end_of_its_request(
    house: House, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = house.plane.submissions.submit

    def accepted_and_cut_off(
        sender: Sender, kind: JobKind, spec: JsonObject, *more: object
    ) -> object:
        submit(sender, kind, spec, *more)  # type: ignore[arg-type]
        raise asyncio.CancelledError

    monkeypatch.setattr(house.plane.submissions, "submit", accepted_and_cut_off)
    with suppress(asyncio.CancelledError):
        admin.post("/datasets", params=FILE, content=b"a")
    (job,) = house.plane.jobs.unfinished()
    assert (house.plane.uploads / job.spec["file"]["upload"]).is_file()


def test_accounts(admin: httpx.Client, tmp_path: Path) -> None:
    assert admin.get("/ledger").status_code == 404
    Ledger.open(tmp_path / "ledger.db").close()
    assert admin.get("/ledger", params={"since": "2026-01-01T00:00:00Z"}).json()["accounts"] == []
    assert admin.get("/ledger/verify").json()["sound"]
    assert admin.get("/ledger", params={"until": "yesterday"}).status_code == 400
    assert admin.get("/meters").json()["chosen"] == "model"
    assert admin.get("/platform").json()["zone"] == "DE"


def test_zones_come_in_pages(admin: httpx.Client) -> None:
    first = admin.get("/zones", params={"limit": 3}).json()
    second = admin.get("/zones", params={"limit": 3, "cursor": first["next"]}).json()
    names = [one["zone"] for one in (*first["items"], *second["items"])]
    assert names == sorted(set(names))
    assert len(names) == 6


def test_a_zone_says_what_each_source_knows_and_which_one_is_in_force(admin: httpx.Client) -> None:
    said = admin.get("/zones/cn-huabei").json()
    first, last = said["sources"]
    assert (said["zone"], said["answered_by"]) == ("CN-HUABEI", "yearly averages")
    assert (first["g_per_kwh"], first["scope"], first["kind"]) == (636.1, "direct", "estimated")
    assert last["name"] == "world average"

    unknown = admin.get("/zones/ZZ").json()
    assert unknown["answered_by"] == "world average"
    assert "no yearly average of ZZ" in unknown["sources"][0]["reason"]
    assert admin.get("/zones/Germany").status_code == 400
