"""What MLflow's `python_function` loads of a folder that a platform exported: raw columns in.

MLflow calls `_load_pyfunc` by its name, with the folder of the version's own files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.tensors import Datatype, TensorSpec
from lichen.registry.bundle import read_manifest
from lichen.serving.forms import predictor_of

Rows = Any
"""A data frame of pandas, or whatever else gives the values of a column by its name."""


class ExportedModel:
    """A version as it was exported; it answers as its deployment did."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Raises:
            InvalidInput: the folder holds no version, or one that this process cannot run.
        """
        contents = {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
        manifest = read_manifest(contents)
        files = {file.name: contents[file.name] for file in manifest.files}
        self._predictor = predictor_of(files, manifest.signature)
        self._inputs = manifest.signature.inputs

    def predict(self, model_input: Rows, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Each output by its name, an array of a row each; texts as `str`.

        Args:
            model_input: the raw columns by name; of a model without named columns its only tensor.
            params: of MLflow; there are none.

        Raises:
            InvalidInput: a cell cannot be what the model was trained on.
        """
        del params
        tensors = {spec.name: _tensor(spec, model_input) for spec in self._inputs}
        answers = self._predictor.predict(Batch(tensors)).arrays
        return {name: _plain(values) for name, values in answers.items()}


def _load_pyfunc(path: str) -> ExportedModel:
    """As MLflow calls it."""
    return ExportedModel(Path(path))


def _tensor(spec: TensorSpec, rows: Rows) -> Array:
    if not spec.columns:
        given = rows[spec.name] if isinstance(rows, Mapping) else rows
        return np.asarray(given, dtype=_dtype(spec))
    columns = [np.asarray(rows[name], dtype=object) for name in spec.columns]
    if spec.datatype is not Datatype.BYTES:
        return np.column_stack(columns).astype(_dtype(spec))
    found = np.empty((len(columns[0]), len(columns)), dtype=np.object_)
    for place, column in enumerate(columns):
        found[:, place] = [_cell(one) for one in column.tolist()]
    return found


def _dtype(spec: TensorSpec) -> type:
    return np.float32 if spec.datatype is Datatype.FP32 else np.float64


def _cell(value: object) -> bytes:
    """A text as it travels; None and NaN are what is missing."""
    if value is None or value != value:
        return b""
    return value if isinstance(value, bytes) else str(value).encode()


def _plain(values: Array) -> Array:
    if values.dtype.kind != "O":
        return values
    found = np.empty(values.size, dtype=np.object_)
    found[:] = [one.decode() if isinstance(one, bytes) else one for one in values.ravel().tolist()]
    return found.reshape(values.shape)
