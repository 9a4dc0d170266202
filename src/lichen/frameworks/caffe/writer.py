"""A Caffe network as ONNX: each layer by the function that knows its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe import shaping, statistics, values, windows
from lichen.frameworks.caffe.graph import OPSET, ROWS, Graph, RowsMeet
from lichen.frameworks.caffe.network import Layer, Network, Shape
from lichen.frameworks.caffe.text import Message
from lichen.frameworks.caffe.wire import Floats

Writes = Callable[[Graph, Layer], None]

WRITERS: Mapping[str, Writes] = {
    "AbsVal": values.plain,
    "ArgMax": statistics.arg_max,
    "BNLL": values.plain,
    "BatchNorm": statistics.batch_norm,
    "Bias": values.scale,
    "Clip": values.clip,
    "Concat": shaping.concat,
    "Convolution": windows.convolution,
    "Crop": shaping.crop,
    "Deconvolution": windows.convolution,
    "DepthwiseConvolution": windows.convolution,
    "Dropout": values.plain,
    "ELU": values.elu,
    "Eltwise": values.elementwise,
    "Embed": shaping.embed,
    "Exp": values.exponential,
    "Flatten": shaping.flatten,
    "InnerProduct": windows.inner_product,
    "Interp": shaping.interpolation,
    "LRN": windows.normalisation,
    "Log": values.logarithm,
    "MVN": statistics.mean_variance,
    "Normalize": statistics.normalize,
    "PReLU": values.prelu,
    "Permute": shaping.permute,
    "Pooling": windows.pooling,
    "Power": values.power,
    "ReLU": values.relu,
    "ReLU6": values.clip,
    "Reduction": statistics.reduction,
    "Reshape": shaping.reshape,
    "Scale": values.scale,
    "ShuffleChannel": shaping.shuffle_channels,
    "Sigmoid": values.plain,
    "Slice": shaping.parts,
    "Softmax": statistics.softmax,
    "Split": shaping.split,
    "Swish": values.swish,
    "TanH": values.plain,
    "Threshold": values.threshold,
    "Tile": shaping.tile,
}


@dataclass(frozen=True, slots=True)
class Written:
    """A network as ONNX.

    Attributes:
        content: the model.
        inputs, outputs: their shapes; the rows are `ROWS` where their number is open.
        multiply_adds: about how many a row takes.
        opset: of the model.
        parted: by layer of the kind `Slice`, its settings, where it was said to part equally.
    """

    content: bytes
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    multiply_adds: int
    parted: Mapping[str, tuple[Message, ...]]
    opset: int = OPSET

    @property
    def has_rows(self) -> bool:
        """Whether rows do not know each other, and their number is open."""
        return all(
            shape[:1] == (ROWS,) for shape in (*self.inputs.values(), *self.outputs.values())
        )


def write_onnx(network: Network, means: Mapping[str, Floats]) -> Written:
    """The ONNX model of a network; the number of rows is open where no layer looks at it.

    Args:
        network: what to write.
        means: by input, an image that is taken from what is sent.

    Raises:
        InvalidInput: a layer cannot be written, or does not fit what it gets; the message names it.
    """
    _check_kinds(network)
    for name, shape in network.inputs.items():
        if not shape or any(length < 1 for length in shape[1:]) or shape[0] == 0:
            raise InvalidInput(f"the input {name!r} has the shape {list(shape)}")
    if len({shape[0] for shape in network.inputs.values()}) == 1:
        opened = {name: (ROWS, *shape[1:]) for name, shape in network.inputs.items()}
        try:
            return _written(network, opened, means)
        except RowsMeet as error:
            if any(shape[0] < 1 for shape in network.inputs.values()):
                raise InvalidInput(f"{error}: say how many rows with --input") from error
    return _written(network, network.inputs, means)


def _check_kinds(network: Network) -> None:
    for layer in network.layers:
        if layer.kind == "Python":
            code = layer.settings.message("python_param").text("module", "?")
            raise InvalidInput(
                f"layer {layer.name!r} is code of its own (Python, module {code}), which is never "
                "run here: end the network before it, or replace it by layers of Caffe"
            )
        if layer.kind not in WRITERS:
            raise InvalidInput(
                f"layer {layer.name!r} is of the type {layer.kind!r}, which cannot be written as "
                f"ONNX here: end the network before it; known are {', '.join(WRITERS)}"
            )


def _written(network: Network, inputs: Mapping[str, Shape], means: Mapping[str, Floats]) -> Written:
    graph = Graph(inputs)
    for name, mean in means.items():
        graph.take_away(name, mean)
    for layer in network.layers:
        try:
            WRITERS[layer.kind](graph, layer)
        except RowsMeet as error:
            raise RowsMeet(f"layer {layer.name!r} ({layer.kind}): {error}") from error
        except InvalidInput as error:
            raise InvalidInput(f"layer {layer.name!r} ({layer.kind}): {error}") from error
    outputs = network.outputs()
    if not outputs:
        raise InvalidInput("the network has no output: every blob is taken by a layer")
    return Written(
        graph.model(outputs, network.name),
        inputs,
        {name: graph.blob(name) for name in outputs},
        graph.multiply_adds,
        {name: (_slices(axis, points),) for name, (axis, points) in graph.parted.items()},
    )


def _slices(axis: int, points: tuple[int, ...]) -> Message:
    return Message({"axis": (str(axis),), "slice_point": tuple(str(one) for one in points)})
