"""An ONNX graph in the making, blob after blob of a Caffe network, with the shape of each.

Caffe knows every size before it runs, and so is every size known here; the number of rows alone is
left open, as `ROWS`, as long as no layer looks at it.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.network import Layer, Shape
from lichen.frameworks.caffe.wire import Floats

ROWS = -1
"""The first dimension of a blob whose rows do not know each other."""
OPSET, IR_VERSION = 18, 9
_LARGEST = 2**31


class RowsMeet(InvalidInput):
    """A layer looks across the rows of a batch, so their number must stay as it was written."""


class Graph:
    """Blobs by their names in Caffe; what a layer makes in place is another value of the name."""

    def __init__(self, inputs: Mapping[str, Shape]) -> None:
        self._inputs = dict(inputs)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._shapes: dict[str, Shape] = dict(inputs)
        self._values = {name: name for name in inputs}
        self.multiply_adds = 0
        """About how many a row takes."""
        self.parted: dict[str, tuple[int, tuple[int, ...]]] = {}
        """By layer, an axis and where it was parted into equal blobs."""

    def taken(self, layer: Layer, count: int | None = 1) -> list[str]:
        """The values that a layer takes.

        Raises:
            InvalidInput: it takes another number of them, or one that nothing makes.
        """
        if (count is not None and len(layer.bottoms) != count) or not layer.bottoms:
            raise InvalidInput(f"it takes {len(layer.bottoms)} blobs, and should take {count or 1}")
        for name in layer.bottoms:
            if name not in self._values:
                raise InvalidInput(f"it takes the blob {name!r}, which no layer before it makes")
        return [self._values[name] for name in layer.bottoms]

    def give(self, layer: Layer, *values: str) -> None:
        """The values that a layer makes.

        Raises:
            InvalidInput: it should make another number of them.
        """
        if len(layer.tops) != len(values):
            raise InvalidInput(f"it makes {len(layer.tops)} blobs, and should make {len(values)}")
        self._values |= dict(zip(layer.tops, values, strict=True))

    def take_away(self, name: str, mean: Floats) -> None:
        """Let an input be taken without its mean image, the middle of it where it is larger.

        Raises:
            InvalidInput: the mean is no image of this input.
        """
        shape = self._inputs[name]
        if len(shape) != 4 or mean.shape[0] not in (1, shape[1]):
            raise InvalidInput(f"the mean has shape {list(mean.shape)}, and {name!r} {list(shape)}")
        starts = [have - want for have, want in zip(mean.shape[1:], shape[2:], strict=True)]
        if min(starts) < 0:
            raise InvalidInput(f"the mean has shape {list(mean.shape)}, and {name!r} {list(shape)}")
        top, left = (start // 2 for start in starts)
        middle = mean[None, :, top : top + shape[2], left : left + shape[3]]
        self._values[name] = self.node("Sub", [name, self.constant(middle)], shape)

    def shape(self, value: str) -> Shape:
        """Of a value."""
        return self._shapes[value]

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        shape: Shape,
        **attributes: Any,  # noqa: ANN401 - what an operator knows
    ) -> str:
        """The value of another node.

        Raises:
            InvalidInput: it would be empty, or beyond any memory.
        """
        if any(length < 1 and length != ROWS for length in shape) or size(shape) >= _LARGEST:
            raise InvalidInput(f"it would make a blob of shape {list(shape)}")
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        self._shapes[name] = shape
        return name

    def constant(self, values: Array) -> str:
        """A constant."""
        name = f"c{len(self._constants)}"
        stored = np.ascontiguousarray(values)
        self._constants.append(numpy_helper.from_array(stored.reshape(values.shape), name))
        self._shapes[name] = tuple(values.shape)
        return name

    def number(self, value: float) -> str:
        """A constant of one number."""
        return self.constant(np.array(value, dtype=np.float32))

    def integers(self, values: Sequence[int]) -> str:
        """A constant of whole numbers."""
        return self.constant(np.array(values, dtype=np.int64))

    def floats(self, values: Sequence[float]) -> str:
        """A constant of numbers."""
        return self.constant(np.array(values, dtype=np.float32))

    def pair(
        self,
        operator: str,
        inputs: Sequence[str],
        shape: Shape,
        **attributes: Any,  # noqa: ANN401
    ) -> tuple[str, str]:
        """Both values, of one shape, of a node that makes two."""
        first = self.node(operator, inputs, shape, **attributes)
        second = f"{first}b"
        self._nodes[-1].output.append(second)
        self._shapes[second] = shape
        return first, second

    def reshaped(self, value: str, shape: Shape) -> str:
        """The same numbers in another shape.

        Raises:
            RowsMeet, InvalidInput: there are not as many.
        """
        before = self.shape(value)
        if before == shape:
            return value
        if ROWS in before and (not shape or shape[0] != ROWS):
            raise RowsMeet("it joins the rows of a batch")
        if size(before) != size(shape):
            raise InvalidInput(f"a blob of shape {list(before)} cannot become {list(shape)}")
        return self.node("Reshape", [value, self.integers(shape)], shape)

    def blob(self, name: str) -> Shape:
        """The shape of the last value of a blob."""
        return self._shapes[self._values[name]]

    def model(self, outputs: Sequence[str], name: str) -> bytes:
        """The bytes of the ONNX model; the same graph gives the same."""
        for blob in outputs:
            self._nodes.append(helper.make_node("Identity", [self._values[blob]], [blob]))
        graph = helper.make_graph(
            self._nodes,
            name or "caffe",
            [_tensor(blob, shape) for blob, shape in self._inputs.items()],
            [_tensor(blob, self.blob(blob)) for blob in outputs],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return bytes(model.SerializeToString(deterministic=True))


def size(shape: Shape) -> int:
    """How many numbers; of one row, where their number is open."""
    return prod(length for length in shape if length != ROWS)


def axis_of(axis: int, shape: Shape, *, may_be_rows: bool = False) -> int:
    """An axis counted from the front.

    Raises:
        InvalidInput: there is no such axis.
        RowsMeet: it is that of the rows, whose number is open.
    """
    counted = axis + len(shape) if axis < 0 else axis
    if not 0 <= counted < len(shape):
        raise InvalidInput(f"it speaks of axis {axis} of a blob of shape {list(shape)}")
    if counted == 0 and shape[0] == ROWS and not may_be_rows:
        raise RowsMeet("it looks across the rows of a batch")
    return counted


def blob_of(layer: Layer, at: int, shape: Shape) -> Floats:
    """A layer's weights, in the shape that its settings ask for.

    Raises:
        InvalidInput: the caffemodel has none for this layer, or too many or too few numbers.
    """
    if at >= len(layer.blobs):
        raise InvalidInput(
            f"the caffemodel has {len(layer.blobs)} blobs of weights for it, and it needs "
            f"{at + 1} or more: give the caffemodel that belongs to this prototxt"
        )
    blob = layer.blobs[at]
    if blob.size != prod(shape):
        raise InvalidInput(
            f"its weights have shape {list(blob.shape)}, and by the prototxt {list(shape)}: give "
            "the caffemodel that belongs to this prototxt"
        )
    return blob.reshape(shape)


def _tensor(name: str, shape: Shape) -> Any:  # noqa: ANN401 - onnx's own type
    sizes = ["rows" if length == ROWS else length for length in shape]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
