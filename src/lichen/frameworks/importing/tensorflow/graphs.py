"""A function of TensorFlow as ONNX: frozen, converted by tf2onnx, named as its model names it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, LichenError
from lichen.frameworks.importing.tensorflow.operators import Tables, operators
from lichen.frameworks.importing.tensorflow.runtime import reason, tensorflow
from lichen.frameworks.importing.tensorflow.settling import settle

OPSET = 18
_ROWS = "rows"
_LARGEST_BYTES = 2**31 - 1
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Graph:
    """A function of a model, ready to be run and converted.

    Attributes:
        owner: what holds its tables; a TensorFlow object.
        function: the concrete function.
        inputs, outputs: what the model calls them, in the function's order.
        by_name: whether it takes its inputs by these names, not in their order.
    """

    owner: Any
    function: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """The ONNX model, and the words in its tables."""

    content: bytes
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tensors:
    """What the function itself calls its inputs and outputs."""

    inputs: list[str]
    outputs: list[str]


def onnx_of(graph: Graph, name: str) -> Converted:
    """The ONNX of a graph: inputs and outputs named and ordered as the model has them.

    Raises:
        InvalidInput: an operation of it has no counterpart in ONNX; the sentence names it.
    """
    tf = tensorflow()
    inputs = [one.name for one in graph.function.inputs if one.dtype != tf.resource]
    tensors = _Tensors(  # what follows the inputs are variables and tables
        inputs[: len(graph.inputs)], [one.name for one in graph.function.outputs]
    )
    try:
        with tf.device("/cpu:0"):
            frozen, tables = _frozen(graph, tensors)
            _check_operations(frozen, name)
            model = _converted(graph, frozen, tables, tensors)
    except LichenError:
        raise
    except Exception as error:  # of all kinds: graphs of strangers meet its every corner
        raise InvalidInput(f"{name} cannot be written as ONNX: {reason(error)}") from error
    _check_converted(model, name)
    settle(model)
    _name_lengths(model, [one.shape for one in graph.function.outputs])
    return Converted(_serialised(model, name), _words(tables))


def _frozen(graph: Graph, tensors: _Tensors) -> tuple[Any, Tables]:
    """The graph with its variables as constants, and its tables."""
    from tf2onnx import tf_loader

    tf = tensorflow()
    with _as_it_was(graph.function):
        frozen, tables = tf_loader.from_trackable(
            graph.owner, graph.function, tensors.inputs, tensors.outputs, large_model=False
        )
    if _free_of_xla(frozen):
        with tf.Graph().as_default():
            tf.import_graph_def(frozen, name="")
            frozen = tf_loader.tf_optimize(tensors.inputs, tensors.outputs, frozen)
    return frozen, tables


def _converted(graph: Graph, frozen: Any, tables: Tables, tensors: _Tensors) -> Any:  # noqa: ANN401 - protocol buffers
    from tf2onnx.convert import _convert_common

    names = (*graph.inputs, *graph.outputs)
    model, _ = _convert_common(
        frozen,
        name="model",
        continue_on_error=True,
        opset=OPSET,
        custom_op_handlers=operators(tables),
        input_names=tensors.inputs,
        output_names=tensors.outputs,
        tensors_to_rename=dict(zip((*tensors.inputs, *tensors.outputs), names, strict=True)),
        initialized_tables=tables,
    )
    return model


@contextmanager
def _as_it_was(function: Any) -> Iterator[None]:  # noqa: ANN401 - a concrete function
    """Freezing takes its tables away from a function, which is to answer still."""
    captures = function.graph.function_captures
    inside, outside = dict(captures.by_val_internal), dict(captures.by_val_external)
    given = list(function._captured_inputs)  # noqa: SLF001 - as the freezing does
    try:
        yield
    finally:
        captures.by_val_internal.update(inside)
        captures.by_val_external.update(outside)
        function._captured_inputs[:] = given  # noqa: SLF001 - as above


def _free_of_xla(frozen: Any) -> bool:  # noqa: ANN401 - a GraphDef
    """Let functions be inlined that only XLA may compile, as of grouped convolutions; any?"""
    found = False
    nodes = (node for function in frozen.library.function for node in function.node_def)
    for holder in (*frozen.library.function, *frozen.node, *nodes):
        for mark in ("_XlaMustCompile", "_noinline"):
            if mark in holder.attr:
                del holder.attr[mark]
                found = True
    return found


def _check_operations(frozen: Any, name: str) -> None:  # noqa: ANN401 - a GraphDef
    """Operations that ask Python or the disk have no business in a graph that answers."""
    kinds = {node.op for node in frozen.node}
    for function in frozen.library.function:
        kinds |= {node.op for node in function.node_def}
    refuse_operations(kinds, name)


PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
SAVING = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"})
"""What every SavedModel reads its own weights by."""
STATE = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})
FILES = SAVING | {"ReadFile", "WriteFile", "MatchingFiles", "Save", "SaveSlices", "Restore"}


def refuse_operations(kinds: set[str], name: str) -> None:
    """Refuse what asks Python or the disk, or remembers.

    Raises:
        InvalidInput: one of these operations does.
    """
    if kinds & STATE:
        raise InvalidInput(
            f"{name} keeps values from one call to the next: save it so that each call stands "
            "alone (stateful=False, training=False)"
        )
    asks_python, asks_files = sorted(kinds & PYTHON), sorted(kinds & FILES)
    if asks_python:
        raise InvalidInput(
            f"{name} calls Python ({asks_python[0]}: tf.py_function or tf.numpy_function), whose "
            "code is not in it: write that part with TensorFlow's operations and export it again"
        )
    if asks_files:
        raise InvalidInput(
            f"{name} reads or writes files as it answers ({', '.join(asks_files)}): export it "
            "without that part"
        )


def _check_converted(model: Any, name: str) -> None:  # noqa: ANN401 - onnx's own type
    from onnx import defs

    lacking = [
        f"{node.op_type} (at {node.name})"
        for node in _nodes(model.graph)
        if not defs.has(node.op_type, node.domain or "")
    ]
    if lacking:
        shown = ", ".join(dict.fromkeys(lacking[:_MOST_NAMED]))
        raise InvalidInput(
            f"{name} uses what ONNX has no operator for: {shown}; export the model without that "
            "layer, from the tensors behind it on"
        )


def _nodes(graph: Any) -> list[Any]:  # noqa: ANN401 - onnx's own type
    """All nodes, those of loops and branches too."""
    found = []
    for node in graph.node:
        found.append(node)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found.extend(_nodes(attribute.g))
    return found


def _name_lengths(model: Any, answered: Sequence[Any]) -> None:  # noqa: ANN401 - onnx's own type
    """The converter numbers open lengths, or forgets shapes: the first is the rows, and so named.

    Args:
        model: the ONNX.
        answered: shapes of its outputs, as TensorFlow knows them.
    """
    for value, shape in zip(model.graph.output, answered, strict=True):
        known = value.type.tensor_type.shape.dim
        if shape.rank is not None and len(known) != shape.rank:
            del known[:]
            for length in shape.as_list():
                known.add(**({} if length is None else {"dim_value": length}))
    for value in (*model.graph.input, *model.graph.output):
        for place, dimension in enumerate(value.type.tensor_type.shape.dim):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = _ROWS if place == 0 else f"{value.name}_{place}"
    model.producer_name, model.producer_version = "tf2onnx", ""
    model.graph.doc_string, model.doc_string = "", ""


def _serialised(model: Any, name: str) -> bytes:  # noqa: ANN401 - onnx's own type
    if model.ByteSize() > _LARGEST_BYTES:
        raise InvalidInput(f"{name} is over 2 GB as ONNX, which is its limit: use float16 weights")
    return bytes(model.SerializeToString(deterministic=True))


def _words(tables: Tables) -> tuple[str, ...]:
    """The texts that tables know: a trial asks for some of them."""
    found: list[str] = []
    for keys, _ in tables.values():
        if np.asarray(keys).dtype.kind == "O":
            found.extend(key.decode("utf-8", errors="replace") for key in keys.ravel().tolist())
    return tuple(found)
