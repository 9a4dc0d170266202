"""Artifacts of registries: manifests, layers of each kind, tokens, and what lies about itself."""

import base64
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from lichen.core.errors import Corrupt, InvalidInput, NotFound, Refused, TooLarge
from lichen.fetching.artifact import Artifact
from lichen.fetching.fetching import Fetched, fetch
from lichen.fetching.logins import RegistryLogin, logins_in
from lichen.fetching.parts import Check
from lichen.fetching.policy import Login
from lichen.fetching.references import Reference
from lichen.fetching.replay import Kept, Shelf
from lichen.fetching.unpacking import Archive, unpack
from lichen.fetching.web import Web
from lichen.protocol.modelpack import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    FILE_PATH,
    LAYER_PREFIX,
    MANIFEST_TYPE,
    TITLE,
    ArtifactManifest,
    Descriptor,
    ModelConfig,
    ModelDescriptor,
    ModelFiles,
    ModelTraits,
)

Opener = Callable[..., Web]
Layer = tuple[str, bytes, Mapping[str, str]]


def sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def described(media_type: str, body: bytes, notes: Mapping[str, str] | None = None) -> Descriptor:
    return Descriptor(
        media_type=media_type, digest=sha256(body), size=len(body), annotations=dict(notes or {})
    )


def raw(kind: str, name: str, body: bytes) -> Layer:
    return f"{LAYER_PREFIX}{kind}.v1.raw", body, {FILE_PATH: name}


def shelf_of(layers: list[Layer], diff_ids: list[str] | None = None) -> dict[str, Kept]:
    found = [described(*layer) for layer in layers]
    config = msgspec.json.encode(
        ModelConfig(
            descriptor=ModelDescriptor(name="m"),
            modelfs=ModelFiles(diff_ids=diff_ids or [one.digest for one in found]),
            config=ModelTraits(),
        )
    )
    manifest = msgspec.json.encode(
        ArtifactManifest(
            schema_version=2,
            media_type=MANIFEST_TYPE,
            artifact_type=ARTIFACT_TYPE,
            config=described(CONFIG_TYPE, config),
            layers=found,
        )
    )
    blobs = {f"/v2/a/m/blobs/{sha256(body)}": Kept(body) for _, body, _ in layers}
    named = {f"/v2/a/m/manifests/{one}": Kept(manifest) for one in ("v1", sha256(manifest))}
    return {**blobs, **named, f"/v2/a/m/blobs/{sha256(config)}": Kept(config)}


def fetched(
    shelf: Shelf, web: Web, folder: Path, which: str = ":v1", login: Login | None = None
) -> Fetched:
    host = f"127.0.0.1:{shelf.port}"
    reference = Reference.parse(f"{host}/a/m{which}", is_plain=True)
    logins = {} if login is None else {host: login}
    seen = web.seen_as(RegistryLogin(reference.registry, logins, web))
    return fetch(Artifact(reference, seen).listing(), seen, folder)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def test_layers_of_every_form_are_laid_out(opened: Opener, tmp_path: Path) -> None:
    plain = tar_of({"sub/a.onnx": b"a"})
    packed = tar_of({"b.json": b"b"})
    layers: list[Layer] = [
        raw("weight", "c/c.onnx", b"c"),
        (f"{LAYER_PREFIX}weight.v1.tar", plain, {FILE_PATH: "sub"}),
        (f"{LAYER_PREFIX}weight.config.v1.tar+gzip", gzip.compress(packed), {}),
        raw("code", "train.py", b"import os"),
        raw("dataset", "rows.csv", b"1"),
    ]
    ids = [sha256(b"c"), sha256(plain), sha256(packed), sha256(b"import os"), sha256(b"1")]
    with Shelf(shelf_of(layers, ids)) as shelf:
        got = fetched(shelf, opened(), tmp_path)
    found = {path.name: path.read_bytes() for path in got.files.rglob("*") if path.is_file()}
    assert found == {"a.onnx": b"a", "b.json": b"b", "c.onnx": b"c"}
    assert got.listing.left == ("train.py", "rows.csv")
    assert (got.files / "sub" / "a.onnx").exists()


def test_code_comes_with_a_version_of_lichen_alone(opened: Opener, tmp_path: Path) -> None:
    layers = [
        raw("code", "predictor.py", b"class Predictor: ..."),
        raw("doc", "lichen.json", b"{}"),
    ]
    with Shelf(shelf_of(layers)) as shelf:
        got = fetched(shelf, opened(), tmp_path)
    assert {path.name for path in got.files.iterdir()} == {"lichen.json", "predictor.py"}


def test_files_of_oras_are_taken_by_their_titles(opened: Opener, tmp_path: Path) -> None:
    layers: list[Layer] = [("application/octet-stream", b"onnx", {TITLE: "m.onnx"})]
    with Shelf(shelf_of(layers)) as shelf:
        got = fetched(shelf, opened(), tmp_path)
    assert (got.files / "m.onnx").read_bytes() == b"onnx"


def test_a_digest_in_the_reference_pins_the_manifest(opened: Opener, tmp_path: Path) -> None:
    files = shelf_of([raw("weight", "m.onnx", b"onnx")])
    manifest = files["/v2/a/m/manifests/v1"].body
    other = shelf_of([raw("weight", "m.onnx", b"evil")])["/v2/a/m/manifests/v1"].body
    with Shelf(files) as shelf:
        got = fetched(shelf, opened(), tmp_path, f"@{sha256(manifest)}")
        assert got.listing.revision == sha256(manifest)
        shelf.files[f"/v2/a/m/manifests/{sha256(manifest)}"] = Kept(other)
        with pytest.raises(Corrupt, match="changes it"):
            fetched(shelf, opened(), tmp_path / "b", f"@{sha256(manifest)}")


def test_a_layer_of_other_bytes_is_refused(opened: Opener, tmp_path: Path) -> None:
    files = shelf_of([raw("weight", "m.onnx", b"onnx")])
    files[f"/v2/a/m/blobs/{sha256(b'onnx')}"].body = b"evil"
    shelf = Shelf(files)
    with shelf, pytest.raises(Corrupt, match=r"m\.onnx came with the sha256"):
        fetched(shelf, opened(), tmp_path)


def test_an_archive_of_another_content_than_stated_is_refused(
    opened: Opener, tmp_path: Path
) -> None:
    layers: list[Layer] = [
        (f"{LAYER_PREFIX}weight.v1.tar+gzip", gzip.compress(tar_of({"a.onnx": b"a"})), {})
    ]
    shelf = Shelf(shelf_of(layers, [sha256(b"other")]))
    with shelf, pytest.raises(Corrupt, match="unpacks to the sha256"):
        fetched(shelf, opened(), tmp_path)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (raw("weight", "../evil", b"x"), "leads elsewhere"),
        ((f"{LAYER_PREFIX}weight.v1.raw", b"x", {}), "does not say which file"),
        ((f"{LAYER_PREFIX}weight.v1.tar+zstd", b"x", {}), "is not read"),
        ((f"{LAYER_PREFIX}weight.v1.tar", b"x" * 600, {}), "no archive that can be read"),
        (("application/vnd.docker.ai.gguf.v3", b"x", {}), "no layer that holds"),
    ],
)
def test_layers_that_cannot_be_used_are_said(
    opened: Opener, tmp_path: Path, layer: Layer, says: str
) -> None:
    shelf = Shelf(shelf_of([layer]))
    with shelf, pytest.raises(InvalidInput, match=says):
        fetched(shelf, opened(), tmp_path)


def test_two_layers_of_one_file_are_refused(opened: Opener, tmp_path: Path) -> None:
    shelf = Shelf(shelf_of([raw("weight", "m", b"1"), raw("weight", "m", b"2")]))
    with shelf, pytest.raises(InvalidInput, match="two files of one name"):
        fetched(shelf, opened(), tmp_path)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "no manifest that can be read"),
        (
            b'{"schemaVersion": 2, "config": {"mediaType": '
            b'"application/vnd.oci.image.config.v1+json", "digest": "sha256:0", "size": 1}}',
            "image of a container",
        ),
        (b'{"schemaVersion": 2, "layers": []}', "no layer"),
        (
            b'{"schemaVersion": 2, "manifests": ['
            + b",".join([b'{"mediaType": "x", "digest": "sha256:0", "size": 1}'] * 2)
            + b"]}",
            "list of 2 artifacts",
        ),
        (
            b'{"schemaVersion": 2, "layers": [{"mediaType": "application/vnd.cncf.model.weight.v1'
            b'.raw", "digest": "md5:0", "size": 1, '
            b'"annotations": {"org.cncf.model.filepath": "m"}}]}',
            "no digest that is checked",
        ),
    ],
)
def test_manifests_that_are_none_of_a_model_are_said(
    opened: Opener, tmp_path: Path, body: bytes, says: str
) -> None:
    shelf = Shelf({"/v2/a/m/manifests/v1": Kept(body)})
    with shelf, pytest.raises(InvalidInput, match=says):
        fetched(shelf, opened(), tmp_path)


def test_a_list_of_one_is_followed(opened: Opener, tmp_path: Path) -> None:
    files = shelf_of([raw("weight", "m.onnx", b"onnx")])
    manifest = files["/v2/a/m/manifests/v1"].body
    index = ArtifactManifest(schema_version=2, manifests=[described(MANIFEST_TYPE, manifest)])
    files["/v2/a/m/manifests/v1"] = Kept(msgspec.json.encode(index))
    with Shelf(files) as shelf:
        got = fetched(shelf, opened(), tmp_path)
    assert got.listing.revision == sha256(manifest)


def test_what_is_not_there_is_said(opened: Opener, tmp_path: Path) -> None:
    shelf = Shelf({})
    with shelf, pytest.raises(NotFound, match="check the repository and the tag"):
        fetched(shelf, opened(), tmp_path)


def test_a_token_is_fetched_by_the_login_and_shown_to_the_registry_alone(
    opened: Opener, tmp_path: Path
) -> None:
    files = shelf_of([raw("weight", "m.onnx", b"onnx")])
    with Shelf({"/x": Kept(b"onnx")}) as cdn, Shelf({}) as auth:
        challenge = f'Bearer realm="{auth.url}/token",service="reg",scope="repository:a/m:pull"'
        for kept in files.values():
            kept.token = "t0ken"  # noqa: S105 - of nobody
            kept.challenge = challenge
        blob = files[f"/v2/a/m/blobs/{sha256(b'onnx')}"]
        blob.redirect = f"{cdn.url}/x"
        auth.files["/token"] = Kept(b'{"token": "t0ken"}')
        with Shelf(files) as shelf:
            got = fetched(shelf, opened(), tmp_path, login=Login("me", "s3cret"))
        asked = auth.asked
        assert {one.headers.get("Authorization") for one in cdn.asked} == {None}
    assert got.size == 4
    basic = f"Basic {base64.b64encode(b'me:s3cret').decode()}"
    assert [one.headers.get("Authorization") for one in asked] == [basic]
    assert asked[0].path == "/token?service=reg&scope=repository%3Aa%2Fm%3Apull"


def test_without_a_login_a_basic_challenge_is_a_refusal(opened: Opener, tmp_path: Path) -> None:
    files = shelf_of([raw("weight", "m.onnx", b"onnx")])
    for kept in files.values():
        kept.token, kept.challenge = "t0ken", 'Basic realm="r"'
    shelf = Shelf(files)
    with shelf, pytest.raises(Refused, match="HTTP 401"):
        fetched(shelf, opened(), tmp_path)


@pytest.mark.parametrize(
    "text", ["", "host", "host/", "host/UPPER:v1", "host/a@sha256:0", "ho st/a:b", "host/a:b:c"]
)
def test_what_names_no_artifact_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="names no artifact"):
        Reference.parse(text)


def test_logins_are_read_as_docker_writes_them(tmp_path: Path) -> None:
    auth = base64.b64encode(b"me:pa:ss").decode()
    said = {
        "auths": {
            "https://index.docker.io/v1/": {"auth": auth},
            "reg.example:5000": {"username": "you", "password": "secret"},
            "kept.elsewhere": {},
        }
    }
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode(said))
    found = logins_in(path)
    assert found["index.docker.io"] == Login("me", "pa:ss")
    assert found["reg.example:5000"] == Login("you", "secret")
    assert len(found) == 2
    assert "secret" not in repr(found)
    path.write_text("no")
    with pytest.raises(InvalidInput, match="cannot be read"):
        logins_in(path)


def linked() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (tar_of({"../out": b"x"}), "leads elsewhere"),
        (tar_of({"/etc/out": b"x"}), "leads elsewhere"),
        (linked(), "a link or a device"),
        (tar_of({"a": b"1"})[:-10000] + b"\1" * 600, "no archive"),
    ],
)
def test_archives_that_lead_out_are_refused(tmp_path: Path, body: bytes, says: str) -> None:
    (tmp_path / "a.tar").write_bytes(body)
    (tmp_path / "files").mkdir()
    with pytest.raises(InvalidInput, match=says):
        unpack(Archive(tmp_path / "a.tar", "tar", None, "it"), tmp_path / "files", 2**20)
    assert not list((tmp_path / "files").iterdir())


@pytest.mark.parametrize("check", [None, Check("sha256", "0" * 64)])
def test_a_bomb_is_not_unpacked(tmp_path: Path, check: Check | None) -> None:
    bomb = gzip.compress(tar_of({"zeros": b"\0" * 2**22}))
    assert len(bomb) < 2**14
    (tmp_path / "a").write_bytes(bomb)
    with pytest.raises(TooLarge, match="unpacks to over"):
        unpack(Archive(tmp_path / "a", "tar+gzip", check, "it"), tmp_path, 2**20)
    assert not (tmp_path / "zeros").exists()
