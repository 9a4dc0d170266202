"""Cells of time into seconds: the table `stamps` (rid, said, local_s, offset_s) of the engine."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from lichen.core.errors import InvalidInput
from lichen.data.engine import Engine, literal
from lichen.data.raw import RAW, Kind, RawColumn, RawFile
from lichen.data.timeforms import CLOCK_FORMS, DATE_FORMS, OFFSET

STAMPS = "stamps"
_SAMPLE_ROWS = 200
_OFFSET_S = (
    "CASE WHEN off = '' THEN NULL WHEN off IN ('Z', 'z', 'UTC', 'GMT') THEN 0 "
    "ELSE (CASE WHEN off[1] = '-' THEN -1 ELSE 1 END) * (off[2:3]::INTEGER * 3600 "
    "+ coalesce(try_cast(right(replace(off, ':', ''), length(replace(off, ':', '')) - 3) "
    "AS INTEGER), 0) * 60) END"
)
_EPOCH_S = (
    "CASE WHEN {0} BETWEEN TIMESTAMP '1700-01-01' AND TIMESTAMP '2200-01-01' "
    "THEN CAST(floor(epoch({0})) AS BIGINT) END"
)
"""Seconds since 1970; a year beyond these is a slip of the pen."""


def parse_stamps(
    engine: Engine, file: RawFile, columns: tuple[RawColumn, ...], time_format: str | None
) -> None:
    """Fill the table `stamps`; offset_s is null where the cell carries no offset.

    A cell that is empty or no time has null for its seconds: see `refuse_unparsed`.

    Raises:
        InvalidInput: dates can be read in several ways, or the format is none.
    """
    if columns[0].kind in (Kind.NAIVE, Kind.MOMENT):
        offset = "0" if columns[0].kind is Kind.MOMENT else "NULL::INTEGER"
        key = columns[0].key
        engine.run(
            f"CREATE TABLE {STAMPS} AS SELECT rid, {key}::VARCHAR AS said, "
            f"{_EPOCH_S.format(key)} AS local_s, {offset} AS offset_s FROM {RAW}"
        )
    else:
        _parse_text(engine, file, columns, time_format)


def _parse_text(
    engine: Engine, file: RawFile, columns: tuple[RawColumn, ...], time_format: str | None
) -> None:
    said = " || ' ' || ".join(f"coalesce(trim({c.key}::VARCHAR), '')" for c in columns)
    tidy = r"regexp_replace(regexp_replace(trim(said), '(\d)[Tt](\d)', '\1 \2'), '\s+', ' ', 'g')"
    engine.run(
        f"CREATE TABLE written AS SELECT rid, said, off, "
        f"CASE WHEN off = '' THEN tidy ELSE regexp_extract(tidy, '{OFFSET}', 1) END AS body "
        f"FROM (SELECT *, regexp_extract(tidy, '{OFFSET}', 2) AS off FROM "
        f"(SELECT *, {tidy} AS tidy FROM (SELECT rid, {said} AS said FROM {RAW})))"
    )
    if time_format is not None:
        _check_format(engine, time_format)
    parsed = (
        f"try_strptime(trim(said), '{literal(time_format)}')::TIMESTAMP"
        if time_format
        else _reading(_date_form(engine, file, columns))
    )
    zoned = "0" if time_format and "%z" in time_format else _OFFSET_S
    engine.run(
        f"CREATE TABLE {STAMPS} AS SELECT rid, trim(said) AS said, "
        f"{_EPOCH_S.format(parsed)} AS local_s, {zoned} AS offset_s FROM written"
    )
    engine.run("DROP TABLE written")


def _check_format(engine: Engine, time_format: str) -> None:
    try:
        engine.row(f"SELECT try_strptime('', '{literal(time_format)}')")
    except InvalidInput as unknown:
        raise InvalidInput(
            f"time_format {time_format!r} is no strptime format: write it as %Y-%m-%d %H:%M"
        ) from unknown


def _reading(date_form: str) -> str:
    forms = ", ".join(f"'{date_form}{clock}'" for clock in CLOCK_FORMS)
    return rf"CASE WHEN regexp_matches(body, '\d{{4}}') THEN try_strptime(body, [{forms}]) END"


def _date_form(engine: Engine, file: RawFile, columns: tuple[RawColumn, ...]) -> str:
    """The date form that reads the most cells: of a sample, then of all where several tie."""
    every = max(file.rows // _SAMPLE_ROWS, 1)
    sample = f"(SELECT * FROM written WHERE rid % {every} = 0)"
    best = _best(engine, sample, DATE_FORMS)
    if len(best) > 1:
        best = _best(engine, "written", best)
    if len(best) > 1:
        best = _steadiest(engine, best)
    if len(best) > 1:
        said = engine.row("SELECT said FROM written ORDER BY rid LIMIT 1")[0]
        raise InvalidInput(
            f"column {_named(columns)!r} of {file.name} can be read as {' and as '.join(best)} "
            f"(row {file.first_row}: {said!r}): say which with the option time_format"
        )
    return best[0] if best else DATE_FORMS[0]


def _best(engine: Engine, source: str, forms: tuple[str, ...]) -> tuple[str, ...]:
    counts = engine.row(
        "SELECT " + ", ".join(f"count({_reading(form)})" for form in forms) + f" FROM {source}"
    )
    most = max(counts)
    return tuple(f for f, count in zip(forms, counts, strict=True) if count == most and most)


def _steadiest(engine: Engine, forms: tuple[str, ...]) -> tuple[str, ...]:
    """Of forms that read every cell, those with the fewest steps back in time."""
    backs = [
        engine.row(
            f"SELECT count(*) FROM (SELECT {_reading(form)} AS t, "
            f"lag({_reading(form)}) OVER (ORDER BY rid) AS before FROM written) WHERE t < before"
        )[0]
        for form in forms
    ]
    return tuple(f for f, back in zip(forms, backs, strict=True) if back == min(backs))


def refuse_unparsed(engine: Engine, file: RawFile, columns: tuple[RawColumn, ...]) -> None:
    """Refuse times that could not be read.

    Raises:
        InvalidInput: a cell is empty or no time; the message names its row.
    """
    bad = engine.rows(
        f"SELECT rid, said, count(*) OVER () FROM {STAMPS} WHERE local_s IS NULL "
        "ORDER BY rid LIMIT 1"
    )
    if not bad:
        return
    rid, said, count = bad[0]
    more = f" (and {count - 1:,} more)" if count > 1 else ""
    where = f"row {file.row(rid)} of {file.name}"
    if said is None or not said.strip():
        raise InvalidInput(
            f"{where} has no time in column {_named(columns)!r}{more}: fill it in, "
            "remove the row, or say time none where rows have no order"
        )
    raise InvalidInput(
        f"{where} has {said!r} in time column {_named(columns)!r}, which is no time we can "
        f"read{more}: write it as 2026-01-31T05:00:00Z, or give the option time_format"
    )


def _named(columns: tuple[RawColumn, ...]) -> str:
    return ",".join(column.name for column in columns)
