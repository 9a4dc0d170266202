"""What runs inside a guest: one predictor in a process of its own, which answers frames.

    python -I main.py DESCRIPTOR PARENT_PID MEMORY_BYTES

A script by itself, of the standard library and NumPy alone and nothing of ours, so that it runs in
any Python environment. It works in its current folder, where the files of the version lie.

A frame is the length of its JSON head (4 bytes), the length of its raw part (8 bytes), the head,
and the raw bytes of the tensors that the head names, in the binary form of the Open Inference
Protocol. Nothing is ever unpickled.
"""

import ctypes
import importlib.util
import inspect
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

PREDICTOR_FILE = "predictor.py"
TEXT = "BYTES"
SAMPLES = "samples"
"""The optional input, one number a row, that tells a model how often to draw."""
LARGEST_HEAD = 1 << 20
"""Bytes; names and shapes of tensors, and an error's sentence."""

_SIZES = struct.Struct("<IQ")
_LENGTH = struct.Struct("<I")
_PR_SET_PDEATHSIG = 1
_WIRE = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}

Values = NDArray[Any]
Head = dict[str, Any]
Spec = dict[str, Any]


class Line(Protocol):
    """Bytes from the other side."""

    def recv(self, size: int, /) -> bytes:
        """Some of them, at most so many; none when the other side is gone."""
        ...


class Sink(Protocol):
    """Bytes to the other side."""

    def sendall(self, data: bytes, /) -> None:
        """All of them."""
        ...


class BadPredictor(Exception):
    """The user's class is not what can be served; the message says what to change."""


class Model(Protocol):
    """What a guest serves."""

    def told(self) -> Head:
        """Its signature and how it may be called, as the host is told when it is ready."""
        ...

    def predict(self, tensors: Mapping[str, Values]) -> Mapping[str, Values]:
        """Outputs by name, of the datatypes of the signature."""
        ...

    def example(self, rows: int) -> Mapping[str, Values] | None:
        """Inputs of the user's choice to try it with; None where there are none."""
        ...


def send_frame(connection: Sink, head: Head, parts: Sequence[bytes] = ()) -> None:
    """Write one frame."""
    said = json.dumps(head).encode()
    sizes = _SIZES.pack(len(said), sum(len(part) for part in parts))
    connection.sendall(b"".join([sizes, said, *parts]))


def receive_frame(connection: Line, most_bytes: int) -> tuple[Head, memoryview] | None:
    """Read one frame, its raw part in memory of its own; None when the other side is gone.

    Raises:
        ValueError: it is no frame, or larger than `most_bytes`.
    """
    sizes = _read(connection, _SIZES.size)
    if sizes is None:
        return None
    of_head, of_raw = _SIZES.unpack(sizes)
    if of_head > LARGEST_HEAD or of_raw > most_bytes:
        raise ValueError(f"a frame of {of_head} + {of_raw} bytes is over the limit")
    said, raw = _read(connection, of_head), _read(connection, of_raw)
    if said is None or raw is None:
        return None
    head = json.loads(bytes(said))
    if not isinstance(head, dict):
        raise ValueError("the head of a frame is no object")  # noqa: TRY004 - one kind of fault
    return head, raw


def _read(connection: Line, size: int) -> memoryview | None:
    """So many bytes; room is made as they come, not as they are promised."""
    found = bytearray()
    while len(found) < size:
        part = connection.recv(min(size - len(found), 1 << 20))
        if not part:
            return None
        found += part
    return memoryview(found)


def to_tensors(specs: Sequence[Spec], raw: memoryview) -> dict[str, Values]:
    """The tensors that a head names, from the bytes behind it."""
    found, start = {}, 0
    for spec in specs:
        end = start + spec["size"]
        found[spec["name"]] = _values(raw[start:end], spec["datatype"], spec["shape"])
        start = end
    return found


def _values(raw: memoryview, datatype: str, shape: Sequence[int]) -> Values:
    if datatype != TEXT:
        return np.frombuffer(raw, dtype=_WIRE[datatype]).reshape(shape)
    texts, at = [], 0
    while at < len(raw):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(raw, at)[0]
        texts.append(bytes(raw[start:at]))
    values = np.empty(len(texts), dtype=np.object_)
    values[:] = texts
    return values.reshape(shape)


def from_tensors(
    specs: Sequence[Spec], tensors: Mapping[str, Values]
) -> tuple[list[Spec], list[bytes]]:
    """Heads and bytes of the tensors that the signature names, in its order."""
    heads, parts = [], []
    for spec in specs:
        if spec["name"] in tensors:
            values = tensors[spec["name"]]
            part = _bytes(values, spec["datatype"])
            heads.append(
                {
                    "name": spec["name"],
                    "datatype": spec["datatype"],
                    "shape": list(values.shape),
                    "size": len(part),
                }
            )
            parts.append(part)
    return heads, parts


def _bytes(values: Values, datatype: str) -> bytes:
    if datatype != TEXT:
        return values.astype(_WIRE[datatype], copy=False).tobytes()
    texts = [one.encode() if isinstance(one, str) else bytes(one) for one in values.ravel()]
    return b"".join([piece for text in texts for piece in (_LENGTH.pack(len(text)), text)])


class CustomModel:
    """A user's class: `predict`, and if it has them `load`, `preprocess`, `postprocess`."""

    def __init__(self, kind: type) -> None:
        """Make one and let it load what it needs.

        Raises:
            BadPredictor: its signature is missing or wrong.
        """
        self.inputs = _signature(kind, "inputs")
        self.outputs = _signature(kind, "outputs")
        self._made = kind()
        self._draws = bool(getattr(kind, "draws", False))
        self._joins_rows = not self._draws and bool(getattr(kind, "joins_rows", True))
        self._steps = [
            getattr(self._made, step)
            for step in ("preprocess", "predict", "postprocess")
            if callable(getattr(self._made, step, None))
        ]
        if callable(getattr(self._made, "load", None)):
            self._made.load()

    def told(self) -> Head:
        """What the class states of itself."""
        inputs = self.inputs
        if self._draws:
            drawn = {"name": SAMPLES, "datatype": "INT64", "shape": [-1], "optional": True}
            inputs = [*inputs, drawn]
        return {"inputs": inputs, "outputs": self.outputs, "joins_rows": self._joins_rows}

    def predict(self, tensors: Mapping[str, Values]) -> Mapping[str, Values]:
        """All of its steps, one after another.

        Raises:
            BadPredictor: what came out is not what the signature states.
            Exception: whatever its code raises.
        """
        value: Any = dict(tensors)
        samples = value.pop(SAMPLES, None) if self._draws else None
        drawn = {} if samples is None else {SAMPLES: int(samples[0])}
        for step in self._steps:
            value = step(value, **drawn) if step.__name__ == "predict" else step(value)
        if not isinstance(value, Mapping):
            raise BadPredictor(
                f"the last step answered {type(value).__name__}: answer a dict of arrays by name"
            )
        return {spec["name"]: _output(spec, value) for spec in self.outputs}

    def example(self, rows: int) -> Mapping[str, Values] | None:
        """Those of its own method, if it has one."""
        make = getattr(self._made, "example", None)
        if not callable(make):
            return None
        made: Mapping[str, Any] = make(rows)
        return {spec["name"]: _output(spec, made) for spec in self.inputs if spec["name"] in made}


def _output(spec: Spec, values: Mapping[str, Any]) -> Values:
    name, datatype = spec["name"], spec["datatype"]
    if name not in values:
        raise BadPredictor(f"{name!r} is missing from what was answered")
    found = np.asarray(values[name])
    if datatype == TEXT:
        return found.astype(np.object_)
    wanted = np.dtype(_WIRE[datatype])
    if not np.can_cast(found.dtype, wanted, casting="same_kind"):
        raise BadPredictor(f"{name!r} holds {found.dtype}, and its datatype is {datatype}")
    return found.astype(wanted, copy=False)


def _signature(kind: type, side: str) -> list[Spec]:
    stated = getattr(kind, side, None)
    if not isinstance(stated, list | tuple) or not stated:
        raise BadPredictor(
            f"class {kind.__name__} needs {side}, a list such as "
            f'[{{"name": "x", "datatype": "FP64", "shape": [-1, 3]}}]'
        )
    return [_spec(one, f"{side} of class {kind.__name__}") for one in stated]


def _spec(stated: Any, where: str) -> Spec:  # noqa: ANN401 - whatever the user wrote
    if isinstance(stated, Mapping):
        stated = [stated.get(key) for key in ("name", "datatype", "shape")]
    try:
        name, datatype, shape = stated
        lengths = [int(length) for length in shape]
    except (TypeError, ValueError) as error:
        raise BadPredictor(f"the {where} state {stated!r}: give name, datatype, shape") from error
    if not isinstance(name, str) or not name:
        raise BadPredictor(f"the {where} have a name that is no text: {name!r}")
    if datatype not in (*_WIRE, TEXT):
        raise BadPredictor(f"the {where} state datatype {datatype!r}: take one of {[*_WIRE, TEXT]}")
    if lengths[:1] != [-1]:
        raise BadPredictor(f"the {where} have shape {lengths}: the first length is -1, the rows")
    return {"name": name, "datatype": datatype, "shape": lengths}


def open_custom() -> CustomModel:
    """The one predictor in `predictor.py` of the current folder.

    Raises:
        BadPredictor: there is none, or more than one.
        Exception: whatever its code raises.
    """
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.spec_from_file_location("predictor", PREDICTOR_FILE)
    if spec is None or spec.loader is None:
        raise BadPredictor(f"there is no {PREDICTOR_FILE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["predictor"] = module
    spec.loader.exec_module(module)
    kinds = [
        one
        for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == "predictor" and callable(getattr(one, "predict", None))
    ]
    named = [one for one in kinds if one.__name__ == "Predictor"] or kinds
    if len(named) != 1:
        raise BadPredictor(
            f"{PREDICTOR_FILE} has {len(named)} classes with a method predict: keep one, or call "
            "the one to serve Predictor"
        )
    return CustomModel(named[0])


def serve(connection: socket.socket, open_model: Callable[[], Model]) -> int:
    """Load the model, say so, and answer until the other side is gone; the process's exit code."""
    try:
        model = open_model()
        told = model.told()
    except BaseException as error:  # noqa: BLE001 - a user's code may even exit
        traceback.print_exc()
        send_frame(connection, {"error": _error(error)})
        return 1
    send_frame(connection, told)
    while (frame := receive_frame(connection, sys.maxsize)) is not None:
        head, parts = _answer(model, told, *frame)
        send_frame(connection, head, parts)
    return 0


def _answer(model: Model, told: Head, head: Head, raw: memoryview) -> tuple[Head, list[bytes]]:
    try:
        if head["ask"] == "example":
            specs, tensors = told["inputs"], model.example(head["rows"])
        else:
            specs = told["outputs"]
            tensors = model.predict(to_tensors(head["tensors"], raw))
        heads, parts = from_tensors(specs, tensors or {})
    except Exception as error:  # noqa: BLE001 - the request fails, and the next one is served
        traceback.print_exc()
        return {"error": _error(error)}, []
    return {"tensors": heads}, parts


def _error(error: BaseException) -> Head:
    return {"kind": type(error).__name__, "message": str(error)[:2000]}


def tie_to(parent: int) -> None:
    """Let this process be killed when the one that started it is gone (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # it ended before the line above


def bound(memory_bytes: int) -> None:
    """No core dumps, and no more address space than this; 0 sets no bound."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def begin(arguments: Sequence[str]) -> socket.socket:
    """Make this process a guest; the socket on which it is asked."""
    descriptor, parent, memory_bytes = (int(one) for one in arguments)
    tie_to(parent)
    bound(memory_bytes)
    sys.dont_write_bytecode = True
    connection = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function's own form
    return connection


if __name__ == "__main__":
    sys.exit(serve(begin(sys.argv[1:]), open_custom))
