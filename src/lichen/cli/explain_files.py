"""The file of `lichen explain --input`, in any form, as what is sent: rows, or whole tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lichen.cli.explain_input import is_picture, picture_rows, tensors_of_request
from lichen.cli.tables import inputs_of, raw_rows_of, read_rows
from lichen.client.raw_rows import takes_raw_rows
from lichen.core.errors import InvalidInput
from lichen.core.plugins import load_object
from lichen.core.tensors import ColumnKind, Datatype
from lichen.protocol.oip import ModelMetadata, TensorMetadata

Given = Sequence[object] | Mapping[str, object]
"""Rows, or the whole tensors of all inputs by name."""
_ARRAYS = (".npy", ".npz")
_FORMS = '{"rows": [...]}, {"x": ...}, a list of rows, or a request with "inputs"'
_TABLE = 2
"""Dimensions of an input that is a column, or a table."""


def given_in(metadata: ModelMetadata, file: Path, number: int | None = None) -> Given:
    """What a file holds, in the form that the deployment takes; of a number, that row.

    Raises:
        InvalidInput: it cannot be read, the deployment takes nothing of its form, or there is no
            such row.
    """
    given = _all_of(metadata, file)
    return given if number is None else _row_of(metadata, given, number, file)


def _all_of(metadata: ModelMetadata, file: Path) -> Given:
    if is_picture(file):
        return picture_rows(metadata, file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}): check the path") from error
    ending = file.suffix.lower()
    if ending in _ARRAYS:
        read = load_object("lichen.cli.array_input:arrays_in")
        arrays: Mapping[str, object] = read(metadata, content, file)
        return arrays
    if ending == ".json":
        return _of_json(content, file)
    if ending == ".txt":
        return _of_text(metadata, content, file)
    if ending == ".parquet":
        raise InvalidInput(
            f"{file} is a dataset: `lichen data add` it and explain it by --data, or give some of "
            "its rows as .csv"
        )
    return _of_table(metadata, content, file)


def _of_json(content: bytes, file: Path) -> Given:
    try:
        said = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{file} is not JSON: {error}") from error
    if isinstance(said, dict):
        if "inputs" in said:
            return tensors_of_request(said)
        said = said.get("rows", said.get("x")) if len(said) == 1 else None
    if isinstance(said, list | dict) and said:
        return said
    raise InvalidInput(f"{file} holds neither rows nor tensors: give {_FORMS}")


def _of_text(metadata: ModelMetadata, content: bytes, file: Path) -> Given:
    """One text, as the only row."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is no text in UTF-8 (byte {error.start})") from error
    (only,) = metadata.inputs if len(metadata.inputs) == 1 else (None,)
    if only is not None and only.datatype is Datatype.BYTES and len(only.shape) <= _TABLE:
        name = _only_text(only)
        if name is not None:
            return [{name: text}] if name != only.name or _details(only) else _tensor(only, text)
    taken = ", ".join(f"{one.name} {one.datatype} {one.shape}" for one in metadata.inputs)
    raise InvalidInput(
        f"{metadata.name} takes no single text but {taken}: give a table (.csv), or a request "
        "(.json)"
    )


def _only_text(only: TensorMetadata) -> str | None:
    """The only column of an input of texts; None where it has others."""
    said = only.parameters or {}
    columns, details = said.get("columns", [only.name]), _details(only)
    is_one = len(columns) == 1 and only.shape[1:] in ([], [1])
    is_prose = not details or details[0]["kind"] == ColumnKind.TEXT
    return str(columns[0]) if is_one and is_prose else None


def _details(only: TensorMetadata) -> list[dict[str, Any]]:
    return list((only.parameters or {}).get("details", ()))


def _tensor(only: TensorMetadata, text: str) -> Given:
    return {only.name: [text] if len(only.shape) == 1 else [[text]]}


def _of_table(metadata: ModelMetadata, content: bytes, file: Path) -> Given:
    if takes_raw_rows({one.name: one for one in metadata.inputs}):
        return raw_rows_of(metadata, read_rows(file, content, may_be_empty=True), file)
    may_lack = any((one.parameters or {}).get("missing") for one in metadata.inputs)
    return inputs_of(metadata, read_rows(file, content, may_be_empty=may_lack), file)


def _row_of(metadata: ModelMetadata, given: Given, number: int, file: Path) -> Given:
    """One row of what was given.

    Raises:
        InvalidInput: there are fewer, or nothing that has rows.
    """
    if isinstance(given, Mapping):
        return {
            name: _cut(values, number, file) for name, values in _rowed(metadata, given).items()
        }
    return _cut(given, number, file)


def _rowed(metadata: ModelMetadata, given: Mapping[str, Any]) -> Mapping[str, Any]:
    open_ended = {one.name for one in metadata.inputs if one.shape[:1] == [-1]}
    counts = {len(given[name]) if name in open_ended else -1 for name in given}
    if len(counts) != 1 or -1 in counts:
        raise InvalidInput(
            f"{metadata.name} takes whole tensors, of which none is a row: leave --row out"
        )
    return given


def _cut(rows: Any, number: int, file: Path) -> Sequence[object]:  # noqa: ANN401 - lists or arrays
    if number > len(rows):
        raise InvalidInput(f"{file} has {len(rows)} rows, and row {number} is none of them")
    cut: Sequence[object] = rows[number - 1 : number]
    return cut
