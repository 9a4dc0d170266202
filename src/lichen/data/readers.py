"""Files into rows: CSV, Parquet and XLSX, each staged in the scratch folder and read by DuckDB."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.ids import Digest
from lichen.core.plugins import load_object
from lichen.data.dialect import Dialect, sniff
from lichen.data.encoding import CHUNK_BYTES, decoded, encoding_of, signature_of
from lichen.data.engine import Engine, literal
from lichen.data.options import IngestOptions, Limits
from lichen.store.failures import storage_failures

RAW = "raw"
"""The table that a file is read into: columns `c0`, `c1`, ..., rows in the file's order."""

_HEADER_CHARACTERS = 1 << 18
_PARQUET_MARK = b"PAR1"
_INDEX_PREFIX = "__index_level_"


class Kind(StrEnum):
    """What the file itself says a column holds."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    """A time with a zone, held as a UTC timestamp."""
    NAIVE = "naive"
    """A time or a date without a zone."""


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A column of the raw table: its key there, and its name in the file."""

    key: str
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that was read; `first_row` is the number that people give its first row of data."""

    name: str
    digest: Digest
    columns: tuple[RawColumn, ...]
    rows: int
    blank_rows: int
    first_row: int
    decimal: str
    guessed_encoding: str | None = None

    def row(self, rowid: int) -> int:
        """The file's row number of a row of the raw table."""
        return rowid + self.first_row


def read_file(engine: Engine, path: Path, options: IngestOptions) -> RawFile:
    """Read a file into the table `raw` of the engine.

    Raises:
        InvalidInput: it is no readable CSV, Parquet or XLSX file; TooLarge when over a limit.
    """
    staged, digest = _stage(engine, path, options.limits)
    with staged.open("rb") as file:
        start = file.read(8)
    if start.startswith(_PARQUET_MARK) or path.suffix.lower() == ".parquet":
        return _read_parquet(engine, staged, path, digest, options.limits)
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods"):
        return _read_workbook(engine, staged, path, digest, options)
    return _read_csv(engine, staged, path, digest, options)


def _stage(engine: Engine, path: Path, limits: Limits) -> tuple[Path, Digest]:
    """Copy the file into the scratch folder: what is read is what was digested."""
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}: check the path")
    size = path.stat().st_size
    if size == 0:
        raise InvalidInput(f"{path.name} is empty: it needs a header line and rows")
    if size > limits.bytes:
        raise TooLarge(
            f"{path.name} has {size:,} bytes, the limit `bytes` is {limits.bytes:,}: "
            "split it and append the parts, or raise the limit"
        )
    folder = engine.folder / "source"
    seen = sha256()
    with storage_failures(path):
        folder.mkdir(exist_ok=True)
        staged = folder / path.name
        with path.open("rb") as source, staged.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                seen.update(chunk)
                target.write(chunk)
    return staged, Digest(seen.hexdigest())


def _read_csv(
    engine: Engine, staged: Path, path: Path, digest: Digest, options: IngestOptions
) -> RawFile:
    encoding = encoding_of(staged, options.encoding)
    text = engine.folder / "text.csv"
    with storage_failures(text), text.open("w", encoding="utf-8", newline="") as file:
        file.writelines(decoded(staged, encoding.codec))
    staged.unlink()
    return _read_text(
        engine, text, path, digest, options, encoding.codec if encoding.guessed else None
    )


def _read_workbook(
    engine: Engine, staged: Path, path: Path, digest: Digest, options: IngestOptions
) -> RawFile:
    try:
        convert = load_object("lichen.data.workbook:write_csv")
    except ModuleNotFoundError as missing:
        raise InvalidInput(
            f"reading {path.name} needs an extra package: `pip install lichen[xlsx]`"
        ) from missing
    text = engine.folder / "text.csv"
    convert(staged, text, options.sheet)
    as_written = IngestOptions(separator=",", decimal=".", limits=options.limits)
    return _read_text(engine, text, path, digest, as_written, None)


def _read_text(
    engine: Engine,
    text: Path,
    path: Path,
    digest: Digest,
    options: IngestOptions,
    guessed: str | None,
) -> RawFile:
    with text.open(encoding="utf-8", newline="") as file:
        start = file.read(_HEADER_CHARACTERS)
        if len(start) == _HEADER_CHARACTERS:
            start += file.readline()
    dialect = sniff(start, path.name, options.separator, options.decimal)
    _check_columns(len(dialect.header), path.name, options.limits)
    _load_csv(engine, text, dialect, options.limits)
    _refuse_ragged(engine, path.name)
    rows, blank = _drop_blank_rows(engine, path.name, options.limits, len(dialect.header))
    columns = tuple(_named_columns(engine, dialect.header))
    return RawFile(path.name, digest, columns, rows, blank, 2, dialect.decimal, guessed)


def _load_csv(engine: Engine, text: Path, dialect: Dialect, limits: Limits) -> None:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(dialect.header)))
    engine.run(
        f"CREATE TABLE {RAW} AS SELECT * FROM read_csv('{literal(str(text))}', "
        f"auto_detect = false, header = true, delim = '{literal(dialect.separator)}', "
        f"quote = '\"', escape = '\"', columns = {{{columns}}}, store_rejects = true, "
        f"rejects_limit = 10) LIMIT {limits.rows + 1}"
    )
    text.unlink()


def _refuse_ragged(engine: Engine, name: str) -> None:
    rejected = engine.rows("SELECT line, error_message FROM reject_errors ORDER BY line LIMIT 1")
    if rejected:
        line, message = rejected[0]
        said = str(message).partition("\n")[0]
        raise InvalidInput(
            f"{name} line {line} does not fit its header ({said}): "
            "give each line the same number of cells, and put cells that hold a separator in quotes"
        )


def _drop_blank_rows(engine: Engine, name: str, limits: Limits, width: int) -> tuple[int, int]:
    blank = " AND ".join(f"(c{i} IS NULL OR trim(c{i}) = '')" for i in range(width))
    read = engine.row(f"SELECT count(*) FROM {RAW}")[0]
    engine.run(f"DELETE FROM {RAW} WHERE {blank}")
    left = engine.row(f"SELECT count(*) FROM {RAW}")[0]
    return _checked_rows(left, name, limits), read - left


def _named_columns(engine: Engine, header: tuple[str, ...]) -> Iterator[RawColumn]:
    """The columns that have a name or a value; an unnamed empty one is a trailing separator."""
    for number, name in enumerate(header):
        key = f"c{number}"
        if name or engine.row(f"SELECT count({key}) FROM {RAW}")[0]:
            yield RawColumn(key, name or f"column {number + 1}", Kind.TEXT)


def _read_parquet(
    engine: Engine, staged: Path, path: Path, digest: Digest, limits: Limits
) -> RawFile:
    with staged.open("rb") as file:
        start = file.read(8)
    if not start.startswith(_PARQUET_MARK):
        kind = signature_of(start) or "no Parquet file"
        raise InvalidInput(
            f"{path.name} is called .parquet and is {kind}: give it the extension of what it is"
        )
    source = f"read_parquet('{literal(str(staged))}')"
    try:
        described = engine.rows(f"DESCRIBE SELECT * FROM {source}")
    except InvalidInput as failure:
        raise InvalidInput(
            f"{path.name} is a damaged or unreadable Parquet file: write it anew"
        ) from failure
    kept = [(name, kind) for name, kind, *_ in described if not name.startswith(_INDEX_PREFIX)]
    _check_columns(len(kept), path.name, limits)
    return _load_parquet(engine, source, kept, RawFile(path.name, digest, (), 0, 0, 1, "."), limits)


def _load_parquet(
    engine: Engine, source: str, kept: list[tuple[str, str]], file: RawFile, limits: Limits
) -> RawFile:
    columns = tuple(
        RawColumn(f"c{i}", name.strip(), _kind(stored, name, file.name))
        for i, (name, stored) in enumerate(kept)
    )
    picked = ", ".join(
        f'{_AS_READ[column.kind].format(quoted(name))} AS "{column.key}"'
        for column, (name, _) in zip(columns, kept, strict=True)
    )
    engine.run(f"CREATE TABLE {RAW} AS SELECT {picked} FROM {source} LIMIT {limits.rows + 1}")
    rows = _checked_rows(engine.row(f"SELECT count(*) FROM {RAW}")[0], file.name, limits)
    return RawFile(file.name, file.digest, columns, rows, 0, 1, ".")


_AS_READ = {
    Kind.TEXT: "{0}::VARCHAR",
    Kind.NUMBER: "{0}::DOUBLE",
    Kind.INTEGER: "{0}::BIGINT",
    Kind.BOOLEAN: "{0}",
    Kind.MOMENT: "{0}::TIMESTAMPTZ::TIMESTAMP",
    Kind.NAIVE: "{0}::TIMESTAMP",
}
_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE", "UBIGINT", "HUGEINT"), Kind.NUMBER),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.NAIVE),
    "DATE": Kind.NAIVE,
    "TIMESTAMP WITH TIME ZONE": Kind.MOMENT,
    "BOOLEAN": Kind.BOOLEAN,
    "VARCHAR": Kind.TEXT,
}


def _kind(stored: str, name: str, file: str) -> Kind:
    if stored.startswith("DECIMAL"):
        return Kind.NUMBER
    if stored.startswith("ENUM"):
        return Kind.TEXT
    if stored not in _KINDS:
        raise InvalidInput(
            f"column {name!r} of {file} holds {stored}, which is no number, time or text: "
            "leave it out or convert it"
        )
    return _KINDS[stored]


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _check_columns(count: int, name: str, limits: Limits) -> None:
    if count > limits.columns:
        raise TooLarge(
            f"{name} has {count:,} columns, the limit `columns` is {limits.columns:,}: "
            "leave some out, or raise the limit"
        )


def _checked_rows(rows: int, name: str, limits: Limits) -> int:
    if rows == 0:
        raise InvalidInput(f"{name} has a header and no rows: add rows and try again")
    if rows > limits.rows:
        raise TooLarge(
            f"{name} has more than {limits.rows:,} rows, the limit `rows`: "
            "split it, or raise the limit"
        )
    return rows
