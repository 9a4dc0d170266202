"""The classification extension: which strings, in which order, for whom not."""

import json

import numpy as np
import pytest

from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.classification import Ranking, class_count, classified, rankings
from lichen.protocol.codec import decode

X = TensorSpec("x", Datatype.FP32, (-1, 4))


def top(
    values: object, count: int, labels: tuple[str, ...] = (), *, has_rows: bool = True
) -> list[object]:
    found = classified(np.asarray(values), Ranking(count, labels, has_rows))
    return [[one.decode() for one in row] for row in found] if found.ndim > 1 else list(found)


def test_the_published_example() -> None:
    assert top([[1, 5, 10, 4]], 2) == [["10:2", "5:1"]]
    fruit = ("a", "pickle", "apple", "b")
    assert top([[1, 5, 10, 4]], 2, fruit) == [["10:2:apple", "5:1:pickle"]]
    values = np.array([1.1, 3.3, 0.5, 2.4], np.float32)
    assert top(values, 2, has_rows=False) == [b"3.3:1", b"2.4:3"]


def test_each_row_has_its_own_and_the_first_of_equals_wins() -> None:
    assert top([[1, 1, 2], [3, 3, 3]], 3) == [["2:2", "1:0", "1:1"], ["3:0", "3:1", "3:2"]]
    assert top([[1, 2]], 9) == [["2:1", "1:0"]]
    assert top([[[1, 2], [4, 3]]], 2) == [["4:2", "3:3"]]
    assert top([5, 7], 1) == [["5:0"], ["7:0"]]


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_integers_are_ranked_over_their_whole_range(dtype: type) -> None:
    limits = np.iinfo(dtype)
    assert top(np.array([[limits.min, limits.max, 5]], dtype=dtype), 3) == [
        [f"{limits.max}:1", "5:2", f"{limits.min}:0"]
    ]


def test_infinity_has_a_rank_and_nan_has_none() -> None:
    assert top([[1.0, np.inf, -np.inf]], 3) == [["inf:1", "1.0:0", "-inf:2"]]
    with pytest.raises(WorkFailed, match="NaN"):
        top([[1.0, np.nan]], 1)


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True, 2**31])
def test_a_count_that_is_none_is_refused(count: object) -> None:
    with pytest.raises(InvalidInput, match=r"'y'.*whole number from 1"):
        class_count({"classification": count}, "y")


def test_who_asks_for_no_classes_gets_values() -> None:
    assert class_count(None, "y") is None
    assert class_count({"binary_data": True}, "y") is None


@pytest.mark.parametrize("datatype", [Datatype.BYTES, Datatype.BOOL])
def test_an_output_that_is_no_number_is_refused_before_anything_is_computed(
    datatype: Datatype,
) -> None:
    signature = Signature((X,), (TensorSpec("y", datatype, (-1, 2)),))
    with pytest.raises(InvalidInput, match=f"'y' is {datatype}"):
        rankings({"y": 2}, signature)
    assert rankings({"unknown": 2}, signature) == {}


def test_labels_are_the_columns_of_the_signature() -> None:
    named = TensorSpec("y", Datatype.FP32, (-1, 2), columns=("calm", "storm"))
    assert rankings({"y": 2}, Signature((X,), (named,))) == {
        "y": Ranking(2, ("calm", "storm"), has_rows=True)
    }


def test_a_request_says_how_many_for_each_output_every_time_it_is_read() -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]}
    outputs = [{"name": "y", "parameters": {"classification": 2}}, {"name": "z"}]
    body = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
    for _ in range(3):
        decoded = decode(body)
        assert decoded.classes == {"y": 2}
        assert decoded.outputs == ("y", "z")
