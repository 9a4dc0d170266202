"""An ONNX model of several files as one, and without what no request can be answered with.

Weights may stand in files beside a model, which it names: they are taken in, from its own folder
and nowhere else. A classifier of scikit-learn often answers its probabilities as a list of
dictionaries (`ZipMap`): it is let answer the tensor that these are made of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import Source
from lichen.frameworks.onnx_checks import parts_of, read_model

SUFFIX = ".onnx"
_LARGEST = 2 * 2**30 - 2**20
"""Bytes: a protocol buffer ends at 2 GiB."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A model as one file.

    Attributes:
        content: the model.
        files: names of those whose weights it has taken in.
        labels: of the classes whose probabilities were in dictionaries; empty where none were.
        notes: what was changed, each a sentence.
    """

    content: bytes
    files: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def onnx_file(source: Source, entry: str | None = None) -> str | None:
    """The model among the files of a folder; None where there is none.

    Raises:
        InvalidInput: there are several.
    """
    names = source.ending(SUFFIX)
    if entry in names:
        return entry
    if len(names) > 1:
        raise InvalidInput(f"{source.name} has several ONNX models: say --entry, one of {names}")
    return names[0] if names else None


def whole_model(source: Source, name: str) -> Whole:
    """The model with the weights that stand in other files of its folder.

    Raises:
        InvalidInput: it names a file outside the folder, one that is missing, or numbers that the
            file does not have.
        TooLarge: all of it is over what one ONNX file may be.
    """
    content = source.read(name, _LARGEST)
    model = read_model(content)
    taken = tuple(dict.fromkeys(_taken_in(model, source, PurePosixPath(name).parent)))
    labels = tuple(_unzipped(model))
    if not taken and not labels:
        return Whole(content)
    if model.ByteSize() > _LARGEST:
        raise TooLarge(
            f"{name} and the weights beside it are over 2 GB together, which one ONNX file cannot "
            "hold: import a smaller one, such as in float16"
        )
    notes = []
    if taken:
        notes.append(f"The weights in {', '.join(taken)} were taken into the model.")
    if labels:
        notes.append("Its probabilities were a list of dictionaries, and are a tensor here.")
    made = bytes(model.SerializeToString(deterministic=True))
    return Whole(made, taken, labels, tuple(notes))


def _taken_in(model: Any, source: Source, folder: PurePosixPath) -> Iterator[str]:  # noqa: ANN401
    import onnx

    total = 0
    for tensor in parts_of(model, onnx.TensorProto):
        if not onnx.external_data_helper.uses_external_data(tensor):
            continue
        said = {one.key: one.value for one in tensor.external_data}
        name = _inside(said.get("location", ""), source, folder, tensor.name)
        values = _range(source, name, said, tensor)
        total += len(values)
        if total > _LARGEST:
            raise TooLarge("the weights beside the model are over 2 GB: import a smaller one")
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = values
        yield name


def _inside(location: str, source: Source, folder: PurePosixPath, weight: str) -> str:
    path = PurePosixPath(location.replace("\\", "/"))
    if not location or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InvalidInput(
            f"weight {weight!r} stands in the file {location!r}, outside the model's folder: save "
            "the model as one file (onnx.save with save_as_external_data=False)"
        )
    name = str(folder / path)
    if not source.has(name):
        raise InvalidInput(
            f"weight {weight!r} stands in the file {location!r}, which is not beside the model: "
            "give the folder with both, or a tar of it"
        )
    return name


def _range(source: Source, name: str, said: dict[str, str], tensor: Any) -> bytes:  # noqa: ANN401
    """The bytes of a weight, as many as its shape needs."""
    needed = _size(tensor)
    try:
        offset = int(said.get("offset") or 0)
        length = int(said.get("length") or needed)
    except ValueError as error:
        raise InvalidInput(f"weight {tensor.name!r} says where it stands in no numbers") from error
    size = source.path(name).stat().st_size
    if length != needed or offset < 0 or offset + length > size:
        raise InvalidInput(
            f"weight {tensor.name!r} needs {needed:,} bytes and says that {length:,} stand in "
            f"{name} from {offset:,} on, which has {size:,}: copy both files again"
        )
    with source.path(name).open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _size(tensor: Any) -> int:  # noqa: ANN401 - onnx's own type
    import onnx

    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError as error:
        raise InvalidInput(f"weight {tensor.name!r} is of no type that ONNX knows") from error
    count = 1
    for length in tensor.dims:
        count *= max(0, int(length))
    packed = {"int4": 2, "uint4": 2, "float4_e2m1fn": 2, "int2": 4, "uint2": 4}
    each = packed.get(str(dtype))
    return -(-count // each) if each else count * int(dtype.itemsize)


def _unzipped(model: Any) -> Iterator[str]:  # noqa: ANN401 - onnx's own type
    """Let outputs of `ZipMap` be the tensors that went into it; the labels of the classes."""
    import onnx

    outputs = {one.name: one for one in model.graph.output}
    for node in model.graph.node:
        if node.op_type != "ZipMap" or node.domain != "ai.onnx.ml":
            continue
        if not node.output or node.output[0] not in outputs or len(node.input) != 1:
            continue
        labels = [
            one.decode(errors="replace") if isinstance(one, bytes) else str(one)
            for attribute in node.attribute
            for one in (*attribute.strings, *attribute.ints)
        ]
        name = node.output[0]
        kept = onnx.helper.make_node("Identity", list(node.input), [name], node.name)
        node.CopyFrom(kept)
        shape = [None, len(labels)]
        tensor = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        outputs[name].CopyFrom(tensor)
        yield from labels
