"""Arrays of NumPy (`.npy`, `.npz`) as the inputs of a deployment; loaded by name, as NumPy is."""

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.protocol.oip import ModelMetadata

_UNREADABLE = (ValueError, OSError, EOFError, BadZipFile, KeyError, SyntaxError, zlib.error)
"""What NumPy raises for bytes that are no arrays; objects, which it would unpickle, among them."""


def arrays_in(metadata: ModelMetadata, content: bytes, file: Path) -> Mapping[str, Array]:
    """The arrays of a file by the names of the inputs; one alone is the only input.

    Raises:
        InvalidInput: it holds no arrays, or none for an input; the message says what it holds.
    """
    found = _read(content, file)
    names = [one.name for one in metadata.inputs]
    if len(found) == 1 and len(names) == 1 and names[0] not in found:
        found = dict(zip(names, found.values(), strict=True))
    unknown = [name for name in found if name not in names]
    if unknown or not found:
        held = ", ".join(f"{name or 'an array'} {list(one.shape)}" for name, one in found.items())
        raise InvalidInput(
            f"{file} holds {held or 'no array'}; {metadata.name} takes {', '.join(names)}: save "
            "them by these names (numpy.savez)"
        )
    return {name: _texts(values, file) for name, values in found.items()}


def _read(content: bytes, file: Path) -> dict[str, Array]:
    try:
        read = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(read, np.ndarray):
            return {"": read}
        return {name: read[name] for name in read.files}
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{file} holds no arrays of numbers or texts: save them by numpy.save or numpy.savez, "
            "without objects"
        ) from error


def _texts(values: Array, file: Path) -> Array:
    """Bytes as texts; everything else as it is."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} holds bytes that are no UTF-8 text") from error
