"""Parts of words: which they are and where fastText keeps them, and vectors of unknown words."""

from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.language.residents import read_runtime, runtime_file
from lichen.frameworks.language.subwords import SubwordModel, bucket_of, parts_of, subword_files

WORDS = ["river", "rivers"]
VECTORS = np.array([[1.0, 0.0], [0.5, 0.5]], dtype=np.float32)
PARTS = np.arange(40, dtype=np.float32).reshape(20, 2)


def model(folder: Path) -> SubwordModel:
    for name, content in subword_files(WORDS, VECTORS, PARTS, (2, 3)).items():
        (folder / name).write_bytes(content)
    return SubwordModel(folder)


def test_parts_are_runs_of_characters_between_marks() -> None:
    assert sorted(parts_of("ab", 2, 3)) == sorted(["<a", "<ab", "ab", "ab>", "b>"])
    assert sorted(parts_of("水", 1, 2)) == sorted(["<水", "水", "水>"])


@pytest.mark.parametrize("part", ["<a", "ab>", "<水", "Straße"])
def test_buckets_are_those_of_fnv_1a_with_signed_bytes(part: str) -> None:
    hashed = 2166136261
    for byte in np.frombuffer(part.encode(), np.int8):
        hashed = (hashed ^ (int(byte) % 2**32)) * 16777619 % 2**32
    assert bucket_of(part, 2**32) == hashed


def test_an_unknown_word_is_named_and_its_vector_made_of_its_parts(tmp_path: Path) -> None:
    texts = np.array([b"river", b"rover", b"", b"river rivers"], dtype=object)
    found = model(tmp_path).predict({"text": texts})
    assert found["unknown"].tolist() == [b"", b"rover", b"", b""]
    buckets = [bucket_of(part, len(PARTS)) for part in parts_of("rover", 2, 3)]
    assert np.allclose(found["vector"][1], PARTS[buckets].mean(axis=0))
    assert np.allclose(found["vector"][3], VECTORS.mean(axis=0))
    assert found["similar"][0].tolist() == [b"rivers", b""]
    assert found["similar"][2].tolist() == [b"", b""]


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    files = subword_files(["river"], VECTORS, PARTS, (2, 3))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match="do not fit"):
        SubwordModel(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"runtime": "another"}', b'{"runtime": 3}'])
def test_a_runtime_that_is_not_here_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="import"):
        read_runtime(content)
    assert read_runtime(runtime_file("fasttext")).needs == ()
