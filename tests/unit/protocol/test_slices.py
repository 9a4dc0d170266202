"""Long JSON bodies in slices: read as any decoder reads them, or refused in as good a sentence."""

import json

import numpy as np
import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Datatype
from lichen.protocol.codec import decode
from lichen.protocol.slices import FRAME_BYTES, decode_sliced

COUNT = 60_000
NUMBERS = [round(0.25 * number, 2) for number in range(COUNT)]


def tensor(data: object, shape: list[int], datatype: str = "FP32", name: str = "x") -> object:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def body(*tensors: object, **more: object) -> bytes:
    return json.dumps({"inputs": tensors, **more}).encode()


def nested(*shape: int) -> object:
    listed: object = np.array(NUMBERS).reshape(shape).tolist()
    return listed


@pytest.mark.parametrize("shape", [[COUNT], [100, 600], [20, 30, 100]])
def test_flat_and_nested_lists_are_read(shape: list[int]) -> None:
    for data in (NUMBERS, nested(*shape)):
        found = decode_sliced(body(tensor(data, shape), id="[7]")).tensors["x"]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.array(NUMBERS, np.float32).reshape(shape))


@pytest.mark.parametrize("datatype", ["BOOL", "INT8", "UINT64", "FP16", "FP64"])
def test_every_datatype_of_numbers_is_read(datatype: str) -> None:
    values = [number % 2 == 1 for number in range(COUNT)]
    data = values if datatype == "BOOL" else [int(value) for value in values]
    for shape in ([COUNT], [300, 200]):
        asked = body(tensor(np.array(data, dtype=object).reshape(shape).tolist(), shape, datatype))
        np.testing.assert_array_equal(
            decode_sliced(asked).tensors["x"], decode(asked).tensors["x"], strict=True
        )


def test_several_inputs_short_ones_and_texts_stand_beside_long_ones() -> None:
    asked = body(
        tensor(["a[", "]b"], [2], "BYTES", "texts"),
        tensor(NUMBERS, [COUNT], "FP64", "long"),
        tensor([1, 2], [1, 2], "INT32", "short"),
        tensor(nested(COUNT, 1), [COUNT, 1], "FP32", "nested"),
        outputs=[{"name": "y"}],
        parameters={"priority": 3},
    )
    found = decode_sliced(asked)
    assert list(found.tensors) == ["texts", "long", "short", "nested"]
    assert found.tensors["short"].tolist() == [[1, 2]]
    assert found.tensors["nested"].shape == (COUNT, 1)
    assert (found.outputs, found.demands.priority) == (("y",), 3)


def replaced(at: int, wrong: object) -> list[object]:
    return [*NUMBERS[:at], wrong, *NUMBERS[at + 1 :]]


@pytest.mark.parametrize(
    ("data", "shape", "said"),
    [
        (NUMBERS[:-1], [COUNT], f"is {COUNT} values, and holds {COUNT - 1}"),
        (NUMBERS, [-COUNT], "must not be negative"),
        (NUMBERS, [2**62, 2**62], "which is"),
        (replaced(50_000, None), [COUNT], r"no FP32.*counted from its value \d+ on"),
        (replaced(50_000, wrong=True), [COUNT], "no FP32"),
        (replaced(50_000, [1]), [COUNT], "nested otherwise"),
        (nested(600, 100), [100, 600], "nested otherwise"),
        (nested(600, 100), [COUNT], "nested otherwise"),
        (nested(20, 30, 100), [600, 100], "nested otherwise"),
        (replaced(50_000, "1"), [COUNT], "no FP32"),
        (replaced(50_000, {}), [COUNT], "no FP32"),
    ],
)
def test_values_that_do_not_fit_are_named(data: object, shape: list[int], said: str) -> None:
    with pytest.raises(InvalidInput, match=f"input 'x' .*{said}"):
        decode_sliced(body(tensor(data, shape)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[[0.0]", b"[0.0[]"),
        (b", [1.0], [1.25]", b", [1.0], 1.25[]"),
        (b", [1.0], [1.25]", b", [1.0], []1.25"),
        (b", [1.0], [1.25]", b", [1.0], [1.25]]"),
        (b", [1.0], [1.25]", b", [[1.0], 1.25]"),
        (b", [1.0]", b", [1.0.0]"),
        (b", [1.0]", b", [1 0]"),
        (b", [1.0]", b", [01]"),
        (b", [1.0]", b", [,]"),
        (b", [1.0]", b", [NaN]"),
        (b", [1.0]", b", []"),
    ],
)
def test_what_is_no_json_is_never_read_as_if_it_were(old: bytes, new: bytes) -> None:
    right = body(tensor(nested(COUNT, 1), [COUNT, 1]))
    wrong = right.replace(old, new, 1)
    assert wrong != right
    with pytest.raises(InvalidInput):
        decode_sliced(wrong)
    flat = body(tensor(NUMBERS, [COUNT])).replace(b", 1.0,", b", %b," % new.strip(b", []"), 1)
    with pytest.raises(InvalidInput):
        decode_sliced(flat.replace(b"[0.0", b"[,0.0", 1))


def test_integers_out_of_range_are_refused() -> None:
    data = [1] * COUNT
    data[40_000] = 300
    with pytest.raises(InvalidInput, match="'x' holds"):
        decode_sliced(body(tensor(data, [COUNT], "UINT8")))


def test_a_long_list_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no input's data"):
        decode_sliced(body(tensor([1], [1]), extra=NUMBERS))
    text = "[" + "1," * COUNT + "]"
    with pytest.raises(InvalidInput):
        decode_sliced(body(tensor([1], [1]), id=text))


def test_a_list_cannot_be_stood_in_for_by_a_caller() -> None:
    forged = body(tensor(NUMBERS, [COUNT]), tensor(["\0" + "0"], [1], "BYTES", "z"))
    with pytest.raises(InvalidInput):
        decode_sliced(forged)


def test_bf16_has_no_json_form() -> None:
    with pytest.raises(InvalidInput, match="BF16"):
        decode_sliced(body(tensor(NUMBERS, [COUNT], Datatype.BF16)))


def test_long_texts_are_too_large_for_json() -> None:
    texts = ["a" * 100] * (FRAME_BYTES // 90)
    with pytest.raises(TooLarge, match="send them as binary tensors"):
        decode_sliced(body(tensor(texts, [len(texts)], "BYTES")))
