"""A pipeline as one graph of ONNX: its encoders, its core and its head.

The features are the same to the bit; what a graph cannot do is refuse a row, so what must be there
and finite is said beside it.
"""

import onnx
from onnx import TensorProto, compose, helper

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.pipeline.declaration import Pipeline
from lichen.pipeline.heads import columns_of
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.exporting.folding_answers import write_answers
from lichen.registry.exporting.folding_features import unfoldable, write_features
from lichen.registry.exporting.sketch import ML, Sketch

_PREFIX = "core/"
_LEAST_OPSET, _ML_OPSET, _LEAST_ML_OPSET = 13, 3, 2
_TYPES = {
    Datatype.BOOL: TensorProto.BOOL,
    Datatype.INT64: TensorProto.INT64,
    Datatype.FP32: TensorProto.FLOAT,
    Datatype.FP64: TensorProto.DOUBLE,
    Datatype.BYTES: TensorProto.STRING,
}


def folded(pipeline: Pipeline, core: bytes) -> bytes:
    """One model that takes raw columns and answers as the pipeline does; equal bytes each time.

    Raises:
        InvalidInput: it cannot be; the message is a clause that says why.
    """
    model = onnx.load_model_from_string(core)
    opsets = {one.domain: one.version for one in model.opset_import}
    why = unfoldable(pipeline) or _unjoinable(model, opsets)
    if why is not None:
        raise InvalidInput(why)
    width = _width(model, pipeline)
    inner = compose.add_prefix(model, _PREFIX).graph
    graph = Sketch(opsets[""])
    features = write_features(pipeline, graph)
    graph.node("Identity", features, output=inner.input[0].name)
    before, raw = len(graph.nodes), inner.output[0].name
    answered = model.graph.output[0]
    answers = {answered.name: raw}
    if pipeline.head is not None:
        answers = write_answers(pipeline.head, raw, width, graph)
    for name, made in answers.items():
        graph.node("Identity", made, output=name)
    signature = pipeline_signature(pipeline)
    outputs = [_info(spec) for spec in signature.outputs] or [answered]
    made_graph = helper.make_graph(
        [*graph.nodes[:before], *inner.node, *graph.nodes[before:]],
        "pipeline",
        [_info(spec) for spec in signature.inputs],
        outputs,
        initializer=[*graph.constants, *inner.initializer],
    )
    made_graph.sparse_initializer.extend(inner.sparse_initializer)
    imports = {ML: _ML_OPSET, **opsets}
    whole = helper.make_model(
        made_graph,
        opset_imports=[helper.make_opsetid(*one) for one in sorted(imports.items())],
        producer_name="lichen",
        ir_version=model.ir_version,
    )
    onnx.checker.check_model(whole)
    return bytes(whole.SerializeToString(deterministic=True))


def _unjoinable(model: onnx.ModelProto, opsets: dict[str, int]) -> str | None:
    """Why nothing can be put around a core."""
    weights = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    if opsets.get("", 0) < _LEAST_OPSET:
        return f"its core is of opset {opsets.get('', 0)}, below {_LEAST_OPSET}"
    if opsets.get(ML, _ML_OPSET) < _LEAST_ML_OPSET:
        return f"its core is of opset {opsets[ML]} of {ML}, below {_LEAST_ML_OPSET}"
    if len(inputs) != 1 or model.functions:
        return "its core takes several tensors, or has functions of its own"
    if inputs[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        return "its core takes no float32"
    return None


def _width(model: onnx.ModelProto, pipeline: Pipeline) -> int:
    """How many columns the core says."""
    if pipeline.head is None:
        return 0
    known = columns_of(pipeline.head)
    sizes = model.graph.output[0].type.tensor_type.shape.dim
    said = sizes[-1].dim_value if len(sizes) == 2 else 0
    if said in known:
        return int(said)
    if len(known) == 1:
        return known[0]
    raise InvalidInput("its core does not say how many columns it answers")


def _info(spec: TensorSpec) -> onnx.ValueInfoProto:
    shape = ["rows" if size < 0 else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, _TYPES[spec.datatype], shape)
