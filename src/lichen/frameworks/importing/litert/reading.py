"""Read a TFLite flatbuffer into records; nothing in it is trusted to be where it says."""

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.importing.litert.network import Network, Operator, Steps, Tensor

_DAMAGED = (
    *(struct.error, IndexError, ValueError, TypeError, KeyError, AttributeError),
    *(UnicodeDecodeError, OverflowError, RecursionError, MemoryError),
)
_DTYPES = {
    "FLOAT32": "f4",
    "FLOAT16": "f2",
    "FLOAT64": "f8",
    "INT8": "i1",
    "INT16": "i2",
    "INT32": "i4",
    "INT64": "i8",
    "UINT8": "u1",
    "UINT16": "u2",
    "UINT32": "u4",
    "UINT64": "u8",
    "BOOL": "?",
    "RESOURCE": "V4",
}
_ESCAPED = 127
"""Codes of operators beyond a byte stand in another field."""
_PORT = re.compile(r":0$")


def read_network(content: bytes, name: str, entry: str | None = None) -> Network:
    """The main graph of a TFLite file.

    Args:
        content: the file.
        name: what it is called, for messages.
        entry: which of its signatures is meant.

    Raises:
        InvalidInput: it is damaged, or has parts that no version here can have.
        Unavailable: LiteRT is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as missing:
        raise Unavailable("reading TFLite needs LiteRT: install lichen[tflite]") from missing
    try:
        model = schema.ModelT.InitFromPackedBuf(content)
        return _network(model, schema, content, entry)
    except _DAMAGED as error:
        raise InvalidInput(
            f"{name} is a damaged TFLite file ({type(error).__name__}): copy or convert it again"
        ) from error


def _network(model: Any, schema: Any, content: bytes, entry: str | None) -> Network:  # noqa: ANN401 - generated types
    if not model.subgraphs:
        raise InvalidInput("there is no graph in it: convert the model again")
    signature = _signature(model, entry)
    graph = model.subgraphs[signature.subgraphIndex if signature else 0]
    tensors = tuple(_tensor(one, model, schema, content) for one in graph.tensors)
    codes = [_kind(one, schema) for one in model.operatorCodes]
    operators = tuple(
        Operator(
            codes[one.opcodeIndex],
            _numbers(one.inputs),
            _numbers(one.outputs),
            _options(one.builtinOptions),
        )
        for one in graph.operators or ()
    )
    return Network(
        tensors,
        operators,
        _named(graph.inputs, signature and signature.inputs, tensors),
        _named(graph.outputs, signature and signature.outputs, tensors),
        _text(model.description),
    )


def _signature(model: Any, entry: str | None) -> Any:  # noqa: ANN401 - as above
    known = {_text(one.signatureKey): one for one in model.signatureDefs or ()}
    if entry is not None and entry not in known:
        raise InvalidInput(f"it has no signature {entry!r}: it has {', '.join(known) or 'none'}")
    usual = known.get("serving_default") or next(iter(known.values()), None)
    return usual if entry is None else known[entry]


def _named(numbers: Any, mapped: Any, tensors: tuple[Tensor, ...]) -> Mapping[str, int]:  # noqa: ANN401 - as above
    """Names of a signature where there is one, else of the tensors, in the graph's order."""
    said = {int(one.tensorIndex): _text(one.name) for one in mapped or ()}
    found: dict[str, int] = {}
    for number in _numbers(numbers):
        name = said.get(number) or _PORT.sub("", tensors[number].name) or f"tensor_{number}"
        found[name if name not in found else f"{name}_{number}"] = number
    return found


def _tensor(stored: Any, model: Any, schema: Any, content: bytes) -> Tensor:  # noqa: ANN401 - as above
    kinds = {value: key for key, value in vars(schema.TensorType).items() if key.isupper()}
    kind = kinds.get(stored.type, "?")
    if kind not in _DTYPES:
        raise InvalidInput(f"tensor {_text(stored.name)!r} has type {kind}, which is not taken")
    if stored.sparsity is not None:
        raise InvalidInput(
            f"tensor {_text(stored.name)!r} is stored sparse, which is not taken: convert the "
            "model without sparsity"
        )
    shape = _numbers(stored.shape)
    opened = _numbers(stored.shapeSignature) if stored.shapeSignature is not None else shape
    dtype = np.dtype(_DTYPES[kind])
    return Tensor(
        _text(stored.name),
        shape,
        opened if len(opened) == len(shape) else shape,
        dtype,
        _values(model.buffers[stored.buffer], dtype, shape, content),
        _steps(stored.quantization),
        bool(stored.isVariable),
    )


def _values(stored: Any, dtype: np.dtype[Any], shape: tuple[int, ...], content: bytes) -> Any:  # noqa: ANN401 - as above
    data = stored.data
    if data is None and stored.size and stored.offset > 1:  # weights behind the flatbuffer
        data = np.frombuffer(content, dtype=np.uint8, count=stored.size, offset=stored.offset)
    if data is None or len(data) == 0:
        return None
    return np.frombuffer(np.asarray(data, dtype=np.uint8).tobytes(), dtype=dtype).reshape(shape)


def _steps(stored: Any) -> Steps | None:  # noqa: ANN401 - as above
    if stored is None or stored.scale is None or len(stored.scale) == 0:
        return None
    scale = np.asarray(stored.scale, dtype=np.float32)
    zero = np.zeros(len(scale)) if stored.zeroPoint is None else stored.zeroPoint
    zeros = np.broadcast_to(np.asarray(zero, dtype=np.int64), scale.shape)
    return Steps(scale, zeros, int(stored.quantizedDimension))


def _kind(code: Any, schema: Any) -> str:  # noqa: ANN401 - as above
    number = max(int(code.deprecatedBuiltinCode), int(code.builtinCode))
    if int(code.deprecatedBuiltinCode) < _ESCAPED and not code.builtinCode:
        number = int(code.deprecatedBuiltinCode)
    kinds = {value: key for key, value in vars(schema.BuiltinOperator).items() if key.isupper()}
    kind = kinds.get(number, f"number {number}")
    return f"CUSTOM {_text(code.customCode)}" if kind == "CUSTOM" else kind


def _options(stored: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return {} if stored is None else dict(vars(stored))


def _numbers(stored: Any) -> tuple[int, ...]:  # noqa: ANN401 - as above
    return () if stored is None else tuple(int(one) for one in stored)


def _text(stored: Any) -> str:  # noqa: ANN401 - as above
    if stored is None:
        return ""
    return stored.decode("utf-8", errors="replace") if isinstance(stored, bytes) else str(stored)
