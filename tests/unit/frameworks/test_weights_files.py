"""Headers of safetensors that lie are refused by a sentence, before anything is allocated."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.weights_files import floats_of, is_safetensors, read_floats, read_header

PLAIN = {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def packed(header: object, body: bytes = bytes(16), length: int | None = None) -> bytes:
    said = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return (len(said) if length is None else length).to_bytes(8, "little") + said + body


def written(folder: Path, content: bytes) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return path


def tensor(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_floats_of_every_width_come_out_as_float32(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0], [0.25, 3.0]], dtype=np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    body = values.tobytes() + values.astype(np.float16).tobytes() + upper.tobytes() + bytes(8)
    header = {
        "__metadata__": {"format": "pt"},
        "a": tensor([2, 2], 0, 16),
        "b": tensor([2, 2], 16, 24, "F16"),
        "c": tensor([2, 2], 24, 32, "BF16"),
        "ids": tensor([1], 32, 40, "I64"),
    }
    path = written(tmp_path, packed(header, body))
    found = read_floats(path)
    assert sorted(found) == ["a", "b", "c"]
    for one in found.values():
        np.testing.assert_array_equal(one, values)
    assert read_header(path).tensors["ids"].dtype == "I64"
    assert list(read_floats(path, ["b"])) == ["b"]
    assert is_safetensors(path.read_bytes()[:16], path.stat().st_size)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no safetensors file"),
        (packed(PLAIN, length=2**62), "says that its header is"),
        (packed(PLAIN, length=1), "says that its header is"),
        (packed(b"{no json"), "is no safetensors file"),
        (packed([]), "is no safetensors file"),
        (packed({"w": {"dtype": "F32"}}), "is no safetensors file"),
        (packed({"w": tensor([2**30, 2**30], 0, 16)}), "4,611,686,018,427,387,904 bytes"),
        (packed({"w": tensor([2**70], 0, 16)}), "is no size"),
        (packed({"w": tensor([-1], 0, 16)}), "is no size"),
        (packed({"w": tensor([True], 0, 1)}), "is no size"),
        (packed({"w": tensor([1] * 99, 0, 4)}), "99 sides"),
        (packed({"w": tensor([4], 0, 2**39)}), "gives it 549,755,813,888"),
        (packed({"w": tensor([1], 16, 20)}), "overlap or leave gaps"),
        (packed({"a": tensor([4], 0, 16), "b": tensor([2], 8, 16)}), "overlap or leave gaps"),
        (packed({"w": tensor([2], 0, 8)}), "cut short, or hides something"),
        (packed({"w": tensor([8], 0, 32)}), "cut short, or hides something"),
        (packed({"w": tensor([4], 0, 16, "OBJ")}), "which nobody reads"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_header(written(tmp_path, content))
    with pytest.raises(InvalidInput):
        floats_of(content)
