"""CSV rows into a deployment's inputs, and its outputs into CSV rows."""

import csv
import io
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

from lichen.client.inference import Answer
from lichen.core.errors import InvalidInput
from lichen.core.raw_cells import MISSING_CELLS, TRUTHS
from lichen.core.tensors import ColumnKind, Datatype
from lichen.protocol.oip import ModelMetadata, TensorMetadata

_WINDOW = 3
"""Dimensions of an input of rows that follow each other."""


def read_rows(file: Path, content: bytes, *, may_be_empty: bool = False) -> list[dict[str, str]]:
    """The rows of a CSV with a header; fields may be empty only where that is said.

    Raises:
        InvalidInput: it is no UTF-8 CSV, is empty, or a row has another number of fields.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{file} is neither .json nor a CSV in UTF-8 (byte {error.start}): convert it first"
        ) from error
    rows: list[dict[str, str | None]] = list(
        csv.DictReader(io.StringIO(text), restkey="", restval=None)
    )
    if not rows:
        raise InvalidInput(f"{file} holds no row under its header: give at least one")
    for number, row in enumerate(rows, start=2):
        if "" in row or not all(cell or (cell == "" and may_be_empty) for cell in row.values()):
            raise InvalidInput(
                f"{file} line {number}: a field is missing or too many: give each "
                "line as many as the header"
            )
    return [{name: cell or "" for name, cell in row.items()} for row in rows]


def raw_rows_of(
    metadata: ModelMetadata, rows: list[dict[str, str]], file: Path
) -> list[dict[str, object]]:
    """Raw rows as a model was trained on them; columns that it does not take are left out.

    Raises:
        InvalidInput: a cell is not what its column holds.
    """
    kinds = {
        name: one["kind"]
        for tensor in metadata.inputs
        for name, one in zip(
            (tensor.parameters or {})["columns"], (tensor.parameters or {})["details"], strict=True
        )
    }
    found = []
    for number, row in enumerate(rows, start=2):
        cells = {}
        for name in kinds.keys() & row.keys():
            try:
                cells[name] = _raw_cell(row[name].strip(), kinds[name])
            except ValueError as error:
                raise InvalidInput(
                    f"{file} line {number}: {row[name]!r} in column {name!r} is no {kinds[name]}"
                ) from error
        found.append(cells)
    return found


def _raw_cell(text: str, kind: str) -> object:
    if kind in (ColumnKind.TEXT, ColumnKind.TIME):
        return text or None
    lower = text.lower()
    if lower in MISSING_CELLS:
        return None
    if kind == ColumnKind.TRUTH and lower in TRUTHS:
        return TRUTHS[lower]
    return float(text)


def inputs_of(
    metadata: ModelMetadata, rows: list[dict[str, str]], file: Path
) -> Mapping[str, object]:
    """Each input's values: columns named as inputs, or all for a single one, by name or in order.

    Raises:
        InvalidInput: columns and inputs do not fit, or a number cannot be read.
    """
    columns = list(rows[0])
    wanted = [one.name for one in metadata.inputs]
    if set(wanted) <= set(columns):
        return {
            one.name: [_shaped(one, [_value(one, row, one.name, file)]) for row in rows]
            for one in metadata.inputs
        }
    if len(wanted) == 1:
        only = metadata.inputs[0]
        named = (only.parameters or {}).get("columns", columns)
        missing = [name for name in named if name not in columns]
        if missing:
            raise InvalidInput(f"{file} has no column {', '.join(missing)}: the model takes it")
        values = [[_value(only, row, name, file) for name in named] for row in rows]
        length = only.shape[1] if len(only.shape) == _WINDOW and only.shape[1] > 0 else 0
        return {only.name: _windows(values, length) if length else values}
    raise InvalidInput(
        f"{file} has columns {', '.join(columns)}; {metadata.name} takes {', '.join(wanted)}: "
        "name the columns as the inputs, or give a request as .json"
    )


def rows_of(
    answer: Answer, labels: Mapping[str, Sequence[str]] | None = None
) -> list[list[object]]:
    """A header and one row a prediction; a single figure a row is called `prediction`.

    Outputs that do not share their rows, as an answer and the next state, are told value by value.

    Args:
        answer: what was answered.
        labels: of each output whose values have names, the names.
    """
    outputs: Mapping[str, object] = answer.outputs
    counts = {len(one) if isinstance(one, list) else None for one in outputs.values()}
    if len(counts) > 1 or None in counts:
        told = [
            [name, " ".join(map(str, place)), value]
            for name, values in outputs.items()
            for place, value in _placed(values, ())
        ]
        return [["output", "place", "value"], *told]
    names, columns = [], []
    for name, values in answer.outputs.items():
        flat = [_flat(value) for value in values]
        width = len(flat[0]) if flat else 1
        single = len(answer.outputs) == 1 and width == 1
        known = (labels or {}).get(name, ())
        ends = known if len(known) == width else range(width)
        several = [f"{name}_{end}" for end in ends]
        names += ["prediction"] if single else [name] if width == 1 else several
        columns += [[row[at] for row in flat] for at in range(width)]
    return [list(names), *[list(row) for row in zip(*columns, strict=True)]]


def labels_of(metadata: ModelMetadata) -> dict[str, list[str]]:
    """The names of each output's values, where they have names."""
    return {
        one.name: one.parameters["columns"]
        for one in metadata.outputs
        if one.parameters and "columns" in one.parameters
    }


def _placed(value: object, place: tuple[int, ...]) -> list[tuple[tuple[int, ...], object]]:
    """Each number within a tensor, with where it stands."""
    if not isinstance(value, list):
        return [(place, value)]
    return [one for at, part in enumerate(value) for one in _placed(part, (*place, at))]


def _flat(value: object) -> list[object]:
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in _flat(part)]


def _windows(rows: list[list[object]], length: int) -> list[list[list[object]]]:
    """Each row after those before it, the oldest first; before the first row it stands repeated."""
    padded = [rows[0]] * (length - 1) + rows
    return [padded[row : row + length] for row in range(len(rows))]


def _shaped(tensor: TensorMetadata, values: list[object]) -> object:
    return values if len(tensor.shape) > 1 else values[0]


def _value(tensor: TensorMetadata, row: Mapping[str, str], column: str, file: Path) -> object:
    text = row[column]
    if tensor.datatype is Datatype.BYTES:
        return text
    if (tensor.parameters or {}).get("missing") and text.strip().lower() in MISSING_CELLS:
        return nan
    try:
        return float(text) if tensor.datatype.startswith("FP") else int(text)
    except ValueError as error:
        raise InvalidInput(
            f"{file}: {text!r} in column {column!r} is no number of type {tensor.datatype}"
        ) from error
