"""What the cells of each column are: numbers, booleans or text, and how each is read."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from dataclasses import dataclass
from math import isfinite

from lichen.core.errors import InvalidInput
from lichen.core.raw_cells import MISSING_CELLS
from lichen.data.engine import Engine, literal
from lichen.data.findings import Finding, Severity, counted
from lichen.data.options import IngestOptions
from lichen.data.raw import RAW, Kind, RawColumn, RawFile
from lichen.data.schema import Dtype

_NUMERIC_SHARE = 0.9
_THOUSANDS = r"^[+-]?\d{1,3}(\.\d{3})+,\d*$"


@dataclass(frozen=True, slots=True)
class Reading:
    """A column as it will be stored: its type, and the SQL that reads its cells."""

    column: RawColumn
    dtype: Dtype
    expression: str

    @property
    def key(self) -> str:
        """The column's key in the tables."""
        return self.column.key


@dataclass(frozen=True, slots=True)
class _Counts:
    filled: int
    numbers: int
    booleans: int


def read_columns(
    engine: Engine, file: RawFile, columns: tuple[RawColumn, ...], options: IngestOptions
) -> tuple[tuple[Reading, ...], tuple[Finding, ...]]:
    """The type of every column, from all its cells, and what was odd about it."""
    readings: list[Reading] = []
    findings: list[Finding] = []
    for column in columns:
        dtype = _dtype(engine, column, file, options)
        readings.append(reading_of(column, dtype, file, options))
        if dtype is Dtype.NUMBER:
            findings.extend(_unreadable(engine, column, file, options))
    return tuple(readings), tuple(findings)


def reading_of(column: RawColumn, dtype: Dtype, file: RawFile, options: IngestOptions) -> Reading:
    """How a column of that type is read."""
    if column.kind in (Kind.MOMENT, Kind.NAIVE) and dtype in (Dtype.NUMBER, Dtype.BOOLEAN):
        raise InvalidInput(
            f"column {column.name!r} of {file.name} must be {dtype}, and holds times"
        )
    if dtype is Dtype.NUMBER:
        return Reading(column, dtype, _number(column, file, options))
    if dtype is Dtype.BOOLEAN:
        return Reading(column, dtype, _truth(column, options))
    return Reading(column, dtype, _text(column, options))


def convert(engine: Engine, readings: tuple[Reading, ...]) -> None:
    """Turn the columns of `raw` into what they are read as, one by one: wide files fit too."""
    for reading in readings:
        if reading.expression != reading.key:
            engine.run(
                f"ALTER TABLE {RAW} ALTER COLUMN {reading.key} TYPE {_STORED_AS[reading.dtype]} "
                f"USING {reading.expression}"
            )


_STORED_AS = {Dtype.NUMBER: "DOUBLE", Dtype.BOOLEAN: "BOOLEAN", Dtype.TEXT: "VARCHAR"}


def refuse_unfit(engine: Engine, file: RawFile, reading: Reading, options: IngestOptions) -> None:
    """Refuse a column whose cells are not of the type that the dataset has.

    Raises:
        InvalidInput: naming the column, the first row and the cell.
    """
    filled = _filled(reading.column, options)
    bad = engine.rows(
        f"SELECT rid, {reading.key}::VARCHAR, count(*) OVER () FROM {RAW} WHERE "
        f"{filled} IS NOT NULL AND ({reading.expression}) IS NULL "
        f"AND NOT {_is_marker(reading.column, file, options)} ORDER BY rid LIMIT 1"
    )
    if bad:
        rid, said, count = bad[0]
        more = f" and {count - 1:,} more" if count > 1 else ""
        raise InvalidInput(
            f"column {reading.column.name!r} of {file.name} must be {reading.dtype}, "
            f"but row {file.row(rid)} says {said!r}{more}: correct it, or leave it empty"
        )


def _dtype(engine: Engine, column: RawColumn, file: RawFile, options: IngestOptions) -> Dtype:
    if column.kind in (Kind.NUMBER, Kind.INTEGER):
        return Dtype.NUMBER
    if column.kind is Kind.BOOLEAN:
        return Dtype.BOOLEAN
    if column.kind in (Kind.MOMENT, Kind.NAIVE):
        return Dtype.TEXT
    counts = _Counts(
        *engine.row(
            f"SELECT count({_filled(column, options)}), count({_parsed(column, file, options)}), "
            f"count({_boolean(column, options)}) FROM {RAW}"
        )
    )
    if counts.filled and counts.booleans == counts.filled:
        return Dtype.BOOLEAN
    return Dtype.NUMBER if counts.numbers >= _NUMERIC_SHARE * counts.filled else Dtype.TEXT


def _filled(column: RawColumn, options: IngestOptions) -> str:
    """The trimmed cell, null where it means that nothing was measured."""
    if column.kind is not Kind.TEXT:
        return f"{column.key}::VARCHAR"
    tokens = ", ".join(f"'{literal(token)}'" for token in MISSING_CELLS)
    said = "".join(f", '{literal(token.strip().casefold())}'" for token in options.missing)
    trimmed = f"trim({column.key})"
    return f"CASE WHEN lower({trimmed}) NOT IN ({tokens}{said}) THEN {trimmed} END"


def _text(column: RawColumn, options: IngestOptions) -> str:
    """The trimmed cell of a text, null only where empty: `NA` may be a name."""
    if column.kind is not Kind.TEXT:
        return f"{column.key}::VARCHAR"
    named = "".join(f", '{literal(token.strip())}'" for token in options.missing)
    trimmed = f"trim({column.key})"
    return f"CASE WHEN {trimmed} NOT IN (''{named}) THEN {trimmed} END"


def _parsed(column: RawColumn, file: RawFile, options: IngestOptions) -> str:
    """The cell as a finite number, markers of missing values not yet taken out."""
    if column.kind is not Kind.TEXT:
        cast = f"{column.key}::DOUBLE"
    else:
        text = f"({_filled(column, options)})"
        if file.decimal == ",":
            whole = f"replace(replace({text}, '.', ''), ',', '.')"
            text = (
                f"CASE WHEN regexp_matches({text}, '{_THOUSANDS}') THEN {whole} "
                f"ELSE replace({text}, ',', '.') END"
            )
        cast = f"try_cast({text} AS DOUBLE)"
    return f"(CASE WHEN isfinite({cast}) THEN {cast} END)"


def _number(column: RawColumn, file: RawFile, options: IngestOptions) -> str:
    parsed = _parsed(column, file, options)
    return f"CASE WHEN NOT {_is_marker(column, file, options)} THEN {parsed} END"


def _is_marker(column: RawColumn, file: RawFile, options: IngestOptions) -> str:
    markers = [number for number in map(_as_number, options.missing) if number is not None]
    if not markers:
        return "false"
    listed = ", ".join(repr(marker) for marker in markers)
    return f"coalesce({_parsed(column, file, options)} IN ({listed}), false)"


def _as_number(text: str) -> float | None:
    """The finite number in a cell; others are no numbers here, they are missing anyway."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if isfinite(number) else None


def _truth(column: RawColumn, options: IngestOptions) -> str:
    """A column that is known to be boolean: 1 and 0 will do too."""
    if column.kind is Kind.BOOLEAN:
        return column.key
    lower = f"lower({_filled(column, options)})"
    return (
        f"(CASE WHEN {lower} IN ('true', '1') THEN true "
        f"WHEN {lower} IN ('false', '0') THEN false END)"
    )


def _boolean(column: RawColumn, options: IngestOptions) -> str:
    if column.kind is not Kind.TEXT:
        return "NULL::BOOLEAN"
    lower = f"lower({_filled(column, options)})"
    return f"(CASE {lower} WHEN 'true' THEN true WHEN 'false' THEN false END)"


def _unreadable(
    engine: Engine, column: RawColumn, file: RawFile, options: IngestOptions
) -> list[Finding]:
    filled = _filled(column, options)
    bad = engine.rows(
        f"SELECT rid, {column.key}::VARCHAR, count(*) OVER () FROM {RAW} WHERE "
        f"{filled} IS NOT NULL AND lower({filled}) <> 'nan' AND {_parsed(column, file, options)} "
        "IS NULL ORDER BY rid LIMIT 5"
    )
    if not bad:
        return []
    cells = ", ".join(f"{said!r} in row {file.row(rid)}" for rid, said, _ in bad)
    return [
        Finding(
            "unreadable-numbers",
            Severity.WARNING,
            f"column {column.name!r} has {counted(bad[0][2], 'cell')} of {file.name} without a "
            f"finite number ({cells}); stored as missing",
            "correct the cells, or name what they hold with the option missing",
            column.name,
            count=bad[0][2],
            rows=tuple(file.row(rid) for rid, *_ in bad),
        )
    ]
