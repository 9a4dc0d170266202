"""ONNX Runtime: what every other adapter exports to. The only file that imports it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, Unavailable, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_checks import check_graph, unshaped_inputs
from lichen.frameworks.trial import found_lengths, has_open_lengths, is_row_by_row, made_up

MODEL_FILE = "model.onnx"

_DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}
_PATH = re.compile(r"\S*/\S+")
_NOISE = re.compile(r"\[ONNXRuntimeError\]\s*:\s*\d+\s*:\s*(\w+)\s*:\s*")
_LONGEST_REASON = 300
_SMOKE_ROWS = (1, 2)
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ModelDevice = Literal["cpu", "cuda"]


class OnnxPredictor:
    """An ONNX model in memory, on the CPU; one thread, unless it has a process of its own (A1)."""

    def __init__(
        self,
        content: bytes,
        signature: Signature | None = None,
        threads: int = 1,
        device: ModelDevice = "cpu",
        *,
        optimises: bool = True,
    ) -> None:
        """Load the model; a signature given with it adds units and names of its own.

        Without `optimises` its operators run as they stand in the graph, for comparing.

        Raises:
            InvalidInput: the bytes are no ONNX model, or one that is not taken; or there is no
                such device.
            Unavailable: ONNX Runtime is not installed.
        """
        self._session, self._failures = _open(content, threads, device, optimises=optimises)
        self.device = device
        # its own `run` checks names and devices in Python first: 0.9 us of 5.3 for a small model
        self._run = self._session._sess.run  # noqa: SLF001
        read = Signature(_specs(self._session.get_inputs()), _specs(self._session.get_outputs()))
        self._signature = _reconciled(read, signature)
        self._outputs = [spec.name for spec in read.outputs]
        self._only = self._outputs[0] if len(self._outputs) == 1 else None
        self._texts = [spec.name for spec in read.inputs if spec.datatype is Datatype.BYTES]
        self._lengths = found_lengths(self._signature.inputs, self.predict)
        self._joins_rows = _has_rows(self._signature) and is_row_by_row(self)

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Whether rows that run together get what they get alone: tried out when loaded."""
        return self._joins_rows

    def predict(self, batch: Batch) -> Batch:
        """The outputs for a batch.

        Raises:
            InvalidInput: a text is not UTF-8.
            WorkFailed: ONNX Runtime could not compute them.
        """
        feed = batch.arrays
        if self._texts:
            feed = {**feed, **{name: _decoded(feed[name]) for name in self._texts if name in feed}}
        try:
            results = self._run(self._outputs, feed, None)
        except self._failures as error:
            raise WorkFailed(f"the model could not compute this: {_reason(error)}") from error
        if self._only is not None:
            return Batch({self._only: results[0]})
        return Batch(dict(zip(self._outputs, results, strict=True)))

    def example(self, rows: int) -> Batch:
        """Random numbers and zero integers in the form that the model takes."""
        return made_up(self._signature.inputs, rows, self._lengths)

    def close(self) -> None:
        """Let go of the model."""
        self._session = None
        self._run = _closed


class OnnxAdapter:
    """Makes predictors from a version whose model is `model.onnx`."""

    def load(
        self,
        files: Mapping[str, bytes],
        signature: Signature | None,
        device: ModelDevice = "cpu",
    ) -> OnnxPredictor:
        """The predictor of `model.onnx`.

        Raises:
            InvalidInput: there is no such file or device, or the model is not taken.
        """
        if MODEL_FILE not in files:
            raise InvalidInput(f"the version has no {MODEL_FILE}; its files: {', '.join(files)}")
        return OnnxPredictor(files[MODEL_FILE], signature, device=device)


def check_model(content: bytes, wished: Sequence[TensorSpec] = ()) -> Signature:
    """Is this a model that can be served? It is checked, loaded and run.

    Args:
        content: the model.
        wished: inputs whose shapes are to be narrower than the graph says, or that it leaves out.

    Returns:
        The signature read from the graph.

    Raises:
        InvalidInput: it is not; the message says why and what to do.
    """
    check_graph(content)
    predictor = OnnxPredictor(content)
    given = with_shapes(predictor.signature, wished)
    unknown = set(unshaped_inputs(content)) - {one.name for one in wished}
    if unknown:
        raise InvalidInput(_asked_for(sorted(unknown), predictor.signature))
    if wished:
        predictor.close()
        predictor = OnnxPredictor(content, given)
    try:
        for rows in _SMOKE_ROWS if _has_rows(given) else _SMOKE_ROWS[:1]:
            predictor.predict(predictor.example(rows))
    except WorkFailed as error:
        raise InvalidInput(
            f"a trial run with random inputs failed: {error}{_shapes_to_say(given)}"
        ) from error
    finally:
        predictor.close()
    return given


def runtime_version() -> str:
    """Of ONNX Runtime."""
    return version("onnxruntime")


def with_shapes(signature: Signature, wished: Sequence[TensorSpec]) -> Signature:
    """The signature, some of its inputs with the shapes that whoever imports gave.

    Raises:
        InvalidInput: there is no such input, or it cannot have that shape or datatype.
    """
    inputs = {spec.name: spec for spec in signature.inputs}
    for wish in wished:
        own = inputs.get(wish.name)
        if own is None:
            raise InvalidInput(
                f"the model has no input {wish.name!r} to be described: it takes {_told(signature)}"
            )
        is_free = not own.shape or len(own.shape) == len(wish.shape)
        pairs = zip(own.shape, wish.shape, strict=False)
        if (
            own.datatype is not wish.datatype
            or not is_free
            or any(a >= 0 and a != b for a, b in pairs)
        ):
            raise InvalidInput(
                f"input {wish.name!r} cannot be {wish.datatype} {list(wish.shape)}: the model "
                f"takes {_told(signature)}"
            )
        inputs[wish.name] = replace(own, shape=wish.shape)
    return Signature(tuple(inputs.values()), signature.outputs)


def _asked_for(names: Sequence[str], signature: Signature) -> str:
    options = " ".join(f"--input {name}:FP32:-1,224,224,3" for name in names)
    return (
        f"the model does not say how many dimensions {', '.join(names)} has (found: "
        f"{_told(signature)}): say it, such as {options}"
    )


def _shapes_to_say(signature: Signature) -> str:
    if not has_open_lengths(signature.inputs):
        return ""
    return f" (it takes {_told(signature)}; say shapes that it can take by --input NAME:TYPE:SHAPE)"


def _told(signature: Signature) -> str:
    return ", ".join(
        f"{spec.name}:{spec.datatype}:{','.join(map(str, spec.shape))}" for spec in signature.inputs
    )


def _open(
    content: bytes, threads: int, device: ModelDevice, *, optimises: bool
) -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as missing:
        raise Unavailable("serving ONNX needs onnxruntime: install lichen[serve]") from missing
    from onnxruntime.capi import (  # type: ignore[import-untyped]
        onnxruntime_pybind11_state as native,
    )

    kinds = [kind for kind in vars(native).values() if isinstance(kind, type)]
    failures: tuple[type[Exception], ...] = (
        *(kind for kind in kinds if issubclass(kind, Exception)),
        *(RuntimeError, ValueError, TypeError),
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # memory goes back when a model is unloaded
    options.log_severity_level = 4
    if not optimises:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waits cost nothing
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact without VNNI, too
    providers = [_CPU] if device == "cpu" else _cuda_first(onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except failures as error:
        raise InvalidInput(f"ONNX Runtime does not load the model: {_reason(error)}") from error
    if session.get_providers()[0] != providers[0]:  # it falls back to the CPU without a word
        raise InvalidInput(
            "device cuda is absent, ONNX Runtime cannot use it here (driver or CUDA libraries are "
            "missing): deploy with --device cpu"
        )
    session._model_bytes = None  # noqa: SLF001 - it keeps the file, which doubles the memory
    return session, failures


def _cuda_first(available: Sequence[str]) -> list[str]:
    """CUDA, and the CPU for the operators that it lacks."""
    if _CUDA not in available:
        raise InvalidInput(
            "device cuda is absent, the ONNX Runtime installed here is built for the CPU: install "
            "lichen[cuda] in its place, or deploy with --device cpu"
        )
    return [_CUDA, _CPU]


def _closed(*_: object) -> None:
    raise WorkFailed("the model was unloaded: load it again")


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    specs = []
    for node in nodes:
        datatype = _DATATYPES.get(node.type)
        if datatype is None:
            raise InvalidInput(
                f"{node.name!r} has type {node.type}, which cannot be served: "
                "export the model with plain tensors (scikit-learn: zipmap=False)"
            )
        shape = tuple(length if isinstance(length, int) else -1 for length in node.shape)
        specs.append(TensorSpec(node.name, datatype, shape))
    return tuple(specs)


def _reconciled(read: Signature, given: Signature | None) -> Signature:
    """The signature given, if it speaks of the same tensors."""
    if given is None:
        return read
    for side in ("inputs", "outputs"):
        names = {spec.name: spec.datatype for spec in getattr(read, side)}
        if names != {spec.name: spec.datatype for spec in getattr(given, side)}:
            raise InvalidInput(
                f"the model's {side} are not those of its signature: import it again"
            )
    return given


def _has_rows(signature: Signature) -> bool:
    return all(spec.shape[:1] == (-1,) for spec in (*signature.inputs, *signature.outputs))


def _decoded(texts: Array) -> Array:
    found = np.empty(texts.size, dtype=np.object_)
    try:
        found[:] = [bytes(text).decode() for text in texts.ravel()]
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"an element of BYTES is no UTF-8 text, which is all this model takes: {error}"
        ) from error
    return found.reshape(texts.shape)


def _reason(error: Exception) -> str:
    """What the library said on one line, without its paths."""
    said = _PATH.sub("", _NOISE.sub("", str(error)))
    return " ".join(said.split())[:_LONGEST_REASON]
