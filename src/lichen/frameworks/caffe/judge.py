"""What another reader of Caffe's files answers: OpenCV's, the only one that is still installable.

Some layers OpenCV lacks, and some it reads otherwise than Caffe does (found by comparing it with
Caffe itself, whose answers are kept in tests/golden/caffe): those it is given in NumPy, written
down from Caffe's own source.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import prod
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.graph import ROWS
from lichen.frameworks.caffe.network import Layer, Network
from lichen.frameworks.caffe.text import Message, write_text
from lichen.frameworks.caffe.writer import Written

Fields = dict[str, tuple[str | Message, ...]]
Computes = Callable[[list[Array]], Array]
_AT_ONCE = 16
_numbers = count()
_registered: list[type] = []
"""Classes that OpenCV was told of: it keeps no reference, and ends the process once one is gone."""

"""OpenCV keeps the layers that it is given under names for the whole process."""


@dataclass(frozen=True, slots=True)
class Judge:
    """OpenCV with a network read.

    Attributes:
        library: its name and version.
        stood_in: kinds of layers that it was given in NumPy.
    """

    net: Any
    library: str
    network: Network
    written: Written
    stood_in: tuple[str, ...]

    def answers(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """By the names of the network's outputs; some rows at a time, where there are rows.

        Raises:
            InvalidInput: OpenCV cannot compute it.
        """
        if not self.written.has_rows:
            return self._asked(inputs)
        rows = len(next(iter(inputs.values())))
        parts = [
            self._asked({name: one[at : at + _AT_ONCE] for name, one in inputs.items()})
            for at in range(0, rows, _AT_ONCE)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _asked(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        import cv2

        makers = _makers(self.network)
        try:
            for name, values in inputs.items():
                self.net.setInput(cv2.Mat(np.ascontiguousarray(values)), name)
            layers = list(dict.fromkeys(layer for layer, _ in makers.values()))
            made = dict(zip(layers, self.net.forwardAndRetrieve(layers), strict=True))
        except cv2.error as error:
            raise InvalidInput(f"OpenCV, to compare with, fails on it: {_reason(error)}") from error
        # what it hands out is memory that the next call uses again
        rows = len(next(iter(inputs.values())))
        return {
            blob: _shaped(made[layer][min(at, len(made[layer]) - 1)], self.written, blob, rows)
            for blob, (layer, at) in makers.items()
        }


def judge_of(network: Network, written: Written, described: bytes, weights: bytes) -> Judge:
    """OpenCV with a network, of its files as they are where it reads them as Caffe does.

    Raises:
        InvalidInput: OpenCV does not read them.
    """
    import cv2

    own = {layer.name: _own(layer) for layer in network.layers}
    stood_in = {name: computes for name, computes in own.items() if computes is not None}
    kinds = {name: f"Own{next(_numbers)}" for name in stood_in}
    if stood_in or network.dropped or written.parted:
        described = _described(network, written, kinds).encode()
    cv2.setNumThreads(1)
    for name, kind in kinds.items():
        _registered.append(_layer_class(stood_in[name]))
        cv2.dnn_registerLayer(kind, _registered[-1])
    try:
        net = cv2.dnn.readNetFromCaffe(_bytes(described), _bytes(weights))
    except cv2.error as error:
        raise InvalidInput(
            f"OpenCV, to compare with, does not read it: {_reason(error)}"
        ) from error
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    own_kinds = {layer.kind for layer in network.layers if layer.name in stood_in}
    return Judge(net, f"OpenCV {cv2.__version__}", network, written, tuple(sorted(own_kinds)))


def _shaped(values: Array, written: Written, blob: str, rows: int) -> Array:
    """OpenCV adds an axis to what has one alone."""
    shape = tuple(rows if length == ROWS else length for length in written.outputs[blob])
    if values.size != prod(shape):
        raise InvalidInput(f"OpenCV answers {blob!r} in shape {list(values.shape)}, not {shape}")
    return np.array(values).reshape(shape)


def _makers(network: Network) -> dict[str, tuple[str, int]]:
    """Of each output, the layer that makes it last, and which of its blobs it is."""
    made = {top: (one.name, at) for one in network.layers for at, top in enumerate(one.tops)}
    return {blob: made[blob] for blob in network.outputs()}


def _described(network: Network, written: Written, own_kinds: Mapping[str, str]) -> str:
    """The network as it is deployed, as text; layers that were given have types of their own."""
    parts = []
    for name, shape in network.inputs.items():
        dims = tuple(str(max(1, length)) for length in shape)
        told = Message({"shape": (Message({"dim": dims}),)})
        fields: Fields = {"name": (name,), "type": ("Input",), "top": (name,)}
        fields |= {"input_param": (told,)}
        parts.append(Message(fields))
    for layer in network.layers:
        kind = own_kinds.get(layer.name, layer.kind)
        kept = {key: one for key, one in layer.settings.fields.items() if key.endswith("_param")}
        ends = {"bottom": layer.bottoms, "top": layer.tops}
        settings = {} if layer.name in own_kinds else kept
        if layer.name in written.parted:
            settings = {**settings, "slice_param": written.parted[layer.name]}
        parts.append(Message({"name": (layer.name,), "type": (kind,), **ends, **settings}))
    return write_text(Message({"layer": tuple(parts)}))


def _layer_class(computes: Computes) -> type:
    """A layer as OpenCV calls it; its shapes are tried out."""

    class Own:
        def __init__(self, _params: object, _blobs: object) -> None:
            pass

        def getMemoryShapes(self, shapes: Sequence[Sequence[int]]) -> list[list[int]]:  # noqa: N802
            return [list(computes([np.zeros(one, np.float32) for one in shapes]).shape)]

        def forward(self, inputs: list[Array]) -> list[Array]:
            import cv2

            made = np.ascontiguousarray(computes(inputs), dtype=np.float32)
            return [cv2.Mat(made)]  # else its last axis would be taken for channels

    return Own


def _own(layer: Layer) -> Computes | None:
    """What a layer computes, if OpenCV does not or does otherwise."""
    settings, blobs = layer.settings, layer.blobs
    if layer.kind == "Threshold":
        border = settings.message("threshold_param").number("threshold", 0.0)
        return lambda x: np.where(x[0] > border, 1.0, 0.0)
    if layer.kind == "Embed":
        added = blobs[1].ravel() if len(blobs) > 1 else np.float32(0)
        table = blobs[0].reshape(-1, blobs[0].shape[-1])
        return lambda x: table[x[0].astype(np.int64)] + added
    makes = _MAKES.get(layer.kind)
    return None if makes is None else makes(layer)


def _bias(layer: Layer) -> Computes:
    axis = layer.settings.message("bias_param").integer("axis", 1)

    def computes(x: list[Array]) -> Array:
        added = x[1] if len(x) > 1 else layer.blobs[0]
        behind = x[0].ndim - (axis % x[0].ndim) - added.ndim
        return np.asarray(x[0] + added.reshape(*added.shape, *(1,) * behind))

    return computes


def _tile(layer: Layer) -> Computes:
    told = layer.settings.message("tile_param")
    axis, tiles = told.integer("axis", 1), told.integer("tiles", 1)
    return lambda x: np.concatenate([x[0]] * tiles, axis=axis)


def _crop(layer: Layer) -> Computes:
    told = layer.settings.message("crop_param")
    offsets = told.integers("offset") or (0,)

    def computes(x: list[Array]) -> Array:
        axis = told.integer("axis", 2) % x[0].ndim
        starts = [0] * axis + list(offsets * (x[0].ndim - axis) if len(offsets) == 1 else offsets)
        lengths = [*x[0].shape[:axis], *x[1].shape[axis:]]
        cuts = (slice(one, one + n) for one, n in zip(starts, lengths, strict=True))
        return x[0][tuple(cuts)]

    return computes


def _reduction(layer: Layer) -> Computes:
    told = layer.settings.message("reduction_param")
    operation, coefficient = told.text("operation", "SUM"), told.number("coeff", 1.0)

    def computes(x: list[Array]) -> Array:
        kept = x[0].shape[: told.integer("axis", 0) % x[0].ndim]
        flat = x[0].reshape(*kept, -1).astype(np.float64)
        by = {"ASUM": np.abs(flat), "SUMSQ": flat * flat}.get(operation, flat)
        whole = by.mean(axis=-1) if operation == "MEAN" else by.sum(axis=-1)
        return np.asarray(coefficient * whole)

    return computes


def _arg_max(layer: Layer) -> Computes:
    told = layer.settings.message("argmax_param")
    top, has_values = told.integer("top_k", 1), told.truth("out_max_val", default=False)
    has_axis = bool(told.texts("axis"))

    def computes(x: list[Array]) -> Array:
        axis = told.integer("axis", 0) if has_axis else 1
        values = x[0] if has_axis else x[0].reshape(len(x[0]), -1)
        values = np.moveaxis(values, axis, -1)
        places = np.flip(np.argsort(values, axis=-1, kind="stable"), axis=-1)[..., :top]
        found = np.take_along_axis(values, places, axis=-1)
        if has_axis:
            return np.moveaxis(found if has_values else places, -1, axis)
        both = np.stack([places, found] if has_values else [places], axis=1)
        return both.reshape(*both.shape, *(1,) * max(0, x[0].ndim - 3))

    return computes


def _logarithm(layer: Layer) -> Computes | None:
    told = layer.settings.message("log_param")
    base, scale, shift = (
        told.number(name, default)
        for name, default in (("base", -1.0), ("scale", 1.0), ("shift", 0.0))
    )
    divisor = 1.0 if base == -1 else np.log(base)

    def computes(x: list[Array]) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(np.log(x[0] * scale + shift) / divisor)

    return computes


def _mean_variance(layer: Layer) -> Computes:
    told = layer.settings.message("mvn_param")
    across, scales = (
        told.truth("across_channels", default=False),
        told.truth("normalize_variance", default=True),
    )
    epsilon = told.number("eps", 1e-9)

    def computes(x: list[Array]) -> Array:
        axes = tuple(range(1 if across else 2, x[0].ndim))
        centred = x[0] - x[0].mean(axis=axes, keepdims=True, dtype=np.float64)
        if not scales:
            return np.asarray(centred)
        return np.asarray(
            centred / (np.sqrt((centred**2).mean(axis=axes, keepdims=True)) + epsilon)
        )

    return computes


def _normalisation(layer: Layer) -> Computes | None:
    """OpenCV takes no k, and another alpha where none is given."""
    told = layer.settings.message("lrn_param")
    if told.text("norm_region", "ACROSS_CHANNELS") not in ("ACROSS_CHANNELS", "0"):
        return None
    if told.texts("alpha") and told.number("k", 1.0) == 1:
        return None
    size, k = told.integer("local_size", 5), told.number("k", 1.0)
    alpha, beta = told.number("alpha", 1.0), told.number("beta", 0.75)

    def computes(x: list[Array]) -> Array:
        around = ((0, 0), (size // 2, size // 2), (0, 0), (0, 0))
        squares = np.pad(x[0].astype(np.float64) ** 2, around)
        near = sum(squares[:, at : at + x[0].shape[1]] for at in range(size))
        return np.asarray(x[0] / (k + alpha / size * near) ** beta)

    return computes


def _inner_product(layer: Layer) -> Computes | None:
    """OpenCV takes the weights as they lie, transposed or not."""
    told = layer.settings.message("inner_product_param")
    if not told.truth("transpose", default=False):
        return None
    made = told.integer("num_output", 0)
    weights = layer.blobs[0].reshape(-1, made)
    added = layer.blobs[1].ravel() if len(layer.blobs) > 1 else np.zeros(made, np.float32)

    def computes(x: list[Array]) -> Array:
        axis = told.integer("axis", 1) % x[0].ndim
        kept = x[0].shape[:axis]
        flat = x[0].reshape(-1, prod(x[0].shape[axis:]))
        return (flat @ weights + added).reshape(*kept, made)

    return computes


_MAKES: Mapping[str, Callable[[Layer], Computes | None]] = {
    "ArgMax": _arg_max,
    "Bias": _bias,
    "Crop": _crop,
    "InnerProduct": _inner_product,
    "LRN": _normalisation,
    "Log": _logarithm,
    "MVN": _mean_variance,
    "Reduction": _reduction,
    "Tile": _tile,
}


def _bytes(content: bytes) -> Array:
    return np.frombuffer(content, np.uint8)


def _reason(error: Exception) -> str:
    return str(error).split("error:")[-1].strip()[:200]
