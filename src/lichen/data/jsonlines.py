"""JSON Lines, an object a line, as CSV: what a cell is, is then decided as for every other file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lichen.core.errors import InvalidInput
from lichen.data.options import Limits
from lichen.data.raw import check_columns


def write_csv(source: Path, name: str, target: Path, limits: Limits) -> None:
    """Write the objects of a UTF-8 file as UTF-8 CSV; `name` for messages.

    The columns are all members that any object has, in the order in which they first appear; what
    an object leaves out, or gives as null, is missing.

    Raises:
        InvalidInput: a line is no JSON object, or holds a list or another object.
    """
    columns: dict[str, None] = {}
    for _, record in _records(source, name):
        columns |= dict.fromkeys(record)
        check_columns(len(columns), name, limits)
    if not columns:
        raise InvalidInput(f"{name} has no rows with columns: give an object on each line")
    broken = next((one for one in columns if len(one.splitlines()) > 1), None)
    if broken is not None:
        raise InvalidInput(f"{name} names a column over several lines, {broken!r}: rename it")
    with target.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow(columns)
        for line, record in _records(source, name):
            rows.writerow([_cell(record.get(column), column, (name, line)) for column in columns])


def _records(source: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object and the number of its line, from 1; blank lines are none."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    with source.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, decoder.decode(line)
            except (msgspec.MsgspecError, RecursionError) as problem:
                raise InvalidInput(
                    f"{name} line {number} is no JSON object ({problem}): "
                    'give one on each line, such as {"text": "...", "label": 1}'
                ) from problem


def _cell(value: object, column: str, place: tuple[str, int]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    name, line = place
    raise InvalidInput(
        f"{name} line {line} holds a list or an object in {column!r}: give it as columns of its own"
    )
