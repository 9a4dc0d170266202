"""A pretrained model of time series that came as ONNX: windows of one series to what follows.

It was trained elsewhere and is fitted on nothing here. What it takes is read from its graph, what
it answers is found by asking it.
"""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import NUMPY_OF_DATATYPE, Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.networks.rows import parts_of
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_checks import check_graph
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.frameworks.pretrained_writer import Said, Windows, around

USUAL_CONTEXT = 512
"""Steps of a window where the model leaves them open and nobody says."""

LEAST_LEVELS = 3
RISING_SHARE = 0.9
"""Of neighbouring quantiles that rise: networks let some cross."""

_FLOATS = (Datatype.FP16, Datatype.FP32, Datatype.FP64)
_SEED, _TRIED_ROWS = 20260101, 8


@dataclass(frozen=True)
class PretrainedCore:
    """`features` `(rows, context + 1)`, the last a constant, to `raw` `(rows, horizon)`.

    Attributes:
        body: the model with what stands around it.
        horizon: steps ahead.
    """

    body: bytes
    horizon: int

    @cached_property
    def predictor(self) -> OnnxPredictor:
        """The same that serves it."""
        return OnnxPredictor(self.body)

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The medians it forecasts.

        Raises:
            InvalidInput: it answers what is no number, or cannot compute.
        """
        made = [_asked(self.predictor, INPUT, part)[OUTPUT] for part in parts_of(features)]
        answers = np.concatenate([np.empty((0, self.horizon)), *made])
        _check_finite(answers)
        return answers

    def onnx(self) -> bytes:
        """The model as it is served."""
        return self.body


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """A model that was looked through.

    Attributes:
        content: as ONNX.
        windows: what it takes.
        output: what it answers, by name.
        cores: those that were made of it.
    """

    content: bytes
    windows: Windows
    output: str
    cores: dict[tuple[int, int], PretrainedCore] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return sha256(self.content).hexdigest()

    def core(self, context: int, horizon: int) -> PretrainedCore:
        """The forecaster's core for windows and horizons of some length.

        Raises:
            InvalidInput: it cannot do these.
        """
        key = (context, horizon)
        if key not in self.cores:
            self.cores[key] = self._made(context, horizon)
        return self.cores[key]

    def _made(self, context: int, horizon: int) -> PretrainedCore:
        own = self.windows.context
        if own is not None and context != own:
            raise InvalidInput(
                f"the pretrained model takes windows of {own} steps, and the context is {context}: "
                "leave the context out"
            )
        said = said_of(self.output, self._tried(context))
        if said.horizon < horizon:
            raise InvalidInput(
                f"the pretrained model forecasts {said.horizon} steps, and {horizon} are asked "
                f"for: ask for up to {said.horizon}"
            )
        body = around(self.content, self.windows, said, context, horizon)
        core = PretrainedCore(body, horizon)
        if not core.predictor.joins_rows:
            raise InvalidInput(
                "the pretrained model answers a window otherwise when others stand beside it: "
                "export it so that each row is computed by itself"
            )
        return core

    def _tried(self, context: int) -> NDArray[Any]:
        """What it answers to a few windows, made up and the same each time."""
        dtype = NUMPY_OF_DATATYPE[self.windows.datatype]
        laid = _made_up(context).reshape(-1, *self.windows.laid(context)).astype(dtype)
        predictor = OnnxPredictor(self.content)
        try:
            return np.asarray(_asked(predictor, self.windows.name, laid)[self.output])
        finally:
            predictor.close()


def read_pretrained(content: bytes) -> PretrainedModel:
    """A model of windows, from ONNX.

    Raises:
        InvalidInput: it is none that can be loaded safely, or takes or answers something else.
        Unavailable: onnx or ONNX Runtime is not installed.
    """
    check_graph(content)
    predictor = OnnxPredictor(content)
    signature = predictor.signature
    predictor.close()
    if len(signature.inputs) != 1:
        raise InvalidInput(
            f"a pretrained model takes one input of windows, and this one takes "
            f"{len(signature.inputs)} ({_names(signature.inputs)}): export it with one"
        )
    if len(signature.outputs) != 1:
        raise InvalidInput(
            f"a pretrained model answers one tensor, and this one answers "
            f"{len(signature.outputs)} ({_names(signature.outputs)}): export it with the forecast "
            "alone"
        )
    taken, answered = signature.inputs[0], signature.outputs[0]
    for spec in (taken, answered):
        if spec.datatype not in _FLOATS:
            raise InvalidInput(
                f"{spec.name!r} of the pretrained model is {spec.datatype}, and windows and "
                "forecasts are floats: export it with those"
            )
    return PretrainedModel(content, _windows(taken), answered.name)


def said_of(name: str, answers: NDArray[Any]) -> Said:
    """What the answers `(rows, ...)` to the windows of the trial are.

    Raises:
        InvalidInput: no forecast.
    """
    found = f"(rows, {', '.join(map(str, answers.shape[1:]))})"
    if answers.ndim < 2 or len(answers) != _TRIED_ROWS or 0 in answers.shape:
        raise InvalidInput(
            f"the pretrained model answers {list(answers.shape)} to {_TRIED_ROWS} windows, and a "
            "forecast is (rows, horizon): export it so"
        )
    _check_finite(answers)
    shape = answers.shape[1:]
    long = [axis for axis, size in enumerate(shape) if size > 1]
    levels = [axis for axis in long if _is_rising(answers, axis + 1)]
    if len(long) <= 1:
        if levels and len(shape) > 1:  # quantiles of one step
            return Said(name, shape, 1, levels[0])
        return Said(name, shape, max(shape), None)
    if len(long) != 2 or len(levels) != 1:
        raise InvalidInput(
            f"the pretrained model answers {found}, which is no forecast: export it as (rows, "
            "horizon), or with an odd number of quantiles from low to high as (rows, quantiles, "
            "horizon) or (rows, horizon, quantiles)"
        )
    horizon = next(axis for axis in long if axis != levels[0])
    return Said(name, shape, shape[horizon], levels[0])


def _windows(taken: TensorSpec) -> Windows:
    row = taken.shape[1:]
    if taken.shape[:1] != (-1,) or len([size for size in row if size != 1]) > 1 or not row:
        shape = ", ".join("open" if size < 0 else str(size) for size in taken.shape)
        raise InvalidInput(
            f"the pretrained model takes ({shape}), and windows are (rows, context) or (rows, "
            "context, 1) with the number of rows open: export it so"
        )
    return Windows(taken.name, taken.datatype, row)


def _is_rising(answers: NDArray[Any], axis: int) -> bool:
    """Whether quantiles stand along an axis: an odd number, from low to high."""
    size = answers.shape[axis]
    if size < LEAST_LEVELS or size % 2 == 0:
        return False
    return bool((np.diff(answers.astype(np.float64), axis=axis) > 0).mean() >= RISING_SHARE)


def _made_up(context: int) -> NDArray[np.float64]:
    """Windows between 0 and 1: waves with some noise, since noise alone is no series."""
    random = np.random.default_rng(_SEED)
    period, phase = random.uniform(6, 48, (_TRIED_ROWS, 1)), random.uniform(size=(_TRIED_ROWS, 1))
    waves = np.sin(2 * np.pi * (np.arange(context) / period + phase))
    waves += 0.2 * random.standard_normal(waves.shape)
    low, high = waves.min(axis=1, keepdims=True), waves.max(axis=1, keepdims=True)
    return np.asarray((waves - low) / np.maximum(high - low, 1e-9))


def _asked(predictor: OnnxPredictor, name: str, windows: NDArray[Any]) -> Batch:
    try:
        return predictor.predict(Batch({name: windows}))
    except WorkFailed as failed:
        raise InvalidInput(
            f"the pretrained model cannot take windows {list(windows.shape)}: {failed}; take "
            "another context, or export it again"
        ) from failed


def _check_finite(answers: NDArray[Any]) -> None:
    if not np.isfinite(answers).all():
        raise InvalidInput(
            "the pretrained model answers NaN or infinity to windows of finite numbers between 0 "
            "and 1: export it again"
        )


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(spec.name for spec in specs)
