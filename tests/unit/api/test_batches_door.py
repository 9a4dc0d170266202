"""`/v1/files` at the door: sizes, purposes and pages, without a process."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from lichen.api.batches_http import BatchDoor, batch_routes
from lichen.api.gate import Gate
from lichen.api.oip_http import Door, HttpLimits, application
from lichen.core.clock import ManualClock
from lichen.core.ids import DEFAULT_TENANT
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.serving.batch_files import BatchFiles
from lichen.serving.batch_records import Batches
from lichen.serving.plane import DataPlane
from lichen.serving.selector import Selector
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

FILE_BYTES = 1_000


class House:
    """The application, and a key of each role for it."""

    def __init__(self, folder: Path) -> None:
        documents, clock = MemoryDocuments(), ManualClock()
        keys = Keys(documents, clock)
        self.tokens = {
            role: keys.create(Principal(role.value, DEFAULT_TENANT, role)).token for role in Role
        }
        door = Door(
            DataPlane(Selector()), Gate(KeyRing(documents, clock)), HttpLimits(), "0", lambda: True
        )
        self.uploads = folder / "uploads"
        self.uploads.mkdir()
        files = BatchFiles(documents, LocalBlobs(folder / "blobs"), clock, 10 * FILE_BYTES)
        here = BatchDoor(files, Batches(documents, clock), self.uploads, FILE_BYTES)
        self.app: ASGIApp = application(door, batch_routes(door, here))

    def ask(
        self,
        method: str,
        path: str,
        role: Role = Role.PREDICTOR,
        **more: Any,  # noqa: ANN401
    ) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            headers = {"Authorization": f"Bearer {self.tokens[role]}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://plane", headers=headers
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def send(self, content: bytes, **more: Any) -> httpx.Response:  # noqa: ANN401
        said: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("f", content)}}
        return self.ask("POST", "/v1/files", **{**said, **more})


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_file_up_to_the_limit_is_kept_and_one_byte_more_is_not(house: House) -> None:
    assert house.send(b"x" * FILE_BYTES).status_code == 200
    for size in (FILE_BYTES + 1, 200 * FILE_BYTES):
        refused = house.send(b"x" * size)
        assert refused.status_code == 413
        assert "batch_file_bytes" in refused.json()["error"]["message"]
    assert list(house.uploads.iterdir()) == []
    assert len(house.ask("GET", "/v1/files").json()["data"]) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"purpose": "fine-tune"}},
        {"data": {}},
        {"files": {"other": ("f", b"x")}},
        {"files": [("file", ("f", b"x")), ("file", ("g", b"y"))]},
    ],
)
def test_a_form_that_is_none_for_batches_is_refused_and_not_kept(
    house: House, more: dict[str, Any]
) -> None:
    refused = house.send(b"{}", **more)
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert list(house.uploads.iterdir()) == []


def test_who_may_not_predict_may_not_send(house: House) -> None:
    assert house.send(b"{}", role=Role.VIEWER).status_code == 403
    assert house.send(b"{}", role=Role.OPERATOR).status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999999999", "order=up"])
def test_a_page_that_cannot_be(house: House, query: str) -> None:
    assert house.ask("GET", f"/v1/files?{query}").status_code == 400


def test_a_batch_of_nothing_is_refused(house: House) -> None:
    file_id = house.send(b"{}").json()["id"]
    asked = {"endpoint": "/predict/d", "completion_window": "1h"}
    assert house.ask("POST", "/v1/batches", json=asked).status_code == 400
    assert house.ask("POST", "/v1/batches", content=b"{").status_code == 400
    unknown = house.ask("POST", "/v1/batches", json={**asked, "input_file_id": file_id, "model": 1})
    assert "model" in unknown.json()["error"]["message"]
    nobody = house.ask("POST", "/v1/batches", json={**asked, "input_file_id": file_id})
    assert nobody.status_code == 503  # the plane has not looked yet at what is deployed
