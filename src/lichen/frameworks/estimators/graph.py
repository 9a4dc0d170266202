"""A chain of ONNX operators from `features` to `raw` as the bytes of a model."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from lichen.frameworks.onnx_writer import INPUT, IR_VERSION, ML_OPSET, OPSET, OUTPUT

Wire = tuple[str, list[str], str]
"""An operator, what it takes, and what it gives; a cast names its type, as `Cast:DOUBLE`."""


def model_of(
    wires: Sequence[Wire], constants: Mapping[str, NDArray[Any]], *, width: int, outputs: int
) -> bytes:
    """The serialised, checked model; equal operators and constants give equal bytes."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes = []
    for kind, inputs, output in wires:
        operator, _, target = kind.partition(":")
        attributes = {"to": getattr(TensorProto, target)} if target else {}
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
    graph = helper.make_graph(
        nodes,
        "core",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", outputs])],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
