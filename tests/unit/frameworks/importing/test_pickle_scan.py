import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.pickles import Pickle, pickle_in, refusal
from lichen.frameworks.importing.searching import found_pickles
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
    body = pickle.dumps([Harmful(), np.random.default_rng(0).bytes(1_200_000)])
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


def packed(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in members.items():
            archive.writestr(name, one)
    return content.getvalue()


def tarred(content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        member = tarfile.TarInfo("inner.pkl")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def test_a_pickle_is_found_in_an_archive_within_an_archive(tmp_path: Path) -> None:
    harmful = pickle.dumps(Harmful())
    inner = packed(one=harmful, two=gzip.compress(harmful), three=b"plain")
    found = scanned(tmp_path, **{"model.skops": packed(sparse=packed(inner=inner), b=b"{}")})
    assert [one.where for one in found] == [
        "model.skops/sparse/inner/one",
        "model.skops/sparse/inner/two",
    ]
    assert all(one.names == ("posix.system",) for one in found)


def test_archives_within_archives_are_looked_into_only_so_deep(tmp_path: Path) -> None:
    content = pickle.dumps(Harmful())
    for _ in range(4):
        content = packed(x=content)
    with pytest.raises(InvalidInput, match=r"m\.bin/x/x/x is an archive within archives, 4 deep"):
        scanned(tmp_path, **{"m.bin": content})


def test_archives_within_archives_are_looked_into_only_so_far(tmp_path: Path) -> None:
    inner = packed(zeros=bytes(2**18))
    (tmp_path / "m.bin").write_bytes(packed(a=inner, b=inner, c=inner))
    source = laid_out(tmp_path, "model")
    assert found_pickles(source, most_inner_bytes=2**20) == ()
    with pytest.raises(TooLarge, match=r"m\.bin/b and the archives beside it hold over 300,000"):
        found_pickles(source, most_inner_bytes=300_000)


def test_a_bomb_within_an_archive_is_refused(tmp_path: Path) -> None:
    bomb = packed(zeros=bytes(2**26 + 1))
    with pytest.raises(InvalidInput, match=r"m\.bin/x would unpack from .* as a zip bomb"):
        scanned(tmp_path, **{"m.bin": packed(x=bomb)})


@pytest.mark.parametrize(
    "hidden",
    [
        tarred,
        lambda one: gzip.compress(tarred(one)),
        lambda one: bz2.compress(packed(x=one)),
        lambda one: gzip.compress(lzma.compress(one)),
    ],
    ids=["tar", "compressed tar", "compressed zip", "compressed twice"],
)
def test_archives_that_no_model_has_are_refused_beside_its_files_and_within(
    tmp_path: Path, hidden: Callable[[bytes], bytes]
) -> None:
    content = hidden(pickle.dumps(Harmful()))
    for name, given in (("more.bin", content), ("m.bin", packed(inner=content))):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(InvalidInput, match="is an archive among the model's files"):
            scanned(folder, **{name: given})


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


CALL = b"cos\nsystem\n(S'touch harmed'\ntR"


@pytest.mark.parametrize(
    "content",
    [
        b"N0" + CALL + b".",
        b"I1\n0" + CALL + b".",
        b"Vtext\n0" + CALL + b".",
        CALL + b"\xff",
        b"\x80\x02" + b"N0" * 1_000_001 + CALL + b".",
    ],
    ids=["none first", "a number first", "a text first", "broken off on purpose", "endless"],
)
def test_a_pickle_is_found_however_it_begins_and_ends(tmp_path: Path, content: bytes) -> None:
    (found,) = scanned(tmp_path, **{"weights.bin": content})
    assert found.names in (("os.system",), ("?.beyond_what_is_looked_at",))


def test_an_archive_packed_at_any_second_is_looked_through_without_a_warning() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a", (2026, 11, 22, 5, 10, 56)), b"plain\n")
    assert b"\\)" in packed.getvalue()[:16], "an escape that no text of Python has"
    assert pickle_in(packed.getvalue(), "model.pt") is None


def test_texts_that_begin_as_a_pickle_may_are_none(tmp_path: Path) -> None:
    lists = {
        "vocabulary.txt": b"cat\ndog\nbird\nRabbit\n",
        "names.txt": b"Version 1\ncopyright 2020\nReserved\n",
        "numbers.csv": b"I1,2\n3,4\n",
    }
    assert scanned(tmp_path, **lists) == ()


def objects_of(descr: str, version: bytes, padding: int = 0) -> bytes:
    """A file of NumPy whose header says so, with a pickle after it."""
    said = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}{' ' * padding}\n"
    size = len(said).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + said.encode() + pickle.dumps(Harmful(), 2)


@pytest.mark.parametrize(
    "content",
    [
        objects_of("'O'", b"\x01\x00"),
        objects_of("[('a', 'O')]", b"\x01\x00"),
        objects_of("'|O'", b"\x02\x00", padding=1 << 17),
        objects_of("'object'", b"\x03\x00"),
    ],
    ids=["without its order", "a field", "a long header", "by its name"],
)
def test_values_that_are_objects_are_found_however_numpy_says_so(
    tmp_path: Path, content: bytes
) -> None:
    (found,) = scanned(tmp_path, **{"values.npy": content})
    assert found.names == ("posix.system",)


HIDDEN = b"".join(
    b"\x8c" + len(text).to_bytes(1, "little") + text
    for text in (b"posix", b"system", b"torch._utils", b"_rebuild_tensor_v2")
)


@pytest.mark.parametrize("between", [b"00", b"0\x940\x94", b"22\x86\x86000", b"h\x070h\x07000"])
@pytest.mark.parametrize("head", [b"\x80\x04", b""], ids=["a header", "no header"])
def test_a_name_beneath_texts_that_were_dropped_is_not_told_as_these(
    head: bytes, between: bytes
) -> None:
    found = pickle_in(head + HIDDEN + between + b"\x93.", "data.pkl")
    assert found is not None
    assert found.names == ("?.computed_as_it_is_read",)


def test_a_text_remembered_from_the_top_of_a_stack_that_is_not_known_is_none() -> None:
    remembered = HIDDEN + b"00q\x010q\x00h\x00h\x01\x93."
    found = pickle_in(b"\x80\x04" + remembered, "data.pkl")
    assert found is not None
    assert found.names == ("?.computed_as_it_is_read",)


@pytest.mark.parametrize("content", [b"ctorch.utils.collect_env\nrun\n(S'id'\ntR\xff"])
def test_one_without_a_header_that_breaks_off_counts_by_any_package_at_hand(content: bytes) -> None:
    found = pickle_in(content, "weights.bin")
    assert found == Pickle(
        "weights.bin", ("torch.utils.collect_env.run",), runs=True, is_whole=False
    )


@pytest.mark.parametrize("protocol", range(6))
def test_names_and_texts_said_again_are_told_at_every_protocol(protocol: int) -> None:
    again = [OrderedDict(posix=1), "posix", "system", Harmful(), OrderedDict, Harmful(), os.system]
    found = pickle_in(pickle.dumps(again, protocol), "a.pkl")
    assert found == Pickle("a.pkl", ("collections.OrderedDict", "posix.system"), runs=True)
