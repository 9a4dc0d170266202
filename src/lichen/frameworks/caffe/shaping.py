"""Layers that put the same numbers elsewhere: join, part, turn, cut, repeat, enlarge, look up."""

from itertools import pairwise

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.graph import ROWS, Graph, RowsMeet, axis_of, blob_of, size
from lichen.frameworks.caffe.network import Layer, Shape
from lichen.frameworks.caffe.text import Message


def concat(graph: Graph, layer: Layer) -> None:
    """`Concat` along an axis."""
    settings = layer.settings.message("concat_param")
    settings.check({"axis", "concat_dim"})
    values = graph.taken(layer, None)
    shapes = [graph.shape(one) for one in values]
    axis = axis_of(settings.integer("axis", settings.integer("concat_dim", 1)), shapes[0])
    others = {(*shape[:axis], 0, *shape[axis + 1 :]) for shape in shapes}
    if len(others) > 1:
        raise InvalidInput(f"it joins blobs of the shapes {[list(one) for one in shapes]}")
    whole = sum(shape[axis] for shape in shapes)
    made = (*shapes[0][:axis], whole, *shapes[0][axis + 1 :])
    graph.give(layer, graph.node("Concat", values, made, axis=axis))


def parts(graph: Graph, layer: Layer) -> None:
    """`Slice`: a blob in parts along an axis, equal ones where no points are given."""
    settings = layer.settings.message("slice_param")
    settings.check({"axis", "slice_point", "slice_dim"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    axis = axis_of(settings.integer("axis", settings.integer("slice_dim", 1)), shape)
    points, count = list(settings.integers("slice_point")), len(layer.tops)
    if not points and count and shape[axis] % count == 0:
        points = [shape[axis] // count * at for at in range(1, count)]
        graph.parted[layer.name] = (axis, tuple(points))
    borders = [0, *points, shape[axis]]
    if len(points) != count - 1 or sorted(set(borders)) != borders:
        raise InvalidInput(f"it parts {shape[axis]} at {points} into {count} blobs")
    cuts = pairwise(borders)
    graph.give(layer, *(_cut(graph, value, {axis: cut}) for cut in cuts))


def split(graph: Graph, layer: Layer) -> None:
    """`Split`: the same blob under several names."""
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    graph.give(layer, *(graph.node("Identity", [value], shape) for _ in layer.tops))


def flatten(graph: Graph, layer: Layer) -> None:
    """`Flatten`: some axes as one."""
    settings = layer.settings.message("flatten_param")
    settings.check({"axis", "end_axis"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    first = axis_of(settings.integer("axis", 1), shape)
    last = axis_of(settings.integer("end_axis", -1), shape, may_be_rows=True)
    made = (*shape[:first], size(shape[first : last + 1]), *shape[last + 1 :])
    graph.give(layer, graph.reshaped(value, made))


def reshape(graph: Graph, layer: Layer) -> None:
    """`Reshape`: 0 keeps a length, -1 takes what is left."""
    settings = layer.settings.message("reshape_param")
    settings.check({"shape", "axis", "num_axes"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    first = settings.integer("axis", 0)
    first += len(shape) + 1 if first < 0 else 0
    count = settings.integer("num_axes", -1)
    end = len(shape) if count == -1 else first + count
    if not 0 <= first <= end <= len(shape):
        raise InvalidInput(f"it reshapes the axes from {first} on of a blob of {list(shape)}")
    wanted = settings.message("shape").integers("dim")
    middle = [_kept(shape, first + at) if dim == 0 else dim for at, dim in enumerate(wanted)]
    around = (*shape[:first], *middle, *shape[end:])
    graph.give(layer, graph.reshaped(value, _filled(shape, around, wanted, first)))


def _kept(shape: Shape, at: int) -> int:
    if at >= len(shape):
        raise InvalidInput(f"it keeps axis {at} of a blob of shape {list(shape)}")
    return shape[at]


def _filled(shape: Shape, around: Shape, wanted: Shape, first: int) -> Shape:
    """With the one length that is left open, which must not be that of the rows."""
    opened = [first + at for at, dim in enumerate(wanted) if dim == -1]
    if len(opened) > 1 or any(dim < -1 for dim in wanted):
        raise InvalidInput(f"it reshapes to {list(wanted)}")
    if not opened:
        return around
    rest = size(tuple(one for at, one in enumerate(around) if at != opened[0]))
    if not rest or size(shape) % rest:
        raise InvalidInput(f"a blob of shape {list(shape)} cannot become {list(wanted)}")
    left = size(shape) // rest
    if shape[0] == ROWS and around.count(ROWS) < 2:  # what stood for the rows is to be left over
        if opened[0] != 0 or left != 1:
            raise RowsMeet("it joins the rows of a batch")
        return around
    return tuple(left if at == opened[0] else one for at, one in enumerate(around))


def permute(graph: Graph, layer: Layer) -> None:
    """`Permute`: the axes in another order."""
    settings = layer.settings.message("permute_param")
    settings.check({"order"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    order = list(settings.integers("order"))
    order += [at for at in range(len(shape)) if at not in order]
    if sorted(order) != list(range(len(shape))):
        raise InvalidInput(f"it orders the axes of a blob of shape {list(shape)} as {order}")
    if shape[0] == ROWS and order[0] != 0:
        raise RowsMeet("it moves the rows of a batch")
    made = tuple(shape[at] for at in order)
    graph.give(layer, graph.node("Transpose", [value], made, perm=order))


def crop(graph: Graph, layer: Layer) -> None:
    """`Crop`: the first blob cut to the lengths of the second, from an axis on."""
    settings = layer.settings.message("crop_param")
    settings.check({"axis", "offset"})
    value, like = graph.taken(layer, 2)
    shape, wanted = graph.shape(value), graph.shape(like)
    axis = axis_of(settings.integer("axis", 2), shape)
    offsets = list(settings.integers("offset")) or [0]
    offsets *= len(shape) - axis if len(offsets) == 1 else 1
    if len(offsets) != len(shape) - axis or len(wanted) != len(shape):
        raise InvalidInput(f"it cuts {list(shape)} to {list(wanted)} from {offsets} on")
    cuts = {axis + at: (offset, offset + wanted[axis + at]) for at, offset in enumerate(offsets)}
    if any(begin < 0 or end > shape[at] for at, (begin, end) in cuts.items()):
        raise InvalidInput(f"it cuts {list(shape)} to {list(wanted)} from {offsets} on")
    graph.give(layer, _cut(graph, value, cuts))


def tile(graph: Graph, layer: Layer) -> None:
    """`Tile`: a blob repeated along an axis."""
    settings = layer.settings.message("tile_param")
    settings.check({"axis", "tiles"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    axis, count = axis_of(settings.integer("axis", 1), shape), settings.integer("tiles", 1)
    repeats = [count if at == axis else 1 for at in range(len(shape))]
    made = (*shape[:axis], shape[axis] * count, *shape[axis + 1 :])
    graph.give(layer, graph.node("Tile", [value, graph.integers(repeats)], made))


def shuffle_channels(graph: Graph, layer: Layer) -> None:
    """`ShuffleChannel`: the channels of all groups by turns."""
    settings = layer.settings.message("shuffle_channel_param")
    settings.check({"group"})
    (value,) = graph.taken(layer)
    shape, groups = graph.shape(value), settings.integer("group", 1)
    if len(shape) != 4 or groups < 1 or shape[1] % groups:
        raise InvalidInput(f"it shuffles {groups} groups of a blob of shape {list(shape)}")
    each = shape[1] // groups
    parted = graph.reshaped(value, (shape[0], groups, each, *shape[2:]))
    turned = graph.node(
        "Transpose", [parted], (shape[0], each, groups, *shape[2:]), perm=[0, 2, 1, 3, 4]
    )
    graph.give(layer, graph.reshaped(turned, shape))


def interpolation(graph: Graph, layer: Layer) -> None:
    """`Interp` of DeepLab and PSPNet: larger or smaller, straight lines between pixels."""
    settings = layer.settings.message("interp_param")
    settings.check({"height", "width", "zoom_factor", "shrink_factor", "pad_beg", "pad_end"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    if len(shape) != 4 or settings.integer("pad_beg", 0) or settings.integer("pad_end", 0):
        raise InvalidInput("it pads, or gets no images")
    made = (*shape[:2], *(_enlarged(settings, length) for length in shape[2:]))
    if settings.texts("height"):
        made = (*shape[:2], settings.integer("height", 0), settings.integer("width", 0))
    # by factors, as sizes would have to name the number of rows; so near above that they round down
    factors = [
        1.0,
        1.0,
        *((new + 0.01) / old for new, old in zip(made[2:], shape[2:], strict=True)),
    ]
    scales = graph.floats(factors)
    told = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    graph.give(layer, graph.node("Resize", [value, "", scales], made, **told))


def _enlarged(settings: Message, length: int) -> int:
    shrink, zoom = settings.integer("shrink_factor", 1), settings.integer("zoom_factor", 1)
    if shrink < 1 or zoom < 1:
        raise InvalidInput(f"it zooms by {zoom} and shrinks by {shrink}")
    length = (length - 1) // shrink + 1
    return length + (length - 1) * (zoom - 1)


def embed(graph: Graph, layer: Layer) -> None:
    """`Embed`: a row of weights for each whole number."""
    settings = layer.settings.message("embed_param")
    settings.check({"num_output", "input_dim", "bias_term", "weight_filler", "bias_filler"})
    (value,) = graph.taken(layer)
    made, known = settings.integer("num_output", 0), settings.integer("input_dim", 0)
    weights = graph.constant(blob_of(layer, 0, (known, made)))
    shape = graph.shape(value)
    whole = graph.node("Cast", [value], shape, to=7)
    found = graph.node("Gather", [weights, whole], (*shape, made), axis=0)
    if settings.truth("bias_term", default=True):
        bias = graph.constant(blob_of(layer, 1, (made,)))
        found = graph.node("Add", [found, bias], (*shape, made))
    graph.give(layer, found)


def _cut(graph: Graph, value: str, cuts: dict[int, tuple[int, int]]) -> str:
    shape = graph.shape(value)
    axes = list(cuts)
    begins, ends = [cuts[at][0] for at in axes], [cuts[at][1] for at in axes]
    made = tuple(
        cuts[at][1] - cuts[at][0] if at in cuts else length for at, length in enumerate(shape)
    )
    inputs = [value, *(graph.integers(one) for one in (begins, ends, axes))]
    return graph.node("Slice", inputs, made)
