"""Who may let a model run code while it is read."""

from typing import Protocol

import httpx
import pytest

from lichen.security.identity import Role


class House(Protocol):
    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def imported(caller: httpx.Client, **query: str) -> httpx.Response:
    asked = {"name": "m", "filename": "model.pkl", **query}
    return caller.post("/models", params=asked, content=b"\x80\x04.")


def test_only_an_administrator_may_allow_unsafe(house: House) -> None:
    refused = imported(house.caller(Role.OPERATOR), allow_unsafe="true")
    assert refused.status_code == 403
    assert "only an administrator" in refused.json()["detail"]
    accepted = imported(house.caller(), allow_unsafe="true")
    assert accepted.status_code == 202
    assert accepted.json()["spec"]["allow_unsafe"] is True
    assert imported(house.caller(Role.OPERATOR)).status_code == 202


@pytest.mark.parametrize("said", ["1", "yes", ""])
def test_what_is_neither_true_nor_false_is_refused(house: House, said: str) -> None:
    refused = imported(house.caller(), allow_unsafe=said)
    assert refused.status_code == 400
    assert "send true or false" in refused.json()["detail"]


def test_what_was_said_of_a_model_reaches_its_job(house: House) -> None:
    query = {"format": "keras", "inputs": "x:FP32:-1,3;n:INT64:", "entry": "serving"}
    spec = imported(house.caller(), **query).json()["spec"]
    assert spec["inputs"] == ["x:FP32:-1,3", "n:INT64:"]
    assert (spec["format"], spec["entry"]) == ("keras", "serving")
