"""A pipeline as the files of a version; equal pipelines give equal bytes."""

import io
import zipfile
import zlib
from collections.abc import Mapping

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Pipeline

PIPELINE_FILE = "pipeline.json"
ARRAYS_FILE = "pipeline.npz"
_DAMAGED = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    RuntimeError,  # an encrypted member
    zlib.error,
    zipfile.BadZipFile,
)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can state: the time of writing would make every file another."""


def pipeline_files(
    pipeline: Pipeline, arrays: Mapping[str, Array] | None = None
) -> dict[str, bytes]:
    """Its files; without arrays there is no file of them.

    Raises:
        InvalidInput: it holds a number that is not finite, or objects in its arrays.
    """
    said = msgspec.json.encode(pipeline)
    try:
        is_kept = msgspec.json.decode(said, type=Pipeline) == pipeline
    except msgspec.MsgspecError:
        is_kept = False
    if not is_kept:
        raise InvalidInput("the pipeline holds a number that is not finite: check the data")
    files = {PIPELINE_FILE: said}
    return {**files, ARRAYS_FILE: packed(arrays)} if arrays else files


def read_pipeline(files: Mapping[str, bytes]) -> tuple[Pipeline, dict[str, Array]]:
    """The pipeline of a version, and its arrays.

    Raises:
        InvalidInput: a file is missing or cannot be read.
    """
    if PIPELINE_FILE not in files:
        raise InvalidInput(f"a pipeline needs {PIPELINE_FILE}: train it again")
    try:
        pipeline = msgspec.json.decode(files[PIPELINE_FILE], type=Pipeline)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{PIPELINE_FILE} cannot be read: {error}") from error
    return pipeline, unpacked(files[ARRAYS_FILE], ARRAYS_FILE) if ARRAYS_FILE in files else {}


def packed(arrays: Mapping[str, Array]) -> bytes:
    """Arrays as a file; equal arrays give equal bytes.

    Raises:
        InvalidInput: one holds objects.
    """
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            written = io.BytesIO()
            try:
                np.lib.format.write_array(written, arrays[name], allow_pickle=False)
            except ValueError as error:
                raise InvalidInput(f"the array {name!r} holds objects: give numbers") from error
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _LONG_AGO), written.getvalue())
    return held.getvalue()


def unpacked(content: bytes, file: str) -> dict[str, Array]:
    """The arrays of a file of that name.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > len(content):
                raise ValueError("its arrays are compressed, which `packed` never does")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _DAMAGED as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error
