"""Excel and OpenDocument workbooks. The only file that imports python-calamine, an extra."""

import csv
from datetime import date, datetime, time
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from lichen.core.errors import InvalidInput


def write_csv(source: Path, name: str, target: Path, sheet: str | None) -> None:
    """Write one sheet of a workbook (the first, unless named) as UTF-8 CSV; `name` for messages.

    Raises:
        InvalidInput: it is no workbook, or has no such sheet.
    """
    try:
        workbook = CalamineWorkbook.from_path(str(source))
        chosen = workbook.get_sheet_by_name(_sheet_name(workbook.sheet_names, name, sheet))
    except CalamineError as failure:
        raise InvalidInput(
            f"{name} is no readable workbook: save it as .xlsx again, or as CSV"
        ) from failure
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(_records(chosen))


def _sheet_name(names: list[str], name: str, sheet: str | None) -> str:
    if not names:
        raise InvalidInput(f"{name} has no sheets: add one with a header and rows")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise InvalidInput(f"{name} has no sheet {sheet!r}: it has {', '.join(names)}")
    return sheet


def _records(sheet: CalamineSheet) -> list[list[str]]:
    return [[cell_text(value) for value in row] for row in sheet.to_python(skip_empty_area=True)]


def cell_text(value: object) -> str:
    """A cell as it would stand in a CSV file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
