"""ONNX models of known cost: so many units of the same arithmetic for each row.

A unit is the inverse hyperbolic sine of 250 numbers, 2.5 microseconds, so a row of the models costs
60, 150 and 400. Each run does three rows beside those that were asked, which makes 64 rows at once
worth more than 5 % less a row than 16: the platform therefore runs batches of 64 rows of each, some
16 requests, whose cost beside their rows is the same share of each model's.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

UNITS = {"light": 24, "middle": 60, "heavy": 160}
"""Units for each row."""
NUMBERS = 250
SPARE_ROWS = 3
BATCH_ROWS = 60
"""Rows of a batch as it comes under load: the next request often no longer fits."""


def arithmetic(units: int) -> bytes:
    """A model of so many units a row.

    A text goes through it as well, which leaves it to one runtime: the others take numbers only.
    """
    nodes = [
        helper.make_node("Mul", ["x", "ones"], ["asked"]),
        helper.make_node("Concat", ["asked", "spare"], ["y0"], axis=0),
        *(helper.make_node("Asinh", [f"y{one}"], [f"y{one + 1}"]) for one in range(units)),
        helper.make_node("ReduceMean", [f"y{units}", "axis"], ["means"], keepdims=1),
        helper.make_node("Slice", ["means", "first", "last", "rows"], ["y"]),
        helper.make_node("Identity", ["tag"], ["same"]),
    ]
    kept = [
        numpy_helper.from_array(np.ones((1, NUMBERS), dtype=np.float32), "ones"),
        numpy_helper.from_array(np.ones((SPARE_ROWS, NUMBERS), dtype=np.float32), "spare"),
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(np.array([0]), "first"),
        numpy_helper.from_array(np.array([-SPARE_ROWS]), "last"),
        numpy_helper.from_array(np.array([0]), "rows"),
    ]
    takes, gives = (
        [
            helper.make_tensor_value_info(number, TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info(text, TensorProto.STRING, ["n"]),
        ]
        for number, text in (("x", "tag"), ("y", "same"))
    )
    graph = helper.make_graph(nodes, "arithmetic", takes, gives, kept)
    opsets = [helper.make_opsetid("", 18)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(made.SerializeToString())
