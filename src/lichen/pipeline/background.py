"""A few usual rows that a version keeps, for explanations to compare with: `background.json`."""

from collections.abc import Mapping

import msgspec
import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput

BACKGROUND_FILE = "background.json"
MOST_ROWS = 32


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of rows: numbers with null for NaN, or texts."""

    name: str
    numbers: list[list[float | None]] = []
    texts: list[list[str]] = []


def background_files(rows: Mapping[str, Array]) -> dict[str, bytes]:
    """The file of at most `MOST_ROWS` rows, evenly spaced; equal rows give equal bytes.

    Args:
        rows: tensors `(rows, columns)` of numbers or of bytes.
    """
    count = next((len(values) for values in rows.values()), 0)
    places = np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).round().astype(np.int64))
    said = [_told(name, rows[name][places]) for name in sorted(rows)]
    return {BACKGROUND_FILE: msgspec.json.encode(said)}


def _told(name: str, values: Array) -> _Tensor:
    if values.dtype.kind == "O":
        texts = [[bytes(cell).decode(errors="replace") for cell in row] for row in values]
        return _Tensor(name, texts=texts)
    listed = values.astype(np.float64).tolist()
    return _Tensor(
        name,
        numbers=[[None if cell != cell else cell for cell in row] for row in listed],
    )


def read_background(files: Mapping[str, bytes]) -> Batch | None:
    """The rows that a version keeps; None where it keeps none.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if BACKGROUND_FILE not in files:
        return None
    try:
        tensors = msgspec.json.decode(files[BACKGROUND_FILE], type=list[_Tensor])
        return Batch({one.name: _array(one) for one in tensors})
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidInput(f"{BACKGROUND_FILE} cannot be read: {error}") from error


def _array(told: _Tensor) -> Array:
    if not told.texts:
        numbers = [[np.nan if cell is None else cell for cell in row] for row in told.numbers]
        return np.array(numbers, dtype=np.float64)
    texts = np.empty((len(told.texts), len(told.texts[0])), dtype=np.object_)
    texts[:] = [[cell.encode() for cell in row] for row in told.texts]
    return texts
