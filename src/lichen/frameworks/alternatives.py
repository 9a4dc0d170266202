"""Which other forms a model could run in: decided before anything heavy is loaded."""

from pathlib import Path
from time import thread_time_ns

from lichen.core.errors import InvalidInput
from lichen.frameworks import openvino
from lichen.frameworks.base import Predictor
from lichen.frameworks.kernel import kernel
from lichen.frameworks.onnx_trees import has_forest, read_forest
from lichen.frameworks.runtimes import Runtime, fastest
from lichen.frameworks.trees import NAME, TreePredictor, is_taken

FIRST = "onnxruntime"
LARGE_NS = 2_000_000
"""CPU of 8 rows from which OpenVINO is tried: under it, its 0.1 ms a call is never won back."""
_TRIED_ROWS = 8


def cheapest_form(content: bytes, first: Predictor, compiled: Path | None) -> Predictor:
    """`first`, or a predictor that runs each batch on the cheapest form of the model.

    Args:
        content: the ONNX model that `first` runs.
        first: ONNX Runtime's predictor of it.
        compiled: the folder of compiled code; None: nothing is compiled.
    """
    return fastest(first, FIRST, _others(content, first, compiled))


def _others(content: bytes, first: Predictor, compiled: Path | None) -> list[Runtime]:
    if not first.joins_rows:
        return []
    if has_forest(content):
        folder = compiled
        if folder is None:
            return []
        return [Runtime(NAME, lambda: _trees(content, first, folder))]
    if openvino.is_installed() and openvino.is_taken(first.signature) and _is_large(first):
        return [Runtime(openvino.NAME, lambda: openvino.OpenVinoPredictor(content, first))]
    return []


def _trees(content: bytes, first: Predictor, folder: Path) -> Predictor:
    forest = read_forest(content)
    if forest is None or not is_taken(forest, first.signature):
        raise InvalidInput("the model is more than one sum of trees")
    return TreePredictor(forest, first.signature, first.example(1), kernel(folder))


def _is_large(first: Predictor) -> bool:
    batch = first.example(_TRIED_ROWS)
    first.predict(batch)
    started = thread_time_ns()
    first.predict(batch)
    return thread_time_ns() - started > LARGE_NS
