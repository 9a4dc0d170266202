"""SavedModel folders: their operations looked through, then loaded and converted."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.tensorflow.conversions import converted
from lichen.frameworks.importing.tensorflow.graphs import (
    SAVING,
    STATE,
    Graph,
    refuse_operations,
)
from lichen.frameworks.importing.tensorflow.recognition import GRAPH_FILE, saved_model_folder
from lichen.frameworks.importing.tensorflow.runtime import reason, tensorflow
from lichen.frameworks.importing.tensorflow.trials import Asked

_LARGEST_GRAPH = 2**31 - 1
_USUAL = ("serving_default", "serve")
_ARCHITECTURE = "SavedModel"


def convert_saved_model(source: Source, wishes: Wishes) -> Conversion:
    """One signature of a SavedModel as ONNX: `serving_default` unless another is asked for.

    Raises:
        InvalidInput: it has no such signature, asks Python or the disk, uses an operation of its
            author's own, or one that ONNX does not have.
    """
    tf = tensorflow()
    folder = (
        source.path(saved_model_folder(source)) if saved_model_folder(source) else source.folder
    )
    record = _record(source, folder)
    _check_record(record, source.name)
    entry = _entry(_signatures(record), wishes.entry, source.name)
    try:
        loaded = tf.saved_model.load(str(folder))
        function = loaded.signatures[entry]
    except Exception as error:  # of all kinds: whatever a graph of a stranger leads to
        raise InvalidInput(f"TensorFlow does not load {source.name}: {reason(error)}") from error
    return _converted(loaded, function, entry, source.name)


def _record(source: Source, folder: Path) -> Any:  # noqa: ANN401 - a protocol buffer
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    content = source.read(
        (folder / GRAPH_FILE).relative_to(source.folder).as_posix(), _LARGEST_GRAPH
    )
    record = saved_model_pb2.SavedModel()
    try:
        record.ParseFromString(content)
    except DecodeError as error:
        raise InvalidInput(
            f"{GRAPH_FILE} in {source.name} is damaged: export the model again"
        ) from error
    if len(record.meta_graphs) == 0:
        raise InvalidInput(f"{GRAPH_FILE} in {source.name} holds no graph: export the model again")
    return record


def _check_record(record: Any, name: str) -> None:  # noqa: ANN401 - as above
    """Before anything is loaded: no Python, no files but its own, no operations unheard of."""
    from tensorflow.python.framework import op_def_registry

    kinds, functions = set(), set()
    for meta in record.meta_graphs:
        _check_assets(meta.asset_file_def, name)
        functions |= {one.signature.name for one in meta.graph_def.library.function}
        kinds |= {op for op, _ in _operations(meta.graph_def)}
    refuse_operations(kinds - SAVING - STATE, name)  # a saver's and a training's own
    foreign = sorted(op for op in kinds - functions if op_def_registry.get(op) is None)
    if foreign:
        raise InvalidInput(
            f"{name} uses operations that TensorFlow does not have ({', '.join(foreign)}): they "
            "are of another library, which is not loaded; export it without them"
        )


def _check_assets(assets: Iterable[Any], name: str) -> None:
    """Vocabularies and the like stand in the folder, and nowhere else."""
    for asset in assets:
        parts = asset.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0]:
            raise InvalidInput(
                f"{name} names a file outside of it ({asset.filename!r}): export it again"
            )


def _operations(graph: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - as above
    for node in graph.node:
        yield node.op, node.name
    for function in graph.library.function:
        for node in function.node_def:
            yield node.op, node.name


def _signatures(record: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    serving = next((one for one in record.meta_graphs if "serve" in one.meta_info_def.tags), None)
    found = (serving or record.meta_graphs[0]).signature_def
    return {key: found[key] for key in sorted(found) if not key.startswith("__")}


def _entry(signatures: dict[str, Any], wished: str | None, name: str) -> str:
    shown = ", ".join(signatures) or "none"
    if wished is not None:
        if wished not in signatures:
            raise InvalidInput(f"{name} has no signature {wished!r}: it has {shown}")
        return wished
    usual = next((one for one in _USUAL if one in signatures), None)
    if usual is not None:
        return usual
    if len(signatures) == 1:
        return next(iter(signatures))
    raise InvalidInput(
        f"{name} has no signature serving_default; it has {shown}: say which by --entry, or export "
        "it with model.export"
    )


def _converted(loaded: Any, function: Any, entry: str, name: str) -> Conversion:  # noqa: ANN401 - TensorFlow's own
    tf = tensorflow()
    taken = function.structured_input_signature[1]
    names = _in_order(function, taken)
    if not names:
        raise InvalidInput(f"signature {entry} of {name} takes no tensor: say another by --entry")
    answered = sorted(function.structured_outputs)  # as TensorFlow flattens records
    graph = Graph(loaded, function, tuple(names), tuple(answered), by_name=True)
    asked = []
    for one in names:
        spec = taken[one]
        if spec.shape.rank is None:
            raise InvalidInput(
                f"input {one} of {name} has no shape, not even a number of dimensions: export it "
                "with an input_signature"
            )
        dtype = np.dtype(object) if spec.dtype == tf.string else np.dtype(spec.dtype.as_numpy_dtype)
        asked.append(Asked(one, dtype, tuple(spec.shape.as_list())))
    return converted(graph, asked, name, algorithm=_ARCHITECTURE, parameters={"signature": entry})


def _in_order(function: Any, taken: dict[str, Any]) -> list[str]:  # noqa: ANN401 - as above
    """Names of the inputs in the order of the function's own tensors."""
    tf = tensorflow()
    placed = [one.name.split(":")[0] for one in function.inputs if one.dtype != tf.resource]
    by_tensor = {f"{spec.name}": key for key, spec in taken.items()}
    named = [by_tensor.get(one) for one in placed[: len(taken)]]
    return [one for one in named if one] if None not in named else sorted(taken)
