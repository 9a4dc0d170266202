"""OpenVINO: another runtime of ONNX models, cheaper for encoders. The only file that imports it."""

import sys
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, Unavailable, WorkFailed
from lichen.core.tensors import Datatype, Signature
from lichen.frameworks.base import Predictor

NAME = "openvino"
_TELEMETRY = "openvino_telemetry"
ONE_THREAD = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
"""Settings by which it computes in the thread that calls (A1)."""
FAILURES = (RuntimeError, ValueError, TypeError)
"""What OpenVINO raises."""


class OpenVinoPredictor:
    """An ONNX model compiled by OpenVINO; it computes in the thread that calls (A1)."""

    def __init__(self, content: bytes, first: Predictor, precision: str = "f32") -> None:
        """Compile the model.

        Args:
            content: the ONNX model.
            first: a predictor of the same model; its signature and examples are used.
            precision: `f32` answers as other runtimes do; `bf16` differs in the third digit, and
                is another variant.

        Raises:
            InvalidInput: OpenVINO does not take the model.
            Unavailable: OpenVINO is not installed.
        """
        self._first_example = first.example(1)
        self._signature = first.signature
        self._joins_rows = first.joins_rows
        settings = {**ONE_THREAD, "INFERENCE_PRECISION_HINT": precision}
        runtime = core()
        try:
            compiled = runtime.compile_model(runtime.read_model(content), "CPU", settings)
            self._request = compiled.create_infer_request()
        except FAILURES as error:
            raise InvalidInput("OpenVINO does not take the model") from error
        self._outputs = [spec.name for spec in first.signature.outputs]  # it may rename them

    @property
    def signature(self) -> Signature:
        """That of the model."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """As the model was found to be."""
        return self._joins_rows

    def predict(self, batch: Batch) -> Batch:
        """The outputs for a batch.

        Raises:
            WorkFailed: OpenVINO could not compute them.
        """
        if self._request is None:
            raise WorkFailed("the model was unloaded: load it again")
        try:
            results = self._request.infer(dict(batch.arrays), share_inputs=True)
            return Batch({name: results[at] for at, name in enumerate(self._outputs)})
        except FAILURES as error:
            raise WorkFailed("OpenVINO could not compute this") from error

    def example(self, rows: int) -> Batch:
        """The row that it was given, repeated."""
        return Batch({name: one.repeat(rows, axis=0) for name, one in self._first_example.items()})

    def close(self) -> None:
        """Let go of the model."""
        self._request = None


def is_installed() -> bool:
    """Whether the extra is there; nothing is loaded for the answer."""
    return find_spec("openvino") is not None


def is_taken(signature: Signature) -> bool:
    """Whether OpenVINO can be asked: it knows numbers only."""
    return all(
        spec.datatype is not Datatype.BYTES for spec in (*signature.inputs, *signature.outputs)
    )


@lru_cache
def core() -> Any:  # noqa: ANN401 - OpenVINO's own type
    """OpenVINO, without the package through which its tools tell Intel about their use."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # as if it were missing
    try:
        import openvino  # type: ignore[import-untyped]
    except ImportError as missing:
        raise Unavailable("OpenVINO is not installed: install lichen[openvino]") from missing
    return openvino.Core()
