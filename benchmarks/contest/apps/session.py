"""The model as every other server opens it: one thread, all else as ONNX Runtime has it."""

from typing import Any

import onnxruntime  # type: ignore[import-untyped]

INPUT, OUTPUT = "x", "y"


def open_session(path: str) -> Any:
    """A session on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
