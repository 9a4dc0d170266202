import tarfile
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Corrupt, InvalidInput, NotFound, TooLarge
from lichen.core.ids import JobId, ModelReference, digest_of
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.archive import pack
from lichen.registry.bundle import read_folder, verify_contents
from lichen.registry.catalog import Catalog
from lichen.registry.imports import ForeignModel, import_exported, import_foreign
from lichen.registry.manifest import Draft, Manifest, Metric, decode_manifest
from lichen.store.blobs import MemoryBlobs
from lichen.store.documents import MemoryDocuments

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP64, (-1, 3)),), (TensorSpec("y", Datatype.FP64, (-1,), "kWh"),)
)
DRAFT = Draft(
    "plant", "regression", "ridge", SIGNATURE, "0.1.0", (Metric("rmse", 1.5, "kWh", "test"),)
)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(MemoryDocuments(), MemoryBlobs(), ManualClock())


@pytest.fixture
def manifest(catalog: Catalog) -> Manifest:
    return catalog.register(DRAFT, {"model.onnx": b"model", "a.json": b"{}"})


def elsewhere() -> Catalog:
    return Catalog(MemoryDocuments(), MemoryBlobs(), ManualClock())


def test_a_version_goes_out_and_comes_back_with_its_figures(
    catalog: Catalog, manifest: Manifest, tmp_path: Path
) -> None:
    catalog.export(manifest, tmp_path / "out")
    other = elsewhere()
    arrived = import_exported(other, read_folder(tmp_path / "out"), "copy", JobId("job-9"))
    assert arrived.reference == "copy@1"
    assert arrived.origin == "exported from plant@1"
    assert (arrived.files, arrived.metrics) == (manifest.files, manifest.metrics)
    assert arrived.signature == manifest.signature
    assert other.read(arrived, "model.onnx") == b"model"
    assert other.registered(JobId("job-9")) == arrived


def test_the_name_is_kept_when_none_is_given(catalog: Catalog, manifest: Manifest) -> None:
    assert import_exported(catalog, catalog.contents(manifest)).reference == "plant@2"


@pytest.mark.parametrize("name", ["lichen.json", "model.onnx", "a.json"])
def test_a_damaged_or_missing_file_is_refused(
    catalog: Catalog, manifest: Manifest, name: str
) -> None:
    contents = catalog.contents(manifest)
    damaged = bytearray(contents[name])
    damaged[-2] ^= 1
    other = elsewhere()
    with pytest.raises((Corrupt, InvalidInput), match=name.replace(".", r"\.")):
        import_exported(other, {**contents, name: bytes(damaged)})
    del contents[name]
    with pytest.raises((Corrupt, InvalidInput), match=name.replace(".", r"\.")):
        import_exported(other, contents)
    assert other.models() == ()


def test_a_card_may_be_edited_before_the_import(catalog: Catalog, manifest: Manifest) -> None:
    contents = {**catalog.contents(manifest), "README.md": b"my own words"}
    assert import_exported(elsewhere(), contents).files == manifest.files


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        read_folder(tmp_path / "nowhere")


def test_a_folder_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x" * 101)
    with pytest.raises(TooLarge, match="holds 101 bytes, and the limit is 100"):
        read_folder(tmp_path, 100)


def test_a_sealed_manifest_of_another_shape_is_refused(
    catalog: Catalog, manifest: Manifest
) -> None:
    fields = msgspec.json.decode(catalog.contents(manifest)["lichen.json"])
    del fields["format"], fields["seal"], fields["files"]
    seal = digest_of(msgspec.json.encode(fields, order="deterministic"))
    content = msgspec.json.encode({"format": "lichen.model/1", "seal": seal, **fields})
    with pytest.raises(InvalidInput, match=r"is no manifest: .*`files`"):
        decode_manifest(content)


def test_a_manifest_that_was_only_laid_out_anew_is_read_and_shows(
    catalog: Catalog, manifest: Manifest
) -> None:
    contents = catalog.contents(manifest)
    contents["lichen.json"] = msgspec.json.format(contents["lichen.json"], indent=4)
    assert decode_manifest(contents["lichen.json"]) == manifest
    assert [finding.file for finding in verify_contents(contents)] == ["lichen.json"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x80not json", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'{"format": "lichen.model/9"}', "has the format 'lichen.model/9'"),
        (b'{"format": "lichen.model/1"}', "seal is broken"),
    ],
)
def test_what_is_no_manifest_says_why(content: bytes, sentence: str) -> None:
    with pytest.raises((InvalidInput, Corrupt), match=sentence):
        decode_manifest(content)


def test_a_foreign_model_is_registered_with_its_signature(catalog: Catalog) -> None:
    model = ForeignModel("theirs", SIGNATURE, {"model.onnx": b"x"}, origin="their.onnx")
    manifest = import_foreign(catalog, model, "0.1.0", JobId("job-1"))
    assert catalog.resolve(ModelReference.parse("theirs")) == manifest
    assert (manifest.signature, manifest.origin) == (SIGNATURE, "their.onnx")
    assert import_foreign(catalog, model, "0.1.0", JobId("job-1")) == manifest


def test_a_tar_holds_the_files_whatever_their_order(catalog: Catalog, manifest: Manifest) -> None:
    contents = catalog.contents(manifest)
    with tarfile.open(fileobj=BytesIO(pack(contents))) as tar:
        found = {one.name: one_file.read() for one in tar if (one_file := tar.extractfile(one))}
    assert found == contents
    assert pack(dict(reversed(contents.items()))) == pack(contents)
