"""Recurring work at the door: kept once, shown, paused, resumed and removed, or refused."""

from collections.abc import Callable
from typing import Any, Protocol

import httpx
import pytest

from lichen.api.admin_routes import Plane
from lichen.control.recurrences import MOST_OF_A_TENANT
from lichen.core.clock import ManualClock
from lichen.core.ids import DEFAULT_TENANT, ModelReference
from lichen.security.identity import Role
from lichen.server.keepers.recurring_keeper import RecurringKeeper
from lichen.serving.deployment import ServiceLevel

SPEC = {"task": "forecast", "data": "vic", "targets": ["demand"], "horizon": 48}
TRAIN = {"kind": "train", "spec": SPEC}


class House(Protocol):
    plane: Plane
    clock: ManualClock

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.fixture(autouse=True)
def vic(keep_dataset: Callable[[str], None]) -> None:
    """The dataset of every spec here."""
    keep_dataset("vic")


def nightly(name: str = "nightly", **more: object) -> dict[str, Any]:
    return {"name": name, "every": "0 3 * * *", "timezone": "Europe/Berlin", "job": TRAIN, **more}


def with_schedule(**schedule: object) -> dict[str, Any]:
    return nightly(job={**TRAIN, "schedule": schedule})


def test_recurring_work_is_kept_and_says_when_it_is_due(admin: httpx.Client) -> None:
    answer = admin.post("/schedules", json=nightly())
    assert answer.status_code == 201
    made = answer.json()
    assert (made["tenant"], made["created_by"], made["paused"]) == ("default", "a-admin", False)
    assert made["window_seconds"] == 18 * 3600
    assert made["next_due"] == "2026-01-01T02:00:00Z"
    assert made["upcoming"][:2] == ["2026-01-01T02:00:00Z", "2026-01-02T02:00:00Z"]
    assert made["job"]["spec"]["horizon"] == 48
    assert admin.get("/schedules/nightly").json() == made
    assert admin.get("/schedules").json()["items"] == [made]


def test_a_queue_that_is_full_now_refuses_no_recurring_work(admin: httpx.Client) -> None:
    answers = [admin.post("/jobs", json=TRAIN) for _ in range(9)]
    assert answers[-1].status_code == 429
    assert admin.post("/schedules", json=nightly()).status_code == 201
    wrong = with_schedule(zones=["FR"])
    assert admin.post("/schedules", json={**wrong, "name": "other"}).status_code == 400


def test_a_repetition_keeps_it_once_and_a_name_is_taken_once(admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (admin.post("/schedules", json=nightly(), headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()

    clash = admin.post("/schedules", json=nightly())
    assert clash.status_code == 409
    assert "there is a schedule 'nightly' already" in clash.json()["detail"]
    other = admin.post("/schedules", json=nightly(every="day"), headers=key)
    assert (other.status_code, other.json()["code"]) == (400, "InvalidInput")


def test_its_runs_are_shown_with_the_state_of_their_jobs(house: House, admin: httpx.Client) -> None:
    admin.post("/schedules", json=with_schedule(deadline="6h", interruptible=True))
    plane = house.plane
    keeper = RecurringKeeper(plane.recurrences, plane.jobs, plane.submissions, house.clock)
    for hours in (3, 24):
        house.clock.advance(hours * 3600)
        keeper.turn()

    shown = admin.get("/schedules/nightly").json()
    (job,) = admin.get("/jobs").json()["items"]
    assert job["schedule"]["deadline"] == "2026-01-01T08:00:00Z"
    assert (shown["last_job"], shown["last_due"]) == (job["id"], "2026-01-01T02:00:00Z")
    ran, skipped = shown["runs"]
    assert (ran["outcome"], ran["job"], ran["state"]) == ("submitted", job["id"], "queued")
    assert (skipped["outcome"], skipped["job"]) == ("skipped", None)
    assert job["id"] in skipped["message"]


def test_the_plan_shows_the_runs_to_come_of_the_callers_own_tenant(house: House) -> None:
    admin = house.caller()
    admin.post("/schedules", json=with_schedule(deadline="6h"))
    admin.post("/schedules", json=nightly("monthly", every="month"))
    due = admin.get("/plans").json()["due"]
    assert [one["schedule"] for one in due] == ["nightly", "nightly"]
    assert (due[0]["due"], due[0]["deadline"]) == ("2026-01-01T02:00:00Z", "2026-01-01T08:00:00Z")
    longer = admin.get("/plans", params={"hours": 8784}).json()["due"]
    assert (len(longer), longer[31]["schedule"]) == (100, "monthly")
    assert house.caller(Role.VIEWER, "guests").get("/plans").json()["due"] == []


def test_paused_work_is_due_no_more_until_it_is_resumed(house: House, admin: httpx.Client) -> None:
    admin.post("/schedules", json=nightly())
    for _ in range(2):
        paused = admin.post("/schedules/nightly/pause").json()
        assert (paused["paused"], paused["next_due"], paused["upcoming"]) == (True, None, [])
    house.clock.advance(3 * 86400)
    resumed = admin.post("/schedules/nightly/resume").json()
    assert (resumed["paused"], resumed["next_due"]) == (False, "2026-01-04T02:00:00Z")


def test_it_is_removed_and_its_name_is_free(admin: httpx.Client) -> None:
    admin.post("/schedules", json=nightly())
    assert admin.delete("/schedules/nightly").status_code == 204
    for method, path in (
        ("GET", "/schedules/nightly"),
        ("DELETE", "/schedules/nightly"),
        ("POST", "/schedules/nightly/pause"),
        ("POST", "/schedules/nightly/resume"),
    ):
        missing = admin.request(method, path)
        assert missing.status_code == 404
        assert "lichen schedules ls" in missing.json()["detail"]
    assert admin.post("/schedules", json=nightly()).status_code == 201


def test_pages_by_name(admin: httpx.Client) -> None:
    for name in ("c", "a", "b"):
        admin.post("/schedules", json=nightly(name))
    page = admin.get("/schedules", params={"limit": 2}).json()
    assert ([one["name"] for one in page["items"]], page["next"]) == (["a", "b"], "b")


@pytest.mark.parametrize(
    ("request_body", "sentence"),
    [
        (nightly(every="0 0 31 2 *"), "names a day that no month has"),
        (nightly(every="0 0 0 * * *"), "of 6 fields says no period"),
        (nightly(every="now and then"), "says no period"),
        (nightly(every="*/2 * * * *"), "the least is 5 min"),
        (nightly(timezone="Mars/Olympus"), "there is no time zone 'Mars/Olympus'"),
        (nightly("no/name"), "schedule name 'no/name' is not usable"),
        (with_schedule(deadline="25h"), "longer than the 1 d until it is due again"),
        (with_schedule(deadline="5s"), "leaves a run no time: give at least 1 min"),
        (with_schedule(deadline="2026-01-02T00:00:00Z"), "is no duration"),
        (with_schedule(earliest="2h"), "recurring work has no `earliest`"),
        (with_schedule(priority=99), "priority 99 is not usable"),
        (with_schedule(zones=["FR"]), "this platform has no worker in FR"),
        (nightly(job={"kind": "import", "spec": {}}), "begin with a file"),
        (nightly(job={**TRAIN, "spec": {**SPEC, "task": "poetry"}}), "cannot be trained"),
        (nightly(sometimes=True), "sometimes"),
    ],
)
def test_what_cannot_recur_is_refused_in_one_sentence(
    admin: httpx.Client, request_body: dict[str, Any], sentence: str
) -> None:
    answer = admin.post("/schedules", json=request_body)
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]
    assert admin.get("/schedules").json()["items"] == []


def test_a_dataset_that_is_not_there_is_refused(admin: httpx.Client) -> None:
    answer = admin.post("/schedules", json=nightly(job={**TRAIN, "spec": {**SPEC, "data": "x"}}))
    assert answer.status_code == 404
    assert "no dataset is called 'x'" in answer.json()["detail"]


FILE = {"filename": "in.csv", "name": "rows", "every": "day", "schedule": '{"deadline": "6h"}'}


@pytest.fixture
def deployed(house: House, register: Callable[[str], None]) -> None:
    """Deployment `d`, which answers nothing here."""
    register("m")
    model = ModelReference("m", "1")
    house.plane.deployments.deploy("d", model, DEFAULT_TENANT, ServiceLevel())


@pytest.mark.usefixtures("deployed")
def test_a_file_is_kept_and_predicted_each_time(house: House, admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (
        admin.post("/deployments/d/schedules", params=FILE, content=b"a,b\n1,2\n", headers=key)
        for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["window_seconds"] == 6 * 3600
    assert list(house.plane.uploads.iterdir()) == []

    plane = house.plane
    keeper = RecurringKeeper(plane.recurrences, plane.jobs, plane.submissions, house.clock)
    house.clock.advance(86400)
    keeper.turn()
    (job,) = admin.get("/jobs").json()["items"]
    kept = job["spec"]["kept"]
    assert (job["kind"], kept["filename"]) == ("batch-predict", "in.csv")
    assert plane.stored(kept["sha256"]).read_bytes() == b"a,b\n1,2\n"

    other = admin.post("/deployments/d/schedules", params=FILE, content=b"a\n1\n", headers=key)
    assert other.status_code == 400


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("changed", "content", "status"),
    [
        ({"filename": "in.xyz"}, b"a\n1\n", 400),
        ({"filename": "in.parquet"}, b"a\n1\n", 400),
        ({"every": "never"}, b"a\n1\n", 400),
        ({"name": ""}, b"a\n1\n", 400),
        ({"schedule": "{"}, b"a\n1\n", 400),
        ({"batch_rows": "0"}, b"a\n1\n", 400),
    ],
)
def test_a_file_that_cannot_recur_leaves_nothing(
    house: House, admin: httpx.Client, changed: dict[str, str], content: bytes, status: int
) -> None:
    answer = admin.post("/deployments/d/schedules", params={**FILE, **changed}, content=content)
    assert answer.status_code == status
    assert admin.get("/schedules").json()["items"] == []
    assert list(house.plane.uploads.iterdir()) == []


@pytest.mark.usefixtures("deployed")
def test_nobody_names_bytes_of_the_platform_as_the_file(admin: httpx.Client) -> None:
    spec = {"deployment": "d", "kept": {"sha256": "0" * 64, "filename": "in.csv"}}
    job = {"kind": "batch-predict", "spec": spec}
    for path, body in (("/jobs", job), ("/schedules", nightly(job=job))):
        answer = admin.post(path, json=body)
        assert answer.status_code == 400
        assert "as the request's body" in answer.json()["detail"]


def test_another_tenants_work_is_neither_shown_nor_changed(house: House) -> None:
    house.caller().post("/schedules", json=nightly())
    other = house.caller(Role.OPERATOR, "guests")
    assert other.get("/schedules").json()["items"] == []
    for method, path in (
        ("GET", "/schedules/nightly"),
        ("DELETE", "/schedules/nightly"),
        ("POST", "/schedules/nightly/pause"),
        ("POST", "/schedules/nightly/resume"),
    ):
        assert other.request(method, path).status_code == 403
    assert other.post("/schedules", json=nightly("theirs")).json()["tenant"] == "guests"
    viewer = house.caller(Role.VIEWER)
    assert viewer.get("/schedules/nightly").status_code == 200
    assert viewer.post("/schedules/nightly/pause").status_code == 403


def test_a_tenant_has_so_many_and_no_more(house: House) -> None:
    guest = house.caller(Role.OPERATOR, "guests")
    for number in range(MOST_OF_A_TENANT):
        assert guest.post("/schedules", json=nightly(f"n{number}")).status_code == 201
    refused = guest.post("/schedules", json=nightly("one-more"))
    assert refused.status_code == 400
    assert "tenant guests has 200 schedules already" in refused.json()["detail"]
    assert house.caller().post("/schedules", json=nightly()).status_code == 201
