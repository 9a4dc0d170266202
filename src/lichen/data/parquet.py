"""Parquet files into the table `raw`, each type of column as one of ours."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through quoted()

from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.core.ids import Digest
from lichen.data.encoding import signature_of
from lichen.data.engine import Engine, literal
from lichen.data.forms import PARQUET_MARK
from lichen.data.options import Limits
from lichen.data.raw import RAW, Kind, RawColumn, RawFile, check_columns, checked_rows, quoted

_INDEX_PREFIX = "__index_level_"
"""How pandas calls an index that it stores as a column."""


def read_parquet(
    engine: Engine, staged: Path, name: str, digest: Digest, limits: Limits
) -> RawFile:
    """Read a staged Parquet file that people know as `name`.

    Raises:
        InvalidInput: it is no readable Parquet file, or holds a type that is not ours.
    """
    with staged.open("rb") as file:
        start = file.read(8)
    if not start.startswith(PARQUET_MARK):
        kind = signature_of(start) or "no Parquet file"
        raise InvalidInput(
            f"{name} is called .parquet and is {kind}: give it the extension of what it is"
        )
    source = f"read_parquet('{literal(str(staged))}')"
    try:
        described = engine.rows(f"DESCRIBE SELECT * FROM {source}")
    except InvalidInput as failure:
        raise InvalidInput(
            f"{name} is a damaged or unreadable Parquet file: write it anew"
        ) from failure
    kept = [(title, kind) for title, kind, *_ in described if not title.startswith(_INDEX_PREFIX)]
    check_columns(len(kept), name, limits)
    _check_names([title.strip() for title, _ in kept], name)
    return _load_parquet(engine, source, kept, RawFile(name, digest, (), 0, 0, 1, "."), limits)


def _check_names(names: list[str], file: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(
            f"{file} names two columns {twice!r}, but for the space around it: "
            "give each its own name"
        )
    if "" in names:
        raise InvalidInput(f"{file} has a column without a name: give it one")


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
    engine.run(
        f"CREATE TABLE {RAW} AS SELECT row_number() OVER () - 1 AS rid, {picked} "
        f"FROM {source} LIMIT {limits.rows + 1}"
    )
    rows = checked_rows(engine.row(f"SELECT count(*) FROM {RAW}")[0], file.name, limits)
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
