"""What a verb prints: tables for people, one JSON document for programs."""

import unicodedata
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
    """Columns padded to their widest cell as terminals show it, numbers to the right."""
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = [
        max(terminal_width(row[at]) for row in (list(headings), *cells))
        for at in range(len(headings))
    ]
    numeric = [
        bool(cells) and all(_is_number(row[at]) for row in cells) for at in range(len(headings))
    ]
    for row in (list(headings), *cells):
        padded = [
            _padded(cell, width, right=right)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def printable(text: str) -> str:
    """The text with signs that a terminal would obey, or break a line at, written as escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def terminal_width(text: str) -> int:
    """The cells of a terminal that a text takes: Chinese signs take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - terminal_width(cell))
    return space + cell if right else cell + space


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or (cell[:1] in "+-" and cell[1:2].isdigit())


def show(as_json: object, document: Any, for_people: Callable[[Any], None]) -> None:  # noqa: ANN401
    """Print the document as JSON when asked for, else hand it to the printer for people."""
    if as_json:
        print_json(document)
    else:
        for_people(document)
