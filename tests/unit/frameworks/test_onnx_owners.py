"""Which raw column each feature in a graph is made of."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_owners import CONSTANT, SEVERAL, owners_in


def owners(nodes: list[Any], **kept: Any) -> dict[str, list[int]]:  # noqa: ANN401
    """Of a graph over `x`, raw columns 4, 5 and 6."""
    taken = helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["rows", 3])
    constants = [numpy_helper.from_array(np.asarray(one), name) for name, one in kept.items()]
    graph = helper.make_graph(nodes, "made", [taken], [], initializer=constants)
    content = helper.make_model(graph).SerializeToString()
    found = owners_in(parsed(content).graph, {"x": np.array([4, 5, 6], dtype=np.int64)})
    return {name: one.tolist() for name, one in found.items()}


def node(kind: str, *inputs: str, **attributes: Any) -> Any:  # noqa: ANN401 - ONNX's
    return helper.make_node(kind, list(inputs), ["y"], **attributes)


@pytest.mark.parametrize(
    ("made", "kept", "meant"),
    [
        (node("Add", "x", "one"), {"one": 1.0}, [4, 5, 6]),
        (node("Gather", "x", "places", axis=1), {"places": [2, 0]}, [6, 4]),
        (node("Gather", "x", "places", axis=0), {"places": [2, 0]}, None),
        (node("MatMul", "x", "m"), {"m": [[1.0, 0], [0, 1], [0, 1]]}, [4, SEVERAL]),
        (node("MatMul", "x", "m"), {"m": [[0.0], [0.0], [0.0]]}, [CONSTANT]),
        (node("ReduceSum", "x", "one"), {"one": [1]}, [SEVERAL]),
        (node("Concat", "x", "x", axis=1), {}, [4, 5, 6, 4, 5, 6]),
        (node("Mul", "x", "x"), {}, [4, 5, 6]),
        (node("Unsqueeze", "x", "two"), {"two": [2]}, None),
        (node("Einsum", "x"), {}, None),
        (node("Add", "x", "unknown"), {}, None),
    ],
)
def test_operators_keep_join_or_hide_the_columns(
    made: Any,  # noqa: ANN401
    kept: dict[str, Any],
    meant: list[int] | None,
) -> None:
    assert owners([made], **kept).get("y") == meant


def test_a_table_that_is_looked_up_by_a_column_is_of_that_column() -> None:
    nodes = [
        helper.make_node("Gather", ["x", "last"], ["column"], axis=1),
        helper.make_node("Equal", ["column", "known"], ["is_it"]),
        helper.make_node("MatMul", ["is_it", "steps"], ["code"]),
        helper.make_node("Gather", ["table", "code"], ["found"]),
        helper.make_node("Squeeze", ["found", "one"], ["features"]),
        helper.make_node("Add", ["features", "column"], ["broad"]),
        helper.make_node("Gather", ["x", "first"], ["other"], axis=1),
        helper.make_node("Add", ["features", "other"], ["mixed"]),
    ]
    kept = {
        "last": [2], "first": [0], "one": [1], "known": [[1.0, 2.0]], "steps": [[0.0], [1.0]],
        "table": np.eye(3),
    }  # fmt: skip
    found = owners(nodes, **kept)
    assert found["is_it"] == [6, 6]
    assert found["features"] == [6, 6, 6]
    assert found["broad"] == [6, 6, 6]
    assert found["mixed"] == [SEVERAL] * 3
