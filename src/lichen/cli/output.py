"""What a verb prints: tables for people, one JSON document for programs."""

from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document; energies as integer nJ."
)


def print_json(document: object) -> None:
    """The document as indented JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns padded to their widest cell, numbers to the right; nothing else."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [
        max(len(heading), *(len(row[at]) for row in cells)) if cells else len(heading)
        for at, heading in enumerate(headings)
    ]
    numeric = [
        bool(cells) and all(_is_number(row[at]) for row in cells) for at in range(len(headings))
    ]
    for row in (list(headings), *cells):
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or (cell[:1] in "+-" and cell[1:2].isdigit())


def show(as_json: object, document: Any, for_people: Callable[[Any], None]) -> None:  # noqa: ANN401
    """Print the document as JSON when asked for, else hand it to the printer for people."""
    if as_json:
        print_json(document)
    else:
        for_people(document)
