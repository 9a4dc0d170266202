"""Budgets over HTTP: who may set them, what is refused, what is left."""

from collections.abc import Callable
from typing import Any, Protocol

import httpx
import msgspec
import pytest

from lichen.api.admin_routes import Plane
from lichen.api.budget_views import budget_of
from lichen.carbon.budgets.alerts import ALERTS, Alert
from lichen.carbon.budgets.allowance_file import allowance_path
from lichen.carbon.budgets.budget import BUDGETS, Quantity
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.core.clock import ManualClock
from lichen.core.ids import ModelReference, TenantId
from lichen.protocol.budgets import BudgetRequest
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.serving.deployment import ServiceLevel
from lichen.store.documents import Change, MemoryDocuments

TRAINING: dict[str, Any] = {"scope": "jobs:train", "unit": "nj", "limit": 1000, "per": "day"}


class House(Protocol):
    plane: Plane
    clock: ManualClock
    documents: MemoryDocuments
    keys: Keys

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def spend(house: House, name: str, amount: int) -> None:
    """Commit some of a budget as another process would."""
    budget = house.plane.budgets.get(name)
    allowance = BudgetAccount.open(Home(house.plane.uploads.parent).budgets, budget, house.clock)
    assert allowance.hold(amount) is not None
    allowance.close()


def test_a_budget_is_set_shown_listed_and_removed(admin: httpx.Client) -> None:
    made = admin.put("/budgets/lab", json={**TRAINING, "degrade_from": 0.8})
    assert made.status_code == 200
    shown = admin.get("/budgets/lab").json()
    assert shown == made.json()
    assert (shown["tenant"], shown["per"], shown["jobs"]) == ("default", "day", "defer")
    assert shown["standing"] == {
        "committed": 0,
        "remaining": 1000,
        "resets_at": "2026-01-02T00:00:00Z",
    }
    assert [one["name"] for one in admin.get("/budgets").json()["items"]] == ["lab"]
    assert admin.delete("/budgets/lab").status_code == 204
    assert admin.get("/budgets/lab").status_code == 404
    assert admin.delete("/budgets/lab").status_code == 404


def test_what_is_spent_is_shown_and_a_new_limit_counts_it(
    house: House, admin: httpx.Client
) -> None:
    admin.put("/budgets/lab", json={**TRAINING, "per": "6h"})
    spend(house, "lab", 600)
    standing = admin.get("/budgets/lab").json()["standing"]
    assert (standing["committed"], standing["remaining"]) == (600, 400)
    assert standing["resets_at"] == "2026-01-01T06:15:00Z", "its step leaves the window then"
    admin.put("/budgets/lab", json={**TRAINING, "per": "6h", "limit": 500})
    standing = admin.get("/budgets/lab").json()["standing"]
    assert (standing["committed"], standing["remaining"]) == (600, 0)


def test_a_file_that_is_damaged_is_said_and_hides_no_other_budget(
    house: House, admin: httpx.Client
) -> None:
    folder = Home(house.plane.uploads.parent).budgets
    folder.mkdir()
    for name in ("a", "b"):
        record = budget_of(name, BudgetRequest(**TRAINING))
        house.plane.budgets.put(record, lambda _: None)
    allowance_path(folder, house.plane.budgets.get("a")).write_bytes(b"nothing of ours")
    broken, sound = admin.get("/budgets").json()["items"]
    assert (broken["standing"], sound["standing"]["committed"]) == (None, 0)
    assert "is damaged" in broken["problem"]


def test_a_post_makes_one_budget_however_often_it_is_repeated(admin: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    named = {**TRAINING, "name": "lab"}
    for _ in range(2):
        made = admin.post("/budgets", json=named, headers=key)
        assert (made.status_code, made.json()["name"]) == (201, "lab")
    other = admin.post("/budgets", json={**named, "limit": 5}, headers=key)
    assert (other.status_code, "new key" in other.json()["detail"]) == (400, True)
    again = admin.post("/budgets", json=named)
    assert again.status_code == 409
    assert "PUT /api/v1/budgets/lab replaces it" in again.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"limit": 0}, 400, "more than 0"),
        ({"limit": -5}, 400, "more than 0"),
        ({"limit": 2**61}, 400, "at most"),
        ({"limit": 1.5}, 400, "no JSON of BudgetRequest"),
        ({"unit": "kWh"}, 400, "no JSON of BudgetRequest"),
        ({"per": "week"}, 400, "write hour, day, month"),
        ({"per": "1s"}, 400, "a rolling window of 1 s"),
        ({"scope": "lab"}, 400, "write tenant:T"),
        ({"scope": "jobs:dance"}, 400, "choose one of ingest, append, train, import"),
        ({"scope": "tenant:nobody"}, 400, "no tenant 'nobody'"),
        ({"scope": "deployment:ghost"}, 404, "`lichen deploy NAME@V --name ghost`"),
        ({"scope": "alias:ghost@champion"}, 404, "no model 'ghost'"),
        ({"scope": "alias:vic"}, 400, "write MODEL@ALIAS"),
        ({"scope": "alias:vic@champion"}, 404, "`lichen models alias vic@V champion`"),
        ({"degrade_from": 1.0}, 400, "from 0 to below 1"),
        ({"jobs": "drop"}, 400, "no JSON of BudgetRequest"),
        ({"tenant": "nobody"}, 400, "no tenant 'nobody'"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_what_cannot_be_a_budget_is_refused_in_a_sentence(
    admin: httpx.Client,
    register: Callable[[str], None],
    change: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    register("vic")
    answer = admin.put("/budgets/lab", json={**TRAINING, **change})
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
    assert admin.get("/budgets").json()["items"] == []


def test_a_name_that_is_not_usable_is_refused(admin: httpx.Client) -> None:
    answer = admin.put("/budgets/a%20b", json=TRAINING)
    assert answer.status_code == 400
    assert "budget name 'a b'" in answer.json()["detail"]


def test_a_budget_belongs_to_whose_things_it_limits(
    house: House, admin: httpx.Client, register: Callable[[str], None]
) -> None:
    register("vic")
    house.plane.catalog.set_alias("vic", "champion", 1)
    house.keys.create(Principal("x", TenantId("lab"), Role.VIEWER))
    reference = ModelReference.parse("vic@1")
    house.plane.deployments.deploy("demand", reference, TenantId("lab"), ServiceLevel())
    for scope, tenant in (
        ("tenant:lab", "lab"),
        ("deployment:demand", "lab"),
        ("alias:vic@champion", "default"),
    ):
        made = admin.put("/budgets/b", json={**TRAINING, "scope": scope})
        assert (made.status_code, made.json()["tenant"]) == (200, tenant)
    theirs = admin.put("/budgets/b", json={**TRAINING, "tenant": "lab"})
    assert theirs.json()["tenant"] == "lab"
    not_theirs = {**TRAINING, "scope": "deployment:demand", "tenant": "default"}
    answer = admin.put("/budgets/b", json=not_theirs)
    assert (answer.status_code, "belongs to tenant 'lab'" in answer.text) == (400, True)


def test_tenants_see_their_own_budgets_and_only_an_admin_sets_any(
    house: House, admin: httpx.Client
) -> None:
    viewer, stranger = (house.caller(Role.VIEWER, tenant) for tenant in ("lab", "other"))
    operator = house.caller(Role.OPERATOR, "lab")
    admin.put("/budgets/lab", json={**TRAINING, "tenant": "lab"})
    assert [one["name"] for one in viewer.get("/budgets").json()["items"]] == ["lab"]
    assert viewer.get("/budgets/lab").status_code == 200
    assert stranger.get("/budgets").json()["items"] == []
    assert stranger.get("/budgets/lab").status_code == 403
    for caller in (viewer, operator, stranger):
        assert caller.put("/budgets/lab", json=TRAINING).status_code == 403
        assert caller.delete("/budgets/lab").status_code == 403
    assert house.caller(Role.PREDICTOR, "lab").get("/budgets").status_code == 403


def test_pages_of_budgets_and_alerts_are_walked_by_cursor(
    house: House, admin: httpx.Client
) -> None:
    for name in ("a", "b", "c"):
        admin.put(f"/budgets/{name}", json=TRAINING)
        alert(house, name, 50)
    for path, field, values in (
        ("/budgets", "name", ["a", "b", "c"]),
        ("/alerts", "budget", ["a", "b", "c"]),
    ):
        first = admin.get(path, params={"limit": 2}).json()
        rest = admin.get(path, params={"limit": 2, "cursor": first["next"]}).json()
        assert [one[field] for one in (*first["items"], *rest["items"])] == values
        assert rest["next"] is None


def test_alerts_of_the_period_stand_with_the_budget_and_go_with_it(
    house: House, admin: httpx.Client
) -> None:
    admin.put("/budgets/lab", json=TRAINING)
    alert(house, "lab", 50)
    (shown,) = admin.get("/budgets/lab").json()["alerts"]
    assert (shown["percent"], shown["webhook"], shown["unit"]) == (50, "off", "nj")
    stranger = house.caller(Role.VIEWER, "other")
    assert stranger.get("/alerts").json()["items"] == []
    house.clock.advance(86400)
    assert admin.get("/budgets/lab").json()["alerts"] == []
    assert len(admin.get("/alerts").json()["items"]) == 1
    admin.delete("/budgets/lab")
    assert admin.get("/alerts").json()["items"] == []
    assert house.documents.scan(BUDGETS) == []


def alert(house: House, name: str, percent: int) -> None:
    """Keep an alert as the watcher does."""
    budget = house.plane.budgets.get(name)
    now = house.clock.now()
    made = Alert(
        name, budget.tenant, str(budget.scope), percent, now, Quantity.JOULES, 1000, 500, now
    )
    house.documents.commit([Change(ALERTS, made.key, msgspec.json.encode(made))])


TRAIN: dict[str, Any] = {
    "kind": "train",
    "spec": {"task": "forecast", "data": "vic", "targets": ["d"], "horizon": 2},
}


def test_a_job_that_a_budget_refuses_is_answered_429_with_the_time_to_come_back(
    house: House, admin: httpx.Client
) -> None:
    admin.put("/budgets/lab", json={**TRAINING, "limit": 100, "jobs": "refuse"})
    spend(house, "lab", 99)
    house.clock.advance(3600)
    answer = admin.post("/jobs", json=TRAIN, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (429, "OverBudget")
    assert answer.headers["Retry-After"] == str(23 * 3600)
    assert "budget 'lab' allows 100 nJ per day and has 1 nJ left" in answer.json()["detail"]
    assert admin.get("/jobs").json()["items"] == []
    file = {"name": "vic", "filename": "vic.csv"}
    assert admin.post("/datasets", params=file, content=b"a").status_code == 202
    admin.put("/budgets/lab", json={**TRAINING, "limit": 1000, "jobs": "refuse"})
    spent = admin.post("/jobs", json=TRAIN, headers={"Idempotency-Key": "k"})
    assert spent.status_code == 429, "the guess asks for all of it, and 99 are spent"
    admin.delete("/budgets/lab")
    made = admin.post("/jobs", json=TRAIN, headers={"Idempotency-Key": "k"})
    assert made.status_code == 202
    admin.put("/budgets/lab", json={**TRAINING, "limit": 100, "jobs": "refuse"})
    again = admin.post("/jobs", json=TRAIN, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == made.json()["id"], "what was accepted is not refused afterwards"


def test_an_upload_that_a_budget_refuses_is_not_kept(house: House, admin: httpx.Client) -> None:
    budget = {**TRAINING, "scope": "tenant:default", "limit": 100, "jobs": "refuse"}
    admin.put("/budgets/lab", json=budget)
    spend(house, "lab", 99)
    file = {"name": "vic", "filename": "vic.csv"}
    assert admin.post("/datasets", params=file, content=b"a").status_code == 429
    assert list(house.plane.uploads.iterdir()) == []


def test_a_job_that_would_wait_is_accepted(house: House, admin: httpx.Client) -> None:
    admin.put("/budgets/lab", json={**TRAINING, "limit": 100})
    spend(house, "lab", 99)
    assert admin.post("/jobs", json=TRAIN).status_code == 202
