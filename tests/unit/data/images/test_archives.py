"""Zip files that lie of what is in them are refused before they are unpacked."""

import tracemalloc
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.data.images.archive import Archive
from lichen.data.images.npz import read_npz
from lichen.data.options import Limits

HELD_BYTES, SAID_BYTES = 48 << 20, 100


def _lying(path: Path, method: int) -> Path:
    with ZipFile(path, "w", method) as packed:
        packed.writestr("cat/1.png", bytes(HELD_BYTES))
    held, said = (size.to_bytes(4, "little") for size in (HELD_BYTES, SAID_BYTES))
    path.write_bytes(path.read_bytes().replace(held, said))
    return path


def test_a_member_larger_than_it_says_is_not_unpacked_whole(tmp_path: Path) -> None:
    archive = Archive(_lying(tmp_path / "pets.zip", ZIP_DEFLATED), "pets.zip", Limits())
    assert archive.size("cat/1.png") == SAID_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=r"cat/1.png in pets.zip is damaged"):
            archive.read("cat/1.png")
        assert tracemalloc.get_traced_memory()[1] < HELD_BYTES // 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
def test_methods_that_unpack_all_at_once_are_refused(tmp_path: Path, method: int) -> None:
    path = _lying(tmp_path / "pets.zip", method)
    with pytest.raises(InvalidInput, match=f"packed by method {method}"):
        Archive(path, "pets.zip", Limits())


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': (",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 28, 28)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    ],
)
def test_an_array_with_a_header_that_lies_is_refused(tmp_path: Path, header: bytes) -> None:
    body = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    path = tmp_path / "pets.npz"
    with ZipFile(path, "w") as packed:
        packed.writestr("images.npy", body)
        packed.writestr("labels.npy", body)
    with pytest.raises(InvalidInput, match=r"images.npy in pets.npz is no array"):
        read_npz(Archive(path, "pets.npz", Limits()), Limits())


@pytest.mark.parametrize("point", [0xD800, 0x110000, 0xFFFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_labels_that_are_no_unicode_are_refused(tmp_path: Path, point: int, order: str) -> None:
    labels = np.array([point, ord("b")], dtype=f"{order}u4").view(f"{order}U1")
    path = tmp_path / "pictures.npz"
    np.savez(path, images=np.zeros((2, 4, 4), dtype=np.uint8), labels=labels)
    with pytest.raises(InvalidInput, match="no Unicode"):
        read_npz(Archive(path, path.name, Limits()), Limits())
