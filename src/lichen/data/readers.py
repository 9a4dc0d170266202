"""Files into rows: CSV, JSON Lines, Parquet and XLSX, each staged in a scratch folder."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.ids import Digest
from lichen.core.plugins import load_object
from lichen.data.dialect import Dialect, sniff
from lichen.data.encoding import CHUNK_BYTES, decoded, encoding_of
from lichen.data.engine import Engine, literal
from lichen.data.forms import PARQUET_MARK
from lichen.data.jsonlines import write_csv
from lichen.data.options import IngestOptions, Limits
from lichen.data.parquet import read_parquet
from lichen.data.raw import RAW, Kind, RawColumn, RawFile, check_columns, checked_rows
from lichen.store.failures import storage_failures

_CSV = (".csv", ".tsv", ".txt", ".dat", "")
_PARQUET = (".parquet", ".pq")
_JSON_LINES = (".jsonl", ".ndjson")
_WORKBOOK = (".xlsx", ".xlsm", ".xls", ".ods")
_HEADER_CHARACTERS = 1 << 18


def read_file(engine: Engine, path: Path, options: IngestOptions) -> RawFile:
    """Read a file into the table `raw` of the engine.

    Raises:
        InvalidInput: it is no readable file of a known kind; TooLarge when over a limit.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_CSV, *_JSON_LINES, *_PARQUET, *_WORKBOOK):
        raise InvalidInput(
            f"{path.name} is called {suffix}, which is not read here: "
            "give CSV (.csv), JSON Lines (.jsonl), Parquet (.parquet) or a workbook (.xlsx), "
            "or images as .zip or .npz"
        )
    staged, digest = stage_file(engine, path, options.limits)
    if suffix in _PARQUET or (not suffix and _starts_as_parquet(staged)):
        return read_parquet(engine, staged, path.name, digest, options.limits)
    if suffix in _WORKBOOK:
        return _read_workbook(engine, staged, path, digest, options)
    read = _read_json_lines if suffix in _JSON_LINES else _read_csv
    return read(engine, staged, path, digest, options)


def _starts_as_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MARK)) == PARQUET_MARK


def stage_file(engine: Engine, path: Path, limits: Limits) -> tuple[Path, Digest]:
    """Copy the file into the scratch folder: what is read is what was digested.

    Raises:
        InvalidInput: there is no file, or nothing in it; TooLarge: it is over the limit.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}: check the path")
    size = path.stat().st_size
    if size == 0:
        raise InvalidInput(f"{path.name} is empty: it needs a header line and rows")
    if size > limits.bytes:
        raise TooLarge(
            f"{path.name} has {size:,} bytes, the limit `bytes` is {limits.bytes:,}: "
            "split it and append the parts"
        )
    folder = engine.folder / "source"
    seen = sha256()
    staged = folder / f"file{path.suffix.lower()}"
    with storage_failures(staged):
        folder.mkdir(exist_ok=True)
        target = staged.open("wb")
    with target, storage_failures(path), path.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            seen.update(chunk)
            with storage_failures(staged):
                target.write(chunk)
    return staged, Digest(seen.hexdigest())


def _read_csv(
    engine: Engine, staged: Path, path: Path, digest: Digest, options: IngestOptions
) -> RawFile:
    text = engine.folder / "text.csv"
    guessed = _as_utf8(staged, path, text, options)
    return _read_text(engine, text, path, digest, options, guessed)


def _as_utf8(staged: Path, path: Path, text: Path, options: IngestOptions) -> str | None:
    """Write the staged file as UTF-8, and end it; the encoding it had, if that was a guess."""
    encoding = encoding_of(staged, path.name, options.encoding)
    with storage_failures(text), text.open("w", encoding="utf-8", newline="") as file:
        file.writelines(decoded(staged, encoding.codec))
    staged.unlink()
    return encoding.codec if encoding.guessed else None


def _read_json_lines(
    engine: Engine, staged: Path, path: Path, digest: Digest, options: IngestOptions
) -> RawFile:
    lines, text = engine.folder / "text.jsonl", engine.folder / "text.csv"
    guessed = _as_utf8(staged, path, lines, options)
    with storage_failures(text):
        write_csv(lines, path.name, text, options.limits)
    lines.unlink()
    read = _read_text(engine, text, path, digest, _as_written(options), guessed)
    return replace(read, first_row=1)


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
    convert(staged, path.name, text, options.sheet)
    return _read_text(engine, text, path, digest, _as_written(options), None)


def _as_written(options: IngestOptions) -> IngestOptions:
    """How a CSV is read that was written here."""
    return IngestOptions(separator=",", decimal=".", limits=options.limits)


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
            start += file.readline(_HEADER_CHARACTERS)
    dialect = sniff(start, path.name, options.separator, options.decimal)
    check_columns(len(dialect.header), path.name, options.limits)
    _load_csv(engine, text, dialect, options.limits)
    _refuse_ragged(engine, path.name)
    rows, blank = _drop_blank_rows(engine, path.name, options.limits, len(dialect.header))
    columns = tuple(_named_columns(engine, dialect.header))
    said = dialect.decimal, guessed, dialect.separator
    return RawFile(path.name, digest, columns, rows, blank, 2, *said)


def _load_csv(engine: Engine, text: Path, dialect: Dialect, limits: Limits) -> None:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(dialect.header)))
    engine.run(
        f"CREATE TABLE {RAW} AS SELECT row_number() OVER () - 1 AS rid, * FROM "
        f"read_csv('{literal(str(text))}', "
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
    return checked_rows(left, name, limits), read - left


def _named_columns(engine: Engine, header: tuple[str, ...]) -> Iterator[RawColumn]:
    """The columns that have a name or a value; an unnamed empty one is a trailing separator."""
    for number, name in enumerate(header):
        key = f"c{number}"
        if name or engine.row(f"SELECT count({key}) FROM {RAW}")[0]:
            yield RawColumn(key, name or f"column {number + 1}", Kind.TEXT)
