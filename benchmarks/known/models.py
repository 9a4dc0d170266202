"""ONNX models of known cost: so many units of the same arithmetic for each row.

A unit is the inverse hyperbolic sine of 250 numbers, 2.5 microseconds, so a row of the models costs
15, 55 and 220. The platform aims at batches of just under a millisecond: 64, 16 and 4 rows of them
run at once, and what a run costs beside its rows is about the same share of each.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

UNITS = {"light": 6, "middle": 22, "heavy": 88}
"""Units for each row."""
NUMBERS = 250
BATCH_ROWS = 64
"""Rows that are a full batch of each, or several."""


def arithmetic(units: int) -> bytes:
    """A model of so many units a row.

    A text goes through it as well, which leaves it to one runtime: the others take numbers only.
    """
    nodes = [
        helper.make_node("Mul", ["x", "ones"], ["y0"]),
        *(helper.make_node("Asinh", [f"y{one}"], [f"y{one + 1}"]) for one in range(units)),
        helper.make_node("ReduceMean", [f"y{units}", "axis"], ["y"], keepdims=1),
        helper.make_node("Identity", ["tag"], ["same"]),
    ]
    kept = [
        numpy_helper.from_array(np.ones((1, NUMBERS), dtype=np.float32), "ones"),
        numpy_helper.from_array(np.array([1]), "axis"),
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
