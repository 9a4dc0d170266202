from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict, Corrupt, InvalidInput, NotFound
from lichen.core.ids import Digest, JobId, ModelReference, digest_of
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.bundle import read_folder, verify_contents
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import DatasetReference, Draft, File, Metric
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments

FILES = {"model.onnx": b"model", "forecast.json": b"{}"}
SIGNATURE = Signature(
    (TensorSpec("history", Datatype.FP32, (-1, 24, 1), "GW"),),
    (TensorSpec("mean", Datatype.FP32, (-1, 48, 1), "GW"),),
)
DRAFT = Draft(
    model="vic",
    task="forecast",
    algorithm="ridge",
    signature=SIGNATURE,
    code_version="0.1.0",
    metrics=(Metric("mape", 2.2, "%", "test"),),
    dataset=DatasetReference("vic", 1, Digest("a" * 64)),
    parameters={"horizon": 48, "penalties": (0.1, 1e-7), "nested": {"known": None}},
    job_id=JobId("job-1"),
    fence=3,
)


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def catalog(documents: MemoryDocuments, blobs: LocalBlobs) -> Catalog:
    return Catalog(documents, blobs, ManualClock())


def of_job(number: int) -> Draft:
    return replace(DRAFT, job_id=JobId(f"job-{number}"))


def test_a_registered_version_is_resolved_as_it_was_returned(catalog: Catalog) -> None:
    manifest = catalog.register(DRAFT, FILES)
    assert manifest.reference == "vic@1"
    assert manifest.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert manifest.files == tuple(
        File(name, len(FILES[name]), digest_of(FILES[name])) for name in sorted(FILES)
    )
    assert manifest.parameters["penalties"] == [0.1, 1e-7]
    for text in ("vic", "vic@1", "vic@latest"):
        assert catalog.resolve(ModelReference.parse(text)) == manifest
    assert catalog.read(manifest, "model.onnx") == b"model"
    assert catalog.path(manifest, "forecast.json").read_bytes() == b"{}"
    assert catalog.verify(manifest) == ()


def test_versions_count_up_and_are_listed_oldest_first(catalog: Catalog) -> None:
    made = [catalog.register(of_job(number), FILES) for number in range(12)]
    assert [manifest.version for manifest in made] == list(range(1, 13))
    assert catalog.versions("vic") == tuple(made)
    assert catalog.versions("vic", after=9, limit=2) == tuple(made[9:11])


def test_models_are_listed_by_name_without_their_neighbours(catalog: Catalog) -> None:
    for name in ("vic", "vic-2", "vic.a", "Vic", "vicA"):
        catalog.register(replace(DRAFT, model=name, job_id=None), FILES)
    names = [entry.name for entry in catalog.models()]
    assert names == sorted(["vic", "vic-2", "vic.a", "Vic", "vicA"])
    assert [entry.name for entry in catalog.models(after="vic", limit=2)] == ["vic-2", "vic.a"]
    assert [manifest.model for manifest in catalog.versions("vic")] == ["vic"]


def test_a_job_that_registers_twice_makes_one_version(
    catalog: Catalog, documents: MemoryDocuments
) -> None:
    done = Change("jobs", "job-1", b"done", 0)
    first = catalog.register(DRAFT, FILES, [done])
    before = documents.revision()
    assert catalog.register(replace(DRAFT, fence=4), {"other.onnx": b"x"}, [done]) == first
    assert documents.revision() == before
    assert catalog.registered(JobId("job-1")) == first
    assert catalog.registered(JobId("job-2")) is None


def test_the_callers_changes_are_committed_with_the_version_or_neither_is(
    catalog: Catalog, documents: MemoryDocuments
) -> None:
    held = documents.commit([Change("jobs", "job-1", b"running")])
    documents.commit([Change("jobs", "job-1", b"cancelled")])
    with pytest.raises(Conflict, match="jobs/job-1 is no longer at version"):
        catalog.register(DRAFT, FILES, [Change("jobs", "job-1", b"done", held)])
    assert catalog.models() == ()
    catalog.register(DRAFT, FILES, [Change("jobs", "job-1", b"done")])
    document = documents.get("jobs", "job-1")
    assert document is not None
    assert document.body == b"done"


def test_equal_files_rest_once(catalog: Catalog) -> None:
    first, second = (catalog.register(of_job(number), FILES) for number in (1, 2))
    assert first.files == second.files
    assert catalog.path(first, "model.onnx") == catalog.path(second, "model.onnx")


def test_an_alias_moves_and_a_version_stays(catalog: Catalog) -> None:
    first, second = (catalog.register(of_job(number), FILES) for number in (1, 2))
    catalog.set_alias("vic", "champion", 2)
    assert catalog.resolve(ModelReference("vic", "champion")) == second
    assert catalog.set_alias("vic", "champion", 1).aliases == {"champion": 1}
    assert catalog.resolve(ModelReference("vic", "champion")) == first
    catalog.register(of_job(3), FILES)
    assert catalog.model("vic").aliases == {"champion": 1}
    assert catalog.model("vic").latest == 3


@pytest.mark.parametrize("alias", ["latest", "7", "", "a b", "../x"])
def test_an_alias_that_would_hide_a_version_is_refused(catalog: Catalog, alias: str) -> None:
    catalog.register(DRAFT, FILES)
    with pytest.raises(InvalidInput):
        catalog.set_alias("vic", alias, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nobody", "no model 'nobody'"),
        ("nobody@1", "no model 'nobody'"),
        ("vic@2", "no version 2; its newest is 1"),
        ("vic@0", "no version 0"),
        ("vic@best", "no alias 'best'; its aliases are: champion"),
    ],
)
def test_what_is_not_there_is_named(catalog: Catalog, text: str, sentence: str) -> None:
    catalog.register(DRAFT, FILES)
    catalog.set_alias("vic", "champion", 1)
    with pytest.raises(NotFound, match=sentence):
        catalog.resolve(ModelReference.parse(text))


def test_a_file_or_model_that_is_not_there(catalog: Catalog) -> None:
    manifest = catalog.register(DRAFT, FILES)
    with pytest.raises(NotFound, match="no file 'x'; its files are: forecast"):
        catalog.read(manifest, "x")
    with pytest.raises(NotFound, match="no model 'nobody'"):
        catalog.versions("nobody")
    with pytest.raises(NotFound, match="no version 9"):
        catalog.set_alias("vic", "champion", 9)


@pytest.mark.parametrize(
    ("draft", "files", "sentence"),
    [
        (replace(DRAFT, model="a/b"), FILES, "model name 'a/b'"),
        (DRAFT, {}, "at least one file"),
        (DRAFT, {"../escape": b""}, "cannot be called"),
        (DRAFT, {"lichen.json": b""}, "cannot be called"),
        (DRAFT, {"README.md": b""}, "cannot be called"),
        (
            replace(DRAFT, metrics=(Metric("mape", float("nan"), "%", "test"),)),
            FILES,
            "metric 'mape' of vic is nan",
        ),
        (replace(DRAFT, parameters={"a": float("inf")}), FILES, "parameters of vic are no JSON"),
        (replace(DRAFT, parameters={"a": object()}), FILES, "parameters of vic are no JSON"),
    ],
)
def test_a_draft_that_could_not_be_read_back_is_refused(
    catalog: Catalog, blobs: LocalBlobs, draft: Draft, files: dict[str, bytes], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.register(draft, files)
    assert catalog.models() == ()
    assert not blobs.has(digest_of(b"model"))


@pytest.mark.parametrize("name", sorted(FILES))
def test_verify_finds_one_flipped_bit_in_any_file(catalog: Catalog, name: str) -> None:
    manifest = catalog.register(DRAFT, FILES)
    place = catalog.path(manifest, name)
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    assert [finding.file for finding in catalog.verify(manifest)] == [name]
    with pytest.raises(Corrupt):
        catalog.read(manifest, name)


def test_verify_finds_a_missing_file(catalog: Catalog) -> None:
    manifest = catalog.register(DRAFT, FILES)
    catalog.path(manifest, "model.onnx").unlink()
    assert [finding.file for finding in catalog.verify(manifest)] == ["model.onnx"]


def test_verify_finds_a_changed_manifest(catalog: Catalog, documents: MemoryDocuments) -> None:
    manifest = catalog.register(DRAFT, FILES)
    (document,) = documents.scan("model-versions")
    body = document.body.replace(b'"ridge"', b'"magic"')
    documents.commit([Change("model-versions", document.key, body)])
    (finding,) = catalog.verify(manifest)
    assert finding.file == "lichen.json"
    assert "seal is broken" in finding.problem
    documents.commit([Change("model-versions", document.key, None)])
    assert [finding.file for finding in catalog.verify(manifest)] == ["lichen.json"]


def test_an_exported_folder_holds_the_version_and_its_card(
    catalog: Catalog, tmp_path: Path
) -> None:
    manifest = catalog.register(DRAFT, FILES)
    catalog.export(manifest, tmp_path / "deep" / "out")
    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == sorted(
        ["lichen.json", "README.md", *FILES]
    )
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["out"]
    assert verify_contents(read_folder(tmp_path / "deep" / "out")) == ()


def test_an_export_overwrites_nothing(catalog: Catalog, tmp_path: Path) -> None:
    manifest = catalog.register(DRAFT, FILES)
    (tmp_path / "out").mkdir()
    catalog.export(manifest, tmp_path / "out")  # an empty folder is as good as none
    with pytest.raises(Conflict, match="exists already"):
        catalog.export(manifest, tmp_path / "out")
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(Conflict, match="exists already"):
        catalog.export(manifest, tmp_path / "file")


def test_a_damaged_version_is_not_exported(catalog: Catalog, tmp_path: Path) -> None:
    manifest = catalog.register(DRAFT, FILES)
    catalog.path(manifest, "model.onnx").write_bytes(b"other")
    with pytest.raises(Corrupt):
        catalog.export(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
