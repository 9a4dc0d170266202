"""Which other forms a model could run in: decided before anything heavy is loaded."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter_ns

from lichen.core.errors import InvalidInput, LichenError
from lichen.frameworks import openvino
from lichen.frameworks.base import Predictor
from lichen.frameworks.devices import cuda_gains, has_cuda
from lichen.frameworks.kernel import kernel
from lichen.frameworks.onnx_trees import has_forest, read_forest
from lichen.frameworks.runtimes import Choice, HasChoices, Runtime, as_chosen, fastest
from lichen.frameworks.trees import NAME, TreePredictor, is_taken

FIRST = "onnxruntime"
LARGE_NS = 2_000_000
"""CPU of 8 rows from which OpenVINO is tried: under it, its 0.1 ms a call is never won back."""
LARGEST_BYTES = 512 * 2**20
"""A model larger than this is not loaded a second time, for a trial, beside itself."""
_TRIED_ROWS = 8
CUDA_ROWS = 32

_log = logging.getLogger(__name__)


def cheapest_form(
    content: bytes, first: Predictor, compiled: Path | None, chosen: Sequence[Choice] = ()
) -> Predictor:
    """`first`, or a predictor that runs each batch on the cheapest form of the model.

    Args:
        content: the ONNX model that `first` runs.
        first: ONNX Runtime's predictor of it.
        compiled: the folder of compiled code; None: nothing is compiled.
        chosen: what was chosen before, which `choices_of` says; empty: measure and choose.
    """
    others = _others(content, first, compiled)
    return as_chosen(first, FIRST, others, chosen) if chosen else fastest(first, FIRST, others)


def choices_of(served: Predictor) -> tuple[Choice, ...]:
    """Which form runs batches of which size, for a later loading to do the same to the bit."""
    if isinstance(served, HasChoices):
        return served.choices
    if isinstance(served, TreePredictor):
        return (Choice(None, NAME),)
    if isinstance(served, openvino.OpenVinoPredictor):
        return (Choice(None, openvino.NAME),)
    return (Choice(None, FIRST),)


def _others(content: bytes, first: Predictor, compiled: Path | None) -> list[Runtime]:
    if not first.joins_rows or len(content) > LARGEST_BYTES:
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
    return _took_ns(first, _TRIED_ROWS) > LARGE_NS


def on_cuda_if_it_gains(
    first: Predictor, load: Callable[[], Predictor], most_rows: int = CUDA_ROWS
) -> Predictor | None:
    """The model on a GPU, where there is one and it makes up for its power; None otherwise.

    Args:
        first: the model on the CPU; it is closed when the other is given back.
        load: loads the model on the GPU.
        most_rows: how many rows are tried.
    """
    if not has_cuda() or not first.joins_rows or not _is_large(first):
        return None
    try:
        other = load()
    except LichenError as error:
        _log.info("device cuda is left out: %s", error)
        return None
    if cuda_gains(_took_ns(first, most_rows), _took_ns(other, most_rows)):
        _log.info("device cuda serves")
        first.close()
        return other
    other.close()
    return None


def _took_ns(predictor: Predictor, rows: int) -> int:
    """By the clock on the wall, which a GPU's work shows on as well; the lesser of two runs."""
    batch = predictor.example(rows)
    predictor.predict(batch)
    took = []
    for _ in range(2):
        started = perf_counter_ns()
        predictor.predict(batch)
        took.append(perf_counter_ns() - started)
    return min(took)
