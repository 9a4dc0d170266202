"""Write what stands around a pretrained model of time series: a forecaster's one door, as ONNX.

`features` `(rows, context + 1)`, the last a constant, become windows scaled to 0 to 1; the model
stands within as it came, under names of its own; of what it says the median quantile and the steps
asked for are taken, and scaled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.onnx_checks import opset_of, parts_of, read_model
from lichen.frameworks.onnx_writer import INPUT, OPSET, OUTPUT

SMALLEST_SPAN = 1e-5
"""Of a window: one that hardly changes is not blown up to 1."""

_PREFIX = "pretrained/"
_LEAST_OPSET, _LEAST_IR = 8, 4
_AXES_ARE_INPUT = 18
"""From this opset on a reduction takes its axes as a tensor."""


@dataclass(frozen=True, slots=True)
class Windows:
    """What a model takes.

    Attributes:
        name: of its input.
        datatype: float16, float32 or float64.
        shape: of one row, -1 for an open window: `(context,)`, or with ones beside it.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    @property
    def context(self) -> int | None:
        """Steps of a window; None: any number."""
        long = [size for size in self.shape if size != 1]
        return None if long == [-1] else (long[0] if long else 1)

    def laid(self, context: int) -> tuple[int, ...]:
        """The shape of one row of so many steps."""
        return tuple(context if size == -1 else size for size in self.shape)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model answers.

    Attributes:
        name: of its output.
        shape: of one row.
        horizon: steps it says.
        levels: where in `shape` its quantiles stand, from low to high; None: it says none.
    """

    name: str
    shape: tuple[int, ...]
    horizon: int
    levels: int | None


def around(content: bytes, windows: Windows, said: Said, context: int, horizon: int) -> bytes:
    """The model with what stands around it; equal bytes each time.

    Raises:
        InvalidInput: it is of an opset too old for that.
    """
    from onnx import TensorProto, helper, numpy_helper

    model = read_model(content)
    opset = opset_of(content)
    if opset is None:
        opset = OPSET
        model.opset_import.append(helper.make_opsetid("", OPSET))
    if opset < _LEAST_OPSET:
        raise InvalidInput(
            f"the pretrained model is of ONNX opset {opset}, below {_LEAST_OPSET}: export it again "
            f"with opset_version={OPSET}"
        )
    graph = model.graph
    _prefix(graph)
    before = _before(windows, context, opset)
    after = _after(said, horizon)
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before.nodes, *inner, *after.nodes])
    constants = {**before.constants, **after.constants}
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    del graph.input[:]
    del graph.output[:]
    info = helper.make_tensor_value_info
    graph.input.append(info(INPUT, TensorProto.FLOAT, ["rows", context + 1]))
    graph.output.append(info(OUTPUT, TensorProto.FLOAT, ["rows", horizon]))
    model.ir_version = max(model.ir_version, _LEAST_IR)  # weights need not be inputs from there on
    return bytes(model.SerializeToString(deterministic=True))


class _Sketch:
    """Nodes and constants of one side."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, name: str, value: object, dtype: type) -> str:
        self.constants[name] = np.asarray(value, dtype=dtype)
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str, **attributes: int | list[int]
    ) -> str:
        from onnx import helper

        said: dict[str, Any] = dict(attributes)
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **said))
        return output


def _before(windows: Windows, context: int, opset: int) -> _Sketch:
    """From `features` to the model's input; leaves `low` and `span` of each window."""
    made = _Sketch()
    places = made.constant("window_places", np.arange(context), np.int64)
    window = made.node("Gather", [INPUT, places], "window", axis=1)
    for kind, name in (("ReduceMin", "low"), ("ReduceMax", "high")):
        if opset >= _AXES_ARE_INPUT:
            axes = made.constant("window_axis", [1], np.int64)
            made.node(kind, [window, axes], name, keepdims=1)
        else:
            made.node(kind, [window], name, axes=[1], keepdims=1)
    made.node("Sub", ["high", "low"], "distance")
    least = made.constant("least_span", [SMALLEST_SPAN], np.float32)
    made.node("Max", ["distance", least], "span")
    made.node("Sub", [window, "low"], "moved")
    made.node("Div", ["moved", "span"], "scaled")
    laid = made.constant("window_shape", [-1, *windows.laid(context)], np.int64)
    made.node("Reshape", ["scaled", laid], "laid")
    made.node("Cast", ["laid"], _PREFIX + windows.name, to=_element(windows.datatype))
    return made


def _after(said: Said, horizon: int) -> _Sketch:
    """From the model's output to `raw`."""
    made = _Sketch()
    made.node("Cast", [_PREFIX + said.name], "said", to=_element(Datatype.FP32))
    answers = "said"
    if said.levels is not None:
        middle = made.constant("median_place", said.shape[said.levels] // 2, np.int64)
        answers = made.node("Gather", [answers, middle], "medians", axis=said.levels + 1)
    flat = made.constant("answer_shape", [-1, said.horizon], np.int64)
    made.node("Reshape", [answers, flat], "steps")
    places = made.constant("step_places", np.arange(horizon), np.int64)
    made.node("Gather", ["steps", places], "asked", axis=1)
    made.node("Mul", ["asked", "span"], "stretched")
    made.node("Add", ["stretched", "low"], OUTPUT)
    return made


def _element(datatype: Datatype) -> int:
    from onnx import TensorProto

    return int(
        {
            Datatype.FP16: TensorProto.FLOAT16,
            Datatype.FP32: TensorProto.FLOAT,
            Datatype.FP64: TensorProto.DOUBLE,
        }[datatype]
    )


def _prefix(graph: Any) -> None:  # noqa: ANN401 - onnx's own type
    """Put a prefix before every tensor's name, in subgraphs alike: they see those around them."""
    from onnx import GraphProto, NodeProto, ValueInfoProto

    for node in list(parts_of(graph, NodeProto)):
        for names in (node.input, node.output):
            names[:] = [_PREFIX + name if name else name for name in names]
    for value in list(parts_of(graph, ValueInfoProto)):
        value.name = _PREFIX + value.name
    for one in [graph, *parts_of(graph, GraphProto)]:
        for weight in (*one.initializer, *(sparse.values for sparse in one.sparse_initializer)):
            weight.name = _PREFIX + weight.name
        del one.quantization_annotation[:]
