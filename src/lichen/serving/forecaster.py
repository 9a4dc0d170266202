"""A forecaster as a predictor: assemble the inputs, run the ONNX core, restore, add quantiles."""

import io
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature
from lichen.forecasting.inputs import assemble, restore
from lichen.forecasting.quantiles import Width, apply
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor

FORECAST_FILE = "forecast.json"
QUANTILES_FILE = "quantiles.npy"
FORECASTER_FILES = (MODEL_FILE, FORECAST_FILE, QUANTILES_FILE)

HISTORY, START, KNOWN, PAST = "history", "start", "known", "past"
_EXAMPLE_START = b"2026-01-01T00:00:00Z"
_EXAMPLE_VALUE = 1.0


class ForecastPredictor:
    """A closed-form or tree forecaster, its core an ONNX model."""

    def __init__(
        self,
        signature: Signature,
        specification: Specification,
        core: OnnxPredictor,
        residuals: NDArray[np.float32],
    ) -> None:
        self._signature = signature
        self._specification = specification
        self._core = core
        self._residuals = residuals
        self._width: Width | None = None
        self._features = core.signature.inputs[0].name
        self._raw = core.signature.outputs[0].name

    @property
    def signature(self) -> Signature:
        """History, start and covariates in; mean and quantiles out."""
        return self._signature

    @property
    def specification(self) -> Specification:
        """What the model declares."""
        return self._specification

    @property
    def joins_rows(self) -> bool:
        """Each forecast is computed by itself."""
        return True

    def predict(self, batch: Batch) -> Batch:
        """`mean` and `quantiles` for each window.

        Raises:
            InvalidInput: a start is no time, or the history cannot be what the model takes.
            WorkFailed: the core failed.
        """
        said = self._specification
        start = np.array([_moment(text) for text in batch[START]], dtype="datetime64[s]")
        arrays = batch.arrays
        assembled = assemble(said, arrays[HISTORY], start, arrays.get(KNOWN), arrays.get(PAST))
        raw = self._core.predict(Batch({self._features: assembled.features}))[self._raw]
        mean = restore(said, assembled, raw)
        quantiles = apply(said, self._residuals, mean, start, self._width)
        return Batch({"mean": mean.astype(np.float32), "quantiles": quantiles.astype(np.float32)})

    def widen(self, width: Width | None) -> None:
        """Give quantiles so much wider from the next batch on; None: as wide as the table says.

        Raises:
            InvalidInput: the width is of another model.
        """
        series = len(self._specification.targets)
        if width is not None and len(width.factors) != series:
            raise InvalidInput(
                f"a width of {len(width.factors)} series does not fit a model of {series}"
            )
        self._width = width

    def example(self, rows: int) -> Batch:
        """Windows of ones, starting at a usual moment."""
        arrays: dict[str, Array] = {}
        for spec in self._signature.inputs:
            shape = (rows, *spec.shape[1:])
            if spec.datatype is Datatype.BYTES:
                arrays[spec.name] = np.full(shape, _EXAMPLE_START, dtype=np.object_)
            else:
                arrays[spec.name] = np.full(shape, _EXAMPLE_VALUE, dtype=np.float32)
        return Batch(arrays)

    def close(self) -> None:
        """Let go of the core."""
        self._core.close()


class ForecastAdapter:
    """Makes predictors from `model.onnx`, `forecast.json` and `quantiles.npy`."""

    def load(self, files: Mapping[str, bytes], signature: Signature | None) -> ForecastPredictor:
        """The predictor of a forecaster's files.

        Raises:
            InvalidInput: a file or the signature is missing or cannot be read.
        """
        if signature is None:
            raise InvalidInput("a forecaster needs its signature: load it from the registry")
        missing = [name for name in FORECASTER_FILES if name not in files]
        if missing:
            raise InvalidInput(f"a forecaster needs {', '.join(missing)}: train it again")
        try:
            said = msgspec.json.decode(files[FORECAST_FILE], type=Specification)
            residuals = np.load(io.BytesIO(files[QUANTILES_FILE]), allow_pickle=False)
        except (msgspec.MsgspecError, ValueError, EOFError) as error:
            raise InvalidInput(f"a file of the forecaster cannot be read: {error}") from error
        expected = (said.horizon, len(said.targets), len(said.levels))
        if residuals.ndim != 4 or residuals.shape[1:] != expected:
            raise InvalidInput(
                f"{QUANTILES_FILE} has shape {list(residuals.shape)}, not [groups, "
                f"{', '.join(str(length) for length in expected)}]: train it again"
            )
        return ForecastPredictor(signature, said, OnnxPredictor(files[MODEL_FILE]), residuals)


def _moment(text: bytes) -> np.datetime64:
    try:
        moment = parse_rfc3339(bytes(text).decode())
    except ValueError as error:
        raise InvalidInput(f"input {START!r} is no RFC 3339 time: {error}") from error
    return np.datetime64(moment.replace(tzinfo=None), "s")
