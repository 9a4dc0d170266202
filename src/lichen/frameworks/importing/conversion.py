"""What a converter makes of a model that another framework saved: files that serve here, and proof.

A converter runs in a process of its own and leaves its conversion in a folder, as JSON, NumPy
arrays and plain files; whoever reads them back takes nothing in them for granted.
"""

import io
import os
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import Corrupt
from lichen.core.tensors import Datatype, Signature

CHECKED_ROWS = 1000
"""Inputs of a trial, where one costs little."""
_RECORD, _TRIAL, _FILES = "conversion.json", "trial.npz", "files"
_LARGEST_RECORD, _LARGEST_TRIAL, _LARGEST_FILES = 64 * 2**20, 4 * 2**30, 8 * 2**30
_LARGEST_SAID = 4 * 2**20
"""Of what a script says of its model, which is read where the job runs."""
_MOST_FILES, _MOST_NOTES, _LONGEST_NOTE, _LONGEST_NAME = 64, 50, 4000, 500
LARGEST_TOLERANCE = 0.05
"""No conversion may ask for more: beyond it "faithful" would say nothing."""
_IN, _OUT = "in/", "out/"
_DAMAGED = (
    OSError,
    ValueError,
    IndexError,
    EOFError,
    MemoryError,
    RecursionError,
    zipfile.BadZipFile,
    msgspec.MsgspecError,
)


class TensorWish(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor as whoever imports described it: `NAME:FP32:-1,3,224,224`."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever imports said, of what cannot be read from the files.

    Attributes:
        columns: names of the values of an input row, in order.
        labels: names of the values of an output row, such as classes.
        inputs: the tensors that it takes, where its files do not say so.
        entry: which of several parts is meant: a signature of a SavedModel, a class, ...
        may_unpickle: whether an administrator let it be unpickled; the process is confined.
    """

    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    inputs: tuple[TensorWish, ...] = ()
    entry: str | None = None
    may_unpickle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Made-up inputs, and what the original framework answered.

    Attributes:
        inputs: by the names that the version takes them by; their first dimension is the rows,
            unless `is_one` says that they are one call.
        outputs: by the names that the version answers them by; what is left out is not compared.
        tolerance: most that a number may differ by, as a share of the largest answer of its output
            or of 1 if that is more; anything that is no floating-point number must be equal.
        is_one: whether all of it is one call: its tensors have no common rows.
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    tolerance: float
    is_one: bool = False


NO_TRIAL = Trial(inputs={}, outputs={}, tolerance=0.0)
"""Of a model that no framework answers for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A model as a version of ours keeps it.

    Attributes:
        files: by name: `model.onnx`, or any other form that the loader knows.
        trial: how its answers are proven.
        algorithm: what it is, in its framework's words: `HistGradientBoostingClassifier`.
        library: the framework that answered the trial, with its version: `scikit-learn 1.9.1`.
        task: a word of `lichen train` where it is known, else `inference`.
        signature: where it says more than the files do; None: it is read from the files.
        columns, labels: names of the values of an input and an output row, where they are known.
        opset: of the ONNX, of the domain ai.onnx.
        parameters: more about it, as JSON.
        notes: what whoever deploys it should know, each a sentence; the card shows them.
    """

    files: Mapping[str, bytes]
    trial: Trial
    algorithm: str
    library: str
    task: str = "inference"
    signature: Signature | None = None
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    opset: int | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    files: list[str]
    algorithm: str
    library: str
    task: str
    signature: Signature | None
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    opset: int | None
    parameters: dict[str, msgspec.Raw]
    notes: tuple[str, ...]
    tolerance: float
    is_one: bool
    texts: list[str]


def write_conversion(conversion: Conversion, folder: Path) -> None:
    """Leave a conversion in a folder."""
    kept = folder / _FILES
    kept.mkdir(parents=True, exist_ok=True)
    record, trial, *files = packed(conversion)
    for number, content in enumerate(files):
        (kept / str(number)).write_bytes(content)
    (folder / _TRIAL).write_bytes(trial)
    (folder / _RECORD).write_bytes(record)


def packed(conversion: Conversion) -> tuple[bytes, ...]:
    """A conversion in parts, as it travels: its record, its trial, and its files by their names."""
    names = sorted(conversion.files)
    trial = conversion.trial
    arrays = {
        **{_IN + name: values for name, values in trial.inputs.items()},
        **{_OUT + name: values for name, values in trial.outputs.items()},
    }
    texts = [key for key, values in arrays.items() if values.dtype.kind == "O"]
    tried = io.BytesIO()
    np.savez(tried, allow_pickle=False, **{key: _plain(one) for key, one in arrays.items()})
    record = _Record(
        files=names,
        algorithm=conversion.algorithm,
        library=conversion.library,
        task=conversion.task,
        signature=conversion.signature,
        columns=conversion.columns,
        labels=conversion.labels,
        opset=conversion.opset,
        parameters={
            name: msgspec.Raw(msgspec.json.encode(one))
            for name, one in conversion.parameters.items()
        },
        notes=conversion.notes,
        tolerance=trial.tolerance,
        is_one=trial.is_one,
        texts=texts,
    )
    said = msgspec.json.encode(record)
    return (said, tried.getvalue(), *(conversion.files[name] for name in names))


def read_conversion(folder: Path) -> Conversion:
    """The conversion that a converter left.

    No link in its folder is followed, nothing but plain files is opened, and no more is read than a
    conversion may hold: the converter may have been taken over by what it read.

    Raises:
        Corrupt: it is not as a converter writes it.
    """
    try:
        record = _record(left_file(folder, _RECORD, _LARGEST_RECORD))
        files = _files(folder / _FILES, record.files)
        found = _conversion(record, left_file(folder, _TRIAL, _LARGEST_TRIAL), files)
    except _DAMAGED as error:
        raise Corrupt(f"the converter did not leave what it should ({error})") from error
    _check_trial(found.trial)
    return found


def unpacked(parts: Sequence[bytes]) -> Conversion:
    """The conversion of which these are the parts; nothing in them is taken for granted.

    Raises:
        Corrupt: they are not what `packed` makes.
    """
    try:
        said, trial, *files = parts
        if len(said) > _LARGEST_SAID:
            raise ValueError(f"what is said of it has {len(said):,} bytes")
        record = _record(said)
        found = _conversion(record, trial, dict(zip(record.files, files, strict=True)))
    except _DAMAGED as error:
        raise Corrupt(f"what should be a model cannot be read ({error})") from error
    if found.trial.inputs or found.trial.outputs:
        _check_trial(found.trial)
    return found


def _record(said: bytes) -> _Record:
    record = msgspec.json.decode(said, type=_Record)
    _check_record(record)
    return record


def _conversion(record: _Record, trial: bytes, files: Mapping[str, bytes]) -> Conversion:
    arrays = _arrays(trial, record.texts)
    return Conversion(
        files=files,
        trial=Trial(
            inputs=_named(arrays, _IN),
            outputs=_named(arrays, _OUT),
            tolerance=record.tolerance,
            is_one=record.is_one,
        ),
        algorithm=record.algorithm,
        library=record.library,
        task=record.task,
        signature=record.signature,
        columns=record.columns,
        labels=record.labels,
        opset=record.opset,
        parameters={name: msgspec.json.decode(one) for name, one in record.parameters.items()},
        notes=record.notes,
    )


def left_file(folder: Path, name: str, most_bytes: int) -> bytes:
    """A plain file that a converter left in a folder; the folder itself may be no link either.

    Raises:
        OSError: there is none, or it is a link.
        ValueError: it is a device or a pipe, or larger than it may be.
    """
    within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=within)
    finally:
        os.close(within)
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{name} is no plain file")
        if status.st_size > most_bytes:
            raise ValueError(f"{name} is over {most_bytes:,} bytes")
        return file.read(most_bytes)


def _files(folder: Path, names: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    room = _LARGEST_FILES
    for number, name in enumerate(names):
        found[name] = left_file(folder, str(number), room)
        room -= len(found[name])
    return found


def _check_record(record: _Record) -> None:
    texts = (record.algorithm, record.library, record.task, *record.files)
    if len(record.files) > _MOST_FILES or len(set(record.files)) < len(record.files):
        raise ValueError("it names too many files, or one twice")
    if any(len(one) > _LONGEST_NAME for one in texts) or len(record.notes) > _MOST_NOTES:
        raise ValueError("it says more than it may")
    if any(len(one) > _LONGEST_NOTE for one in record.notes):
        raise ValueError("it says more than it may")
    if not 0.0 <= record.tolerance <= LARGEST_TOLERANCE:
        raise ValueError(f"its tolerance is {record.tolerance}, and {LARGEST_TOLERANCE} the most")


def _check_trial(trial: Trial) -> None:
    """Is there something to ask, and are there as many rows of each?"""
    rows = {one.shape[:1] for one in trial.inputs.values()}
    if not rows or (not trial.is_one and (len(rows) > 1 or rows & {(), (0,)})):
        raise Corrupt("the converter left no inputs that its model could be tried with")


def _named(arrays: Mapping[str, Array], side: str) -> dict[str, Array]:
    return {key.removeprefix(side): one for key, one in arrays.items() if key.startswith(side)}


def _plain(values: Array) -> Array:
    """Texts as an array of their UTF-8 lengths and their bytes: no object is ever stored."""
    if values.dtype.kind != "O":
        return values
    encoded = [one if isinstance(one, bytes) else str(one).encode() for one in values.ravel()]
    head = np.array([values.ndim, *values.shape, *map(len, encoded)], dtype=np.int64)
    return np.concatenate([head.view(np.uint8), np.frombuffer(b"".join(encoded), dtype=np.uint8)])


def _arrays(content: bytes, texts: list[str]) -> dict[str, Array]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(one.file_size for one in archive.infolist()) > len(content):
            raise ValueError("the arrays of its trial are packed, which is never so")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {key: _texts(stored[key]) if key in texts else stored[key] for key in stored.files}


def _texts(values: Array) -> Array:
    """What `_plain` made of texts, as an object array of bytes."""
    dimensions = int(values[:8].view(np.int64)[0])
    shape = values[8 : 8 + 8 * dimensions].view(np.int64).tolist()
    count = int(np.prod(shape))
    begin = 8 + 8 * dimensions
    ends = np.cumsum(values[begin : begin + 8 * count].view(np.int64))
    body = values[begin + 8 * count :].tobytes()
    if len(ends) != count or (count and int(ends[-1]) != len(body)):
        raise ValueError("the texts of a trial are damaged")
    found = np.empty(count, dtype=np.object_)
    for number, end in enumerate(ends.tolist()):
        found[number] = body[int(ends[number - 1]) if number else 0 : end]
    return found.reshape(shape)
