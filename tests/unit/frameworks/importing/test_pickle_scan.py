import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lichen.frameworks.importing.pickles import Pickle, found_pickles, refusal
from lichen.frameworks.importing.source import laid_out


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch harmed",)


def scanned(folder: Path, **files: bytes) -> tuple[Pickle, ...]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return found_pickles(laid_out(folder, "model"))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_found_by_its_opcodes_at_every_protocol(tmp_path: Path, protocol: int) -> None:
    (found,) = scanned(tmp_path, **{"weights.bin": pickle.dumps(Harmful(), protocol)})
    assert found.where == "weights.bin"
    assert found.names == ("posix.system",)
    assert found.runs
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_names_that_a_pickle_remembers_are_put_together(tmp_path: Path, protocol: int) -> None:
    body = [OrderedDict(), zipfile.ZipFile, OrderedDict(a=1), zipfile.ZipInfo, Harmful()]
    (found,) = scanned(tmp_path, **{"a.pkl": pickle.dumps(body, protocol)})
    named = {name.removeprefix("zipfile._path.") for name in found.names}
    assert named == {
        "collections.OrderedDict",
        "zipfile.ZipFile",
        "zipfile.ZipInfo",
        "posix.system",
    }


@pytest.mark.parametrize(
    "compressed", [gzip.compress, bz2.compress, lzma.compress, zlib.compress, bytes]
)
def test_a_pickle_is_found_compressed_as_joblib_does(
    tmp_path: Path, compressed: Callable[[bytes], bytes]
) -> None:
    body = pickle.dumps([Harmful(), os.urandom(1_200_000)])
    (found,) = scanned(tmp_path, **{"model.joblib": compressed(body)})
    assert found.names == ("posix.system",)


def test_a_pickle_is_found_within_an_archive_and_in_an_array_of_objects(tmp_path: Path) -> None:
    packed, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([Harmful()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner/data.pkl", pickle.dumps(Harmful()))
        archive.writestr("table.npy", array.getvalue())
        archive.writestr("config.json", "{}")
    found = scanned(tmp_path, **{"model.keras": packed.getvalue()})
    assert [one.where for one in found] == ["model.keras/inner/data.pkl", "model.keras/table.npy"]
    assert all("posix.system" in one.names for one in found)


def test_what_is_no_pickle_is_not_called_one(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.arange(10.0))
    files = {
        "a.json": json.dumps({"c": [1, 2]}).encode(),
        "b.txt": b"tree\nversion=v4\n",
        "c.npy": array.getvalue(),
        "d.csv": b"c\nab\ncd\n",
        "e.bin": bytes(range(256)) * 10,
        "f.onnx": b"\x08\x0a\x12\x04test",
        "g.prototxt": b"layer { name: 'c' }",
        "h.md": b"(a note)\nI am. ",
        "i.gz": gzip.compress(b"plain text"),
    }
    assert scanned(tmp_path, **files) == ()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sklearn.linear_model._base.LinearRegression", "skops.io.dump"),
        ("torch._utils._rebuild_tensor_v2", "torch.export.save"),
        ("posix.system", "export it as ONNX"),
    ],
)
def test_the_refusal_says_what_to_do_instead(name: str, advice: str) -> None:
    said = refusal(Pickle("model.pkl", (name,), runs=True))
    assert "model.pkl is a Python pickle" in said
    assert name in said
    assert advice in said
    assert "--allow-unsafe" in said
