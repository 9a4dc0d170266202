"""Operators that move values, choose some of them, or sum them up."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.litert.network import Operator
from lichen.frameworks.importing.litert.writer import Handler, Writer, activated

_END = np.iinfo(np.int64).max
_REDUCTIONS = {
    "MEAN": "ReduceMean",
    "SUM": "ReduceSum",
    "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
}
_PICTURE_AXES = ({1, 2}, {-3, -2})
_REFLECT = 0


def _whole(writer: Writer, numbers: Iterable[int]) -> str:
    return writer.keep(np.array(list(numbers), dtype=np.int64))


def _simple(writer: Writer, operator: Operator, kind: str, *more: str, **attributes: Any) -> None:  # noqa: ANN401 - as ONNX has them
    name = writer.emit(kind, [writer.value(operator.inputs[0]), *more], **attributes)
    writer.put(operator.outputs[0], name)


def _is_rows(writer: Writer, number: int, axis: int) -> bool:
    """Does this axis hold the one row of the file, which any number takes the place of?"""
    shape = writer.tensor(number).shape
    return writer.is_open and axis == 0 and bool(shape) and shape[0] == 1


def _reshape(writer: Writer, operator: Operator) -> None:
    given = operator.inputs[0]
    sized = operator.inputs[1] if len(operator.inputs) > 1 else None
    if sized is not None and writer.constant(sized) is None:
        from onnx import TensorProto

        target = writer.emit("Cast", [writer.value(sized)], to=TensorProto.INT64)
        _simple(writer, operator, "Reshape", target)
        return
    said = operator.options.get("newShape")
    shape = (
        writer.whole_numbers(sized, "a shape")
        if sized is not None
        else [int(one) for one in ([] if said is None else said)]
    )
    if shape and shape[0] == 1 and _is_rows(writer, given, 0):
        shape[0] = 0  # as many as there are
    _simple(writer, operator, "Reshape", _whole(writer, shape))


def _squeeze(writer: Writer, operator: Operator) -> None:
    said = operator.options.get("squeezeDims")
    shape = writer.tensor(operator.inputs[0]).shape
    axes = [int(one) for one in ([] if said is None else said)]
    axes = axes or [place for place, length in enumerate(shape) if length == 1 and place]
    _simple(writer, operator, "Squeeze", _whole(writer, axes))


def _expand_dims(writer: Writer, operator: Operator) -> None:
    axes = writer.whole_numbers(operator.inputs[1], "an axis")
    _simple(writer, operator, "Unsqueeze", _whole(writer, axes))


def _transpose(writer: Writer, operator: Operator) -> None:
    _simple(
        writer, operator, "Transpose", perm=writer.whole_numbers(operator.inputs[1], "an order")
    )


def _concatenation(writer: Writer, operator: Operator) -> None:
    axis, answer = int(operator.options["axis"]), operator.outputs[0]
    if all(writer.is_channels_first(one) for one in operator.inputs):
        given = [writer.channels_first(one) for one in operator.inputs]
        placed = (0, 2, 3, 1)[axis % 4]
        name = writer.emit("Concat", given, axis=placed)
        writer.put_channels_first(answer, activated(writer, operator, name))
        return
    name = writer.emit("Concat", [writer.value(one) for one in operator.inputs], axis=axis)
    writer.put(answer, activated(writer, operator, name))


def _pack(writer: Writer, operator: Operator) -> None:
    axis = int(operator.options["axis"])
    place = _whole(writer, [axis])
    each = [writer.emit("Unsqueeze", [writer.value(one), place]) for one in operator.inputs]
    writer.put(operator.outputs[0], writer.emit("Concat", each, axis=axis))


def _unpack(writer: Writer, operator: Operator) -> None:
    axis, count = int(operator.options["axis"]), len(operator.outputs)
    value = writer.value(operator.inputs[0])
    parts = writer.emit_many("Split", [value], count, axis=axis, num_outputs=count)
    place = _whole(writer, [axis])
    for answer, part in zip(operator.outputs, parts, strict=True):
        writer.put(answer, writer.emit("Squeeze", [part, place]))


def _split(writer: Writer, operator: Operator) -> None:
    """`SPLIT` takes the axis first, `SPLIT_V` the lengths and then the axis."""
    count = len(operator.outputs)
    if operator.kind == "SPLIT":
        axis = writer.whole_numbers(operator.inputs[0], "an axis")[0]
        given, more = [writer.value(operator.inputs[1])], {"num_outputs": count}
    else:
        axis = writer.whole_numbers(operator.inputs[2], "an axis")[0]
        lengths = writer.whole_numbers(operator.inputs[1], "lengths")
        given, more = [writer.value(operator.inputs[0]), _whole(writer, lengths)], {}
    parts = writer.emit_many("Split", given, count, axis=axis, **more)
    for answer, part in zip(operator.outputs, parts, strict=True):
        writer.put(answer, part)


def _slice(writer: Writer, operator: Operator) -> None:
    begins = writer.whole_numbers(operator.inputs[1], "the begin of a slice")
    sizes = writer.whole_numbers(operator.inputs[2], "the size of a slice")
    ends = [
        _END if size < 0 or _is_rows(writer, operator.inputs[0], axis) else begin + size
        for axis, (begin, size) in enumerate(zip(begins, sizes, strict=True))
    ]
    _simple(writer, operator, "Slice", _whole(writer, begins), _whole(writer, ends))


def _strided_slice(writer: Writer, operator: Operator) -> None:
    options, given = operator.options, operator.inputs[0]
    if options.get("ellipsisMask") or options.get("newAxisMask"):
        raise InvalidInput("a slice with an ellipsis or a new axis is not taken")
    begins, ends, strides = (
        writer.whole_numbers(one, "a border of a slice") for one in operator.inputs[1:4]
    )
    dropped = [axis for axis in range(len(begins)) if options["shrinkAxisMask"] >> axis & 1]
    for axis, stride in enumerate(strides):
        if options["beginMask"] >> axis & 1:
            begins[axis] = 0 if stride > 0 else _END
        is_all = options["endMask"] >> axis & 1 or _is_rows(writer, given, axis)
        if axis in dropped:
            ends[axis] = begins[axis] + 1 if begins[axis] != -1 else _END
        elif is_all:
            ends[axis] = _END if stride > 0 else -_END
    axes = list(range(len(begins)))
    borders = [_whole(writer, one) for one in (begins, ends, axes, strides)]
    name = writer.emit("Slice", [writer.value(given), *borders])
    if dropped:
        name = writer.emit("Squeeze", [name, _whole(writer, dropped)])
    writer.put(operator.outputs[0], name)


def _gather(writer: Writer, operator: Operator) -> None:
    if operator.options.get("batchDims"):
        raise InvalidInput("a gather with batch dimensions is not taken")
    given = [writer.value(number) for number in operator.inputs]
    writer.put(
        operator.outputs[0], writer.emit("Gather", given, axis=int(operator.options["axis"]))
    )


def _gather_places(writer: Writer, operator: Operator) -> None:
    from onnx import TensorProto

    places = writer.emit("Cast", [writer.value(operator.inputs[1])], to=TensorProto.INT64)
    _simple(writer, operator, "GatherND", places)


def _embedding(writer: Writer, operator: Operator) -> None:
    places, table = (writer.value(number) for number in operator.inputs)
    writer.put(operator.outputs[0], writer.emit("Gather", [table, places], axis=0))


def _pad(writer: Writer, operator: Operator) -> None:
    given = operator.inputs[0]
    widths = np.array(writer.whole_numbers(operator.inputs[1], "a padding")).reshape(-1, 2)
    mode = "constant"
    if operator.kind == "MIRROR_PAD":
        if int(operator.options.get("mode", 0)) != _REFLECT:
            raise InvalidInput("symmetric padding is not taken")
        mode = "reflect"
    more = [writer.value(operator.inputs[2])] if len(operator.inputs) > 2 else []
    first = writer.is_channels_first(given)
    ordered = widths[[0, 3, 1, 2]] if first else widths
    value = writer.channels_first(given) if first else writer.value(given)
    name = writer.emit("Pad", [value, _whole(writer, ordered.T.ravel().tolist()), *more], mode=mode)
    (writer.put_channels_first if first else writer.put)(operator.outputs[0], name)


def _reduce(writer: Writer, operator: Operator) -> None:
    given, answer = operator.inputs[0], operator.outputs[0]
    axes = writer.whole_numbers(operator.inputs[1], "an axis")
    keeps = int(bool(operator.options.get("keepDims")))
    kind = _REDUCTIONS[operator.kind]
    if writer.is_channels_first(given) and set(axes) in _PICTURE_AXES:
        value = writer.channels_first(given)
        name = writer.emit(kind, [value, _whole(writer, [2, 3])], keepdims=keeps)
        (writer.put_channels_first if keeps else writer.put)(answer, name)
        return
    _simple(writer, operator, kind, _whole(writer, axes), keepdims=keeps)


def _reduce_truths(writer: Writer, operator: Operator) -> None:
    from onnx import TensorProto

    axes = writer.whole_numbers(operator.inputs[1], "an axis")
    kind = "ReduceMax" if operator.kind == "REDUCE_ANY" else "ReduceMin"
    number = writer.emit("Cast", [writer.value(operator.inputs[0])], to=TensorProto.INT32)
    keeps = int(bool(operator.options.get("keepDims")))
    found = writer.emit(kind, [number, _whole(writer, axes)], keepdims=keeps)
    writer.put(operator.outputs[0], writer.emit("Cast", [found], to=TensorProto.BOOL))


def _place_of_best(writer: Writer, operator: Operator) -> None:
    from onnx import helper

    axis = writer.whole_numbers(operator.inputs[1], "an axis")[0]
    kind = "ArgMax" if operator.kind == "ARG_MAX" else "ArgMin"
    found = writer.emit(kind, [writer.value(operator.inputs[0])], axis=axis, keepdims=0)
    answer = operator.outputs[0]
    to = helper.np_dtype_to_tensor_dtype(writer.tensor(answer).dtype)
    writer.put(answer, writer.emit("Cast", [found], to=to))


def _best(writer: Writer, operator: Operator) -> None:
    from onnx import helper

    count = writer.whole_numbers(operator.inputs[1], "a count")
    value = writer.value(operator.inputs[0])
    values, places = writer.emit_many("TopK", [value, _whole(writer, count)], 2)
    writer.put(operator.outputs[0], values)
    to = helper.np_dtype_to_tensor_dtype(writer.tensor(operator.outputs[1]).dtype)
    writer.put(operator.outputs[1], writer.emit("Cast", [places], to=to))


def _shape(writer: Writer, operator: Operator) -> None:
    from onnx import helper

    found = writer.emit("Shape", [writer.value(operator.inputs[0])])
    answer = operator.outputs[0]
    to = helper.np_dtype_to_tensor_dtype(writer.tensor(answer).dtype)
    writer.put(answer, writer.emit("Cast", [found], to=to))


def _spread(writer: Writer, operator: Operator) -> None:
    """`TILE` repeats, `BROADCAST_TO` stretches; `FILL` takes the shape first."""
    from onnx import TensorProto

    given, sized = operator.inputs if operator.kind != "FILL" else operator.inputs[::-1]
    target = writer.emit("Cast", [writer.value(sized)], to=TensorProto.INT64)
    kind = "Tile" if operator.kind == "TILE" else "Expand"
    writer.put(operator.outputs[0], writer.emit(kind, [writer.value(given), target]))


def _depth_to_space(writer: Writer, operator: Operator) -> None:
    kind = "DepthToSpace" if operator.kind == "DEPTH_TO_SPACE" else "SpaceToDepth"
    block = int(operator.options["blockSize"])
    name = writer.emit(kind, [writer.channels_first(operator.inputs[0])], blocksize=block)
    writer.put_channels_first(operator.outputs[0], name)


def _blocks(writer: Writer, operator: Operator) -> tuple[list[int], list[list[int]]]:
    """Lengths of a block, and what is padded or cropped of each axis of the picture."""
    lengths = writer.whole_numbers(operator.inputs[1], "a block")
    borders = writer.whole_numbers(operator.inputs[2], "a padding")
    return lengths, np.array(borders).reshape(-1, 2).tolist()


def _space_to_batch(writer: Writer, operator: Operator) -> None:
    """As around a dilated convolution: places of a block become rows, the blocks' own slowest."""
    lengths, paddings = _blocks(writer, operator)
    shape, count = writer.tensor(operator.inputs[0]).shape, len(lengths)
    channels = len(shape) - 1 - count
    wide = [[0, 0], *paddings, *([[0, 0]] * channels)]
    padded = _whole(writer, np.array(wide).T.ravel().tolist())
    value = writer.emit("Pad", [writer.value(operator.inputs[0]), padded])
    sides = [
        (length + sum(padding)) // block
        for length, padding, block in zip(shape[1:], paddings, lengths, strict=False)
    ]
    parted = [one for pair in zip(sides, lengths, strict=True) for one in pair]
    rest = list(shape[1 + count :])
    value = writer.emit("Reshape", [value, _whole(writer, [-1, *parted, *rest])])
    inner = [2 * place + 2 for place in range(count)]
    outer = [2 * place + 1 for place in range(count)]
    last = [2 * count + 1 + place for place in range(channels)]
    value = writer.emit("Transpose", [value], perm=[*inner, 0, *outer, *last])
    name = writer.emit("Reshape", [value, _whole(writer, [-1, *sides, *rest])])
    writer.put(operator.outputs[0], name)


def _batch_to_space(writer: Writer, operator: Operator) -> None:
    """The way back."""
    lengths, crops = _blocks(writer, operator)
    shape, count = writer.tensor(operator.inputs[0]).shape, len(lengths)
    sides, rest = list(shape[1 : 1 + count]), list(shape[1 + count :])
    value = writer.emit(
        "Reshape", [writer.value(operator.inputs[0]), _whole(writer, [*lengths, -1, *sides, *rest])]
    )
    pairs = [one for place in range(count) for one in (count + 1 + place, place)]
    last = [2 * count + 1 + place for place in range(len(rest))]
    value = writer.emit("Transpose", [value], perm=[count, *pairs, *last])
    whole = [side * block for side, block in zip(sides, lengths, strict=True)]
    value = writer.emit("Reshape", [value, _whole(writer, [-1, *whole, *rest])])
    begins = [begin for begin, _ in crops]
    ends = [length - end for length, (_, end) in zip(whole, crops, strict=True)]
    borders = [_whole(writer, one) for one in (begins, ends, range(1, count + 1))]
    writer.put(operator.outputs[0], writer.emit("Slice", [value, *borders]))


OPERATORS: Mapping[str, Handler] = {
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _place_of_best),
    **dict.fromkeys(("BROADCAST_TO", "FILL", "TILE"), _spread),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), _depth_to_space),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_ANY"), _reduce_truths),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), _split),
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "CONCATENATION": _concatenation,
    "EMBEDDING_LOOKUP": _embedding,
    "EXPAND_DIMS": _expand_dims,
    "GATHER": _gather,
    "GATHER_ND": _gather_places,
    "PACK": _pack,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TOPK_V2": _best,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
