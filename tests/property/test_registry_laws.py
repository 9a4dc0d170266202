"""Laws of the registry: what is written is read back the same, and one flipped bit is found."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.ids import Digest, JobId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.bundle import read_folder, verify_contents
from lichen.registry.card import model_card
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import (
    DatasetReference,
    Draft,
    File,
    Manifest,
    Metric,
    decode_manifest,
    encode_manifest,
)
from lichen.registry.yaml import to_yaml
from lichen.store.blobs import MemoryBlobs
from lichen.store.documents import MemoryDocuments

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
AMOUNTS = st.integers(-(2**63), 2**63 - 1)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True).map(Digest)
JSON = st.recursive(
    st.none() | st.booleans() | AMOUNTS | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TENSORS = st.builds(
    TensorSpec,
    name=NAMES,
    datatype=st.sampled_from(Datatype),
    shape=st.lists(st.integers(-1, 999), max_size=3).map(tuple),
    unit=st.none() | TEXT,
    description=st.none() | TEXT,
    optional=st.booleans(),
)
SIDES = st.lists(TENSORS, max_size=2).map(tuple)
RECEIPTS = st.builds(
    Receipt,
    energy=st.builds(EnergyFigure, AMOUNTS, AMOUNTS, AMOUNTS, st.sampled_from(Method), TEXT),
    carbon=st.none() | st.builds(CarbonFigure, AMOUNTS, AMOUNTS, AMOUNTS, TEXT, TEXT),
    at=st.integers(0, 2**40),
    variant=st.none() | TEXT,
)
METRICS = st.lists(st.builds(Metric, NAMES, NUMBERS, st.none() | TEXT, NAMES), max_size=3)
MANIFESTS = st.builds(
    Manifest,
    model=NAMES,
    version=st.integers(1, 10**9),
    created_at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 - hypothesis adds UTC itself
    task=TEXT,
    algorithm=TEXT,
    signature=st.builds(Signature, SIDES, SIDES),
    files=st.lists(st.builds(File, NAMES, AMOUNTS, DIGESTS), max_size=3).map(tuple),
    metrics=METRICS.map(tuple),
    dataset=st.none() | st.builds(DatasetReference, NAMES, AMOUNTS, DIGESTS),
    code_version=TEXT,
    parameters=st.dictionaries(TEXT, JSON, max_size=3),
    receipt=st.none() | RECEIPTS,
    hardware=st.none() | TEXT,
    origin=st.none() | TEXT,
    job_id=st.none() | TEXT.map(JobId),
    fence=st.none() | AMOUNTS,
)
FILES = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=3)
DRAFT = Draft("m", "forecast", "ridge", Signature((), ()), "0.1.0")


def broken_files(contents: dict[str, bytes]) -> list[str]:
    try:
        return [finding.file for finding in verify_contents(contents)]
    except InvalidInput:  # no manifest at all is left to check against
        return ["lichen.json"]


@given(MANIFESTS)
def test_a_manifest_is_read_back_as_it_was(manifest: Manifest) -> None:
    encoded = encode_manifest(manifest)
    assert decode_manifest(encoded) == manifest
    assert encode_manifest(decode_manifest(encoded)) == encoded


@settings(max_examples=30)
@given(FILES, st.data())
def test_an_export_is_read_back_as_it_was_and_one_flipped_bit_is_found(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    catalog = Catalog(MemoryDocuments(), MemoryBlobs(), ManualClock())
    manifest = catalog.register(DRAFT, files)
    with TemporaryDirectory() as folder:
        catalog.export(manifest, Path(folder) / "out")
        contents = read_folder(Path(folder) / "out")
    assert contents == catalog.contents(manifest)
    assert decode_manifest(contents["lichen.json"]) == manifest
    assert verify_contents(contents) == ()

    name = data.draw(st.sampled_from(sorted(name for name in contents if contents[name])))
    position = data.draw(st.integers(0, len(contents[name]) - 1))
    damaged = bytearray(contents[name])
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    assert broken_files({**contents, name: bytes(damaged)}) == [name]


@given(MANIFESTS)
def test_every_card_has_front_matter_that_yaml_reads(manifest: Manifest) -> None:
    yaml = pytest.importorskip("yaml", reason="reading YAML back needs PyYAML")
    card = model_card(manifest)
    assert card.startswith("---\n")
    matter = yaml.safe_load(card[4 : card.index("\n---\n")])
    assert matter["tags"] == ["lichen", manifest.task, manifest.algorithm]
    assert card == model_card(manifest)


@given(st.dictionaries(NAMES, TEXT | NUMBERS | AMOUNTS | st.booleans(), min_size=1, max_size=4))
def test_yaml_reads_every_scalar_back(values: dict[str, str | float | bool]) -> None:
    yaml = pytest.importorskip("yaml", reason="reading YAML back needs PyYAML")
    read = yaml.safe_load(to_yaml({f"k{name}": value for name, value in values.items()}))
    assert read == {f"k{name}": value for name, value in values.items()}
