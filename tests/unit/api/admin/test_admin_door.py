"""Who gets in, what they may do, and how refusals look."""

from typing import Protocol

import httpx
import pytest

from lichen.api.admin_http import LARGEST_BODY
from lichen.api.admin_routes import Plane, Route
from lichen.api.admin_table import ROUTES
from lichen.api.problems import encoded, problem_of
from lichen.api.statuses import retry_after_seconds
from lichen.core.errors import OverBudget, TooLarge
from lichen.security.identity import Role
from lichen.security.policy import Action
from lichen.security.tokens import Keys


class House(Protocol):
    plane: Plane
    keys: Keys

    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


@pytest.mark.parametrize("path", ["/jobs", "/openapi.json", "/nothing", "/models/x/versions/1"])
def test_without_a_key_every_path_answers_401(house: House, path: str) -> None:
    answer = house.caller(None).get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "Unauthenticated"
    assert answer.json()["instance"] == f"/api/v1{path}"


def test_health_needs_no_key(house: House) -> None:
    assert house.caller(None).get("/health").json() == {"status": "ready"}


def test_a_key_that_was_just_made_opens_and_a_revoked_one_does_not(house: House) -> None:
    caller = house.caller(Role.VIEWER)
    assert caller.get("/jobs").status_code == 200
    house.keys.revoke(house.keys.records()[-1].id)
    assert caller.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    "route",
    [one for one in ROUTES if one.action is Action.CHANGE],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_a_viewer_changes_nothing(house: House, route: Route) -> None:
    path = route.path.replace("{", "").replace("}", "")
    answer = house.caller(Role.VIEWER).request(route.method, path, content=b"{}")
    assert answer.status_code == 403
    assert answer.json()["code"] == "Forbidden"


def test_what_is_not_there_and_what_is_not_taken(admin: httpx.Client) -> None:
    missing = admin.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")
    wrong = admin.patch("/jobs")
    assert (wrong.status_code, wrong.json()["status"]) == (405, 405)
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert admin.head("/jobs").status_code == 200


def test_a_body_that_is_no_json_of_the_message(admin: httpx.Client) -> None:
    for content in (b"", b"{", b'{"model": 1}', b"\xff"):
        answer = admin.put("/deployments/d", content=content)
        assert answer.status_code == 400
        assert "DeploymentRequest" in answer.json()["detail"]


def test_a_body_over_the_limit(admin: httpx.Client) -> None:
    answer = admin.put("/deployments/d", content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert str(LARGEST_BODY) in answer.json()["detail"]


def test_an_error_that_is_not_ours_tells_nothing(
    house: House,
    admin: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(house.plane.jobs), "page", broken)
    answer = admin.get("/jobs")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text


def test_a_problem_says_when_to_come_back() -> None:
    _, headers = encoded(problem_of(OverBudget("spent")))
    assert int(headers["Retry-After"]) > 0
    spent = OverBudget("spent", 7200)
    assert encoded(problem_of(spent), retry_after_seconds(spent))[1]["Retry-After"] == "7200"
    problem = problem_of(TooLarge("too large"), "/here")
    assert (problem.status, problem.code, problem.instance) == (413, "TooLarge", "/here")


def test_the_document_describes_every_route(admin: httpx.Client) -> None:
    document = admin.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for route in ROUTES:
        operation = document["paths"][f"/api/v1{route.path}"][route.method.lower()]
        names = {one["name"] for one in operation["parameters"]}
        assert {one.name for one in route.query} <= names
        assert route.creates == ("Idempotency-Key" in names)
        assert str(route.status) in operation["responses"] or "204" in operation["responses"]
    operations = [
        one["operationId"] for path in document["paths"].values() for one in path.values()
    ]
    assert len(operations) == len(set(operations)) == len(ROUTES)


def test_every_reference_of_the_document_leads_somewhere(admin: httpx.Client) -> None:
    document = admin.get("/openapi.json").json()
    schemas = document["components"]["schemas"]

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for child in node.values() for found in references(child)]
        if isinstance(node, list):
            return [found for child in node for found in references(child)]
        return []

    found = references(document)
    assert found
    assert all(one.rpartition("/")[2] in schemas for one in found)


def test_every_creating_post_takes_an_idempotency_key() -> None:
    wishes = ("/cancel", "/pause", "/resume")
    creating = [one for one in ROUTES if one.method == "POST" and not one.path.endswith(wishes)]
    assert creating
    assert all(one.creates for one in creating)
