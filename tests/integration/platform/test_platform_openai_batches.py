"""Files and batches at `/v1` through a whole platform: answered once, as the doors answer."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import pytest

from lichen.client.connection import Lichen
from lichen.core.clock import SystemClock
from lichen.core.ids import TenantId
from lichen.frameworks.onnx_writer import linear_core
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.store.documents import SqliteDocuments

LINES, PATIENCE_SECONDS = 2_500, 300.0
PLAIN, OIP = "/predict/lin", "/v2/models/lin/infer"
FINAL = ("completed", "failed", "expired", "cancelled")


class Running(Protocol):
    home: Path

    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


Until = Callable[[Callable[[], bool]], None]


@dataclass
class Caller:
    """Somebody at the data plane."""

    http: httpx.Client

    def send(self, lines: list[dict[str, Any]]) -> str:
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        answer = self.http.post(
            "/v1/files", data={"purpose": "batch"}, files={"file": ("in.jsonl", content)}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def ask(self, file_id: str, endpoint: str) -> dict[str, Any]:
        request = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        answer = self.http.post("/v1/batches", json=request)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def show(self, batch_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/batches/{batch_id}").json())

    def lines(self, file_id: str) -> list[dict[str, Any]]:
        content = self.http.get(f"/v1/files/{file_id}/content").text
        return [json.loads(line) for line in content.splitlines()]


@pytest.fixture(scope="module")
def url(lichen: Lichen, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The data plane's, with deployment `lin` of three columns."""
    model = tmp_path_factory.mktemp("lin") / "lin.onnx"
    model.write_bytes(linear_core(np.random.default_rng(0).normal(size=(3, 1))))
    lichen.models.import_file(model, "lin", columns=("a", "b", "c"))
    lichen.deployments.deploy("lin")
    return lichen.platform().addresses.http


@pytest.fixture(scope="module")
def caller(platform: Running, url: str) -> Iterator[Caller]:
    with client_of(url, (platform.home / "admin.key").read_text().strip()) as http:
        yield Caller(http)


def client_of(url: str, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_SECONDS
    )


def plain(number: int) -> dict[str, Any]:
    """Every hundredth lacks a column."""
    row = {"a": number / 7, "b": 1.0, **({} if number % 100 == 99 else {"c": 2.0})}
    return {"custom_id": f"r{number}", "method": "POST", "url": PLAIN, "body": {"rows": [row]}}


def test_each_request_is_answered_once_as_the_door_does_also_when_its_job_is_killed(
    platform: Running, caller: Caller, until: Until
) -> None:
    asked = [plain(number) for number in range(LINES)]
    made = caller.ask(caller.send(asked), PLAIN)
    until(lambda: caller.show(made["id"])["request_counts"]["completed"] > 0)
    with suppress(ProcessLookupError, KeyError):
        os.kill(platform.pids()["job"], signal.SIGKILL)
    until(lambda: caller.show(made["id"])["status"] in FINAL)
    done = caller.show(made["id"])
    assert done["status"] == "completed", done
    assert done["request_counts"] == {"total": LINES, "completed": LINES - 25, "failed": 25}
    assert done["in_progress_at"] <= done["completed_at"] <= done["expires_at"]
    assert done["energy_joules"] > 0
    assert done["carbon_gco2e"] > 0
    good, bad = caller.lines(done["output_file_id"]), caller.lines(done["error_file_id"])
    wanted = [line["custom_id"] for line in asked]
    assert [one["custom_id"] for one in good] == [n for n in wanted if not n.endswith("99")]
    assert [one["custom_id"] for one in bad] == [n for n in wanted if n.endswith("99")]
    assert {one["response"]["status_code"] for one in bad} == {400}
    assert "no column 'c'" in bad[0]["response"]["body"]["error"]
    for number in (0, 700, 2_400):
        told = next(one for one in good if one["custom_id"] == f"r{number}")
        answer = caller.http.post(PLAIN, json=asked[number]["body"]).json()
        expected, found = answer["y_pred"], told["response"]["body"]["y_pred"]
        assert found == pytest.approx(expected, rel=1e-6)


def test_requests_of_the_open_inference_protocol(caller: Caller, until: Until) -> None:
    tensor = {"name": "features", "datatype": "FP32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}
    body = {"id": "mine", "inputs": [tensor]}
    line = {"custom_id": "one", "method": "POST", "url": OIP, "body": body}
    made = caller.ask(caller.send([line]), OIP)
    until(lambda: caller.show(made["id"])["status"] in FINAL)
    done = caller.show(made["id"])
    (told,) = caller.lines(done["output_file_id"])
    assert done["error_file_id"] is None
    answer = caller.http.post(OIP, json=body).json()
    assert told["response"]["body"] == answer


def test_a_tenant_sees_its_own_files_and_batches_alone(
    platform: Running, url: str, caller: Caller
) -> None:
    file_id = caller.send([plain(0)])
    batch_id = caller.ask(file_id, PLAIN)["id"]
    documents = SqliteDocuments(platform.home / "lichen.db")
    who = Principal("someone", TenantId("other"), Role.PREDICTOR)
    token = Keys(documents, SystemClock()).create(who).token
    documents.close()
    with client_of(url, token) as other:
        check_nothing_is_there(other, file_id, batch_id)


def check_nothing_is_there(other: httpx.Client, file_id: str, batch_id: str) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while other.get("/v1/files").status_code == 401 and time.monotonic() < give_up:
        time.sleep(0.05)
    assert other.get("/v1/files").json()["data"] == []
    assert other.get("/v1/batches").json()["data"] == []
    for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content", f"/v1/batches/{batch_id}"):
        refused = other.get(path)
        assert refused.status_code == 404
        assert refused.json()["error"]["type"] == "invalid_request_error"
    assert other.delete(f"/v1/files/{file_id}").status_code == 404
    assert other.post(f"/v1/batches/{batch_id}/cancel").status_code == 404


def test_what_is_no_form_or_file_is_refused_and_leaves_nothing(
    platform: Running, caller: Caller
) -> None:
    for content, headers in (
        (b"{}", {"content-type": "application/json"}),
        (b"--b\r\n", {"content-type": "multipart/form-data; boundary=b"}),
        (b"", {"content-type": "multipart/form-data"}),
    ):
        refused = caller.http.post("/v1/files", content=content, headers=headers)
        assert refused.status_code == 400, refused.text
        assert refused.json()["error"]["message"]
    assert caller.http.post("/v1/files", data={"purpose": "batch"}).status_code == 400
    assert caller.http.get("/v1/files?limit=0").status_code == 400
    assert list((platform.home / "uploads").glob("*.partial")) == []
