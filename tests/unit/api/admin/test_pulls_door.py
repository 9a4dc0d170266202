"""`POST /models/pull`: what is accepted as a job, and what is refused before one is made."""

import io
import tarfile
from collections.abc import Callable
from typing import Protocol

import httpx
import msgspec
import pytest

from lichen.core.ids import digest_of
from lichen.protocol.modelpack import ArtifactManifest
from lichen.security.identity import Role

Asks = httpx.Client


class House(Protocol):
    def caller(self, role: Role | None = Role.ADMIN, tenant: str = "default") -> httpx.Client: ...


def test_a_source_is_accepted_as_a_job_under_its_own_name(admin: Asks) -> None:
    answer = admin.post("/models/pull", json={"source": "hf://acme/Tiny.Lines@v1"})
    assert answer.status_code == 202
    job = answer.json()
    assert (job["kind"], job["spec"]["name"]) == ("pull", "Tiny")
    assert job["spec"]["source"] == "hf://acme/Tiny.Lines@v1"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://host.example/a/model%20one.onnx?x=1#sha256=" + "0" * 64, "model-one"),
        ("s3://bucket/folder/", "folder"),
        ("s3://bucket/key.keras", "key"),
        ("oci://reg.example/team/net:v2", "net"),
        ("file:/models/trees.json", "trees"),
    ],
)
def test_a_model_is_named_after_its_source(admin: Asks, source: str, name: str) -> None:
    answer = admin.post("/models/pull", json={"source": source})
    assert answer.json()["spec"]["name"] == name


def test_the_query_of_an_address_which_may_be_a_signature_is_shown_to_nobody(admin: Asks) -> None:
    digest = "#sha256=" + "0" * 64
    source = f"https://host.example/net.onnx?X-Amz-Signature=secret{digest}"
    answer = admin.post("/models/pull", json={"source": source})
    assert answer.json()["spec"]["source"] == f"https://host.example/net.onnx?...{digest}"
    shown = admin.get(f"/jobs/{answer.json()['id']}")
    assert shown.status_code == 200
    assert "secret" not in answer.text + shown.text + admin.get("/jobs").text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"source": "model.onnx"}, "is no source"),
        ({"source": "ftp://host/model"}, "is no source"),
        ({"source": "https://me:secret@host/model"}, "holds a name or a password"),
        ({"source": "https://host/m#md5=0"}, "nothing but a digest"),
        ({"source": "https://ho st/m"}, "holds a space"),
        ({"source": "hf://acme"}, "names no repository"),
        ({"source": "oci://host/UP"}, "names no artifact"),
        ({"source": "s3:///key"}, "names no bucket"),
        ({"source": "hf://a/b", "name": "no spaces please"}, "name"),
        ({"source": "hf://a/b", "command": "rm"}, "command"),
        ({}, "source"),
    ],
)
def test_what_is_no_source_is_refused_before_a_job_is_made(
    admin: Asks, body: dict[str, str], says: str
) -> None:
    answer = admin.post("/models/pull", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert "secret" not in answer.text
    assert admin.get("/jobs").json()["items"] == []


def test_only_an_administrator_lets_code_run(house: House, admin: Asks) -> None:
    body = {"source": "https://host.example/model.pkl", "allow_unsafe": True}
    assert house.caller(Role.OPERATOR).post("/models/pull", json=body).status_code == 403
    assert admin.post("/models/pull", json=body).status_code == 202


def test_a_repetition_with_the_same_key_is_the_same_job(admin: Asks) -> None:
    key = {"Idempotency-Key": "once"}
    first = admin.post("/models/pull", json={"source": "hf://a/b"}, headers=key).json()
    again = admin.post("/models/pull", json={"source": "hf://a/b"}, headers=key).json()
    assert first["id"] == again["id"]


def test_a_version_is_exported_as_an_artifact_and_the_same_bytes_again(
    admin: Asks, register: Callable[[str], None]
) -> None:
    register("m")
    packed = admin.get("/models/m/versions/1/export?format=oci")
    assert packed.content == admin.get("/models/m/versions/1/export?format=oci").content
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]
    index = msgspec.json.decode(files["index.json"], type=ArtifactManifest)
    blobs = {name.rpartition("/")[2]: body for name, body in files.items() if "/" in name}
    assert all(digest_of(body) == name for name, body in blobs.items())
    manifest = msgspec.json.decode(
        blobs[index.manifests[0].digest.removeprefix("sha256:")], type=ArtifactManifest
    )
    names = [one.annotations["org.opencontainers.image.title"] for one in manifest.layers]
    assert names == ["lichen.json", "model.onnx", "README.md"]


def test_a_format_that_nobody_writes_is_refused_by_name(
    admin: Asks, register: Callable[[str], None]
) -> None:
    register("m")
    refused = admin.get("/models/m/versions/1/export?format=pickle")
    assert refused.status_code == 400
    assert "lichen, onnx, oci" in refused.json()["detail"]
