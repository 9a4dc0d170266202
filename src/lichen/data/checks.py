"""Is the data fit to learn from? Every check gives findings that a person can act on."""
# ruff: noqa: S608 - the SQL names our own tables; numbers are written with repr

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from lichen.data.dataset import ColumnProfile
from lichen.data.engine import Engine
from lichen.data.findings import Finding, Severity, counted
from lichen.data.images.checks import check_images
from lichen.data.layout import ROWS, Layout
from lichen.data.leakage import check_leakage
from lichen.data.profile import Span
from lichen.data.schema import Dtype, Role
from lichen.data.stepchecks import check_steps
from lichen.data.timeindex import stamp

OUTLIER_RANGES = 5.0
"""A value is an outlier this many interquartile ranges beyond the quartiles ..."""
OUTLIER_SHARE = 0.01
"""... unless more than this share of the values are: then the column is merely skewed."""
MISSING_WARNING_SHARE = 0.05
MISSING_MARKERS = (
    -0.99, -9.99, -99.0, -99.9, -99.99, -200.0, -999.0, -999.9, -999.99, -9999.0, -99999.0,
    999.0, 999.9, 9999.0, 99999.0, -32768.0, 32767.0, 65535.0,
)  # fmt: skip
"""Numbers that loggers and archives write for "not measured"."""

_MARKER_ROWS = 3
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class _Measured:
    """A column of numbers that has values: the SQL that reads it, and its profile."""

    name: str
    number: str
    summary: ColumnProfile


@dataclass(frozen=True, slots=True)
class _Examples:
    rows: tuple[int, ...]
    times: tuple[str, ...]


def check_rows(
    engine: Engine, layout: Layout, span: Span, profile: Sequence[ColumnProfile]
) -> tuple[Finding, ...]:
    """Everything that is found about the rows of the engine, the time index first."""
    summaries = {summary.column: summary for summary in profile}
    numeric = dict(layout.numeric())
    found = check_steps(engine, layout, span)
    for column in layout.schema:
        if column.role is Role.TIME:
            continue
        summary = summaries[column.name]
        found.extend(_check_missing(engine, layout.key(column.name), summary))
        if column.name in numeric and summary.count:
            found.extend(
                _check_values(engine, _Measured(column.name, numeric[column.name], summary))
            )
    found.extend(check_images(engine, layout))
    found.extend(check_leakage(engine, layout, summaries))
    found.extend(_check_units(layout))
    return tuple(found)


def _examples(engine: Engine, where: str) -> _Examples:
    rows = engine.rows(f"SELECT n, utc FROM {ROWS} WHERE {where} ORDER BY n LIMIT {_EXAMPLES}")
    return _Examples(
        tuple(n for n, _ in rows), tuple(stamp(utc) for _, utc in rows if utc is not None)
    )


def _check_missing(engine: Engine, key: str, summary: ColumnProfile) -> list[Finding]:
    name, missing = summary.column, summary.missing
    if not missing:
        return []
    if not summary.count:
        return [
            Finding(
                "empty-column",
                Severity.ERROR,
                f"column {name!r} holds no value at all",
                "leave the column out, or check the file and the option missing",
                name,
                missing,
            )
        ]
    share = missing / (missing + summary.count)
    places = _examples(engine, f"{key} IS NULL")
    return [
        Finding(
            "missing-values",
            Severity.WARNING if share > MISSING_WARNING_SHARE else Severity.INFO,
            f"column {name!r} misses {counted(missing, 'value')}, {share:.1%} of its rows",
            "fill them, or leave them: rows whose target is missing teach nothing",
            name,
            missing,
            places.rows,
            places.times,
        )
    ]


def _check_values(engine: Engine, column: _Measured) -> list[Finding]:
    if column.summary.quantiles[0] == column.summary.quantiles[-1]:
        return _constant(column)
    markers = _markers(engine, column)
    found = [_marker_finding(engine, column, *marker) for marker in markers]
    found.extend(_outliers(engine, column, [marker for marker, _ in markers]))
    return found


def _constant(column: _Measured) -> list[Finding]:
    if column.summary.count == 1:
        return []
    return [
        Finding(
            "constant-column",
            Severity.WARNING,
            f"column {column.name!r} is {column.summary.quantiles[0]:g} wherever it has a value",
            "leave it out: a constant teaches nothing",
            column.name,
            column.summary.count,
        )
    ]


def _markers(engine: Engine, column: _Measured) -> list[tuple[float, int]]:
    """Known markers at an end of the values, repeated, far from all others; and how often."""
    number = column.number
    found: list[tuple[float, int]] = []
    for order, lowest in (("ASC", True), ("DESC", False)):
        ends = engine.rows(
            f"SELECT {number} AS value, count(*) FROM {ROWS} WHERE {number} IS NOT NULL "
            f"GROUP BY value ORDER BY value {order} LIMIT 2"
        )
        (marker, count), (next_one, _) = ends
        if marker not in MISSING_MARKERS or count < _MARKER_ROWS:
            continue
        low, high = engine.row(
            f"SELECT min({number}), max({number}) FROM {ROWS} WHERE {number} <> {marker!r}"
        )
        alone = low >= 0 if lowest else high < marker / 2
        if alone or abs(marker - next_one) > high - low:
            found.append((marker, count))
    return found


def _marker_finding(engine: Engine, column: _Measured, marker: float, count: int) -> Finding:
    places = _examples(engine, f"{column.number} = {marker!r}")
    return Finding(
        "missing-marker",
        Severity.WARNING,
        f"column {column.name!r} says {marker:g} in {counted(count, 'row')}, far from its other "
        "values: it looks like a mark for missing",
        f"add the file again with the option missing={marker:g}",
        column.name,
        count,
        places.rows,
        places.times,
    )


def _outliers(engine: Engine, column: _Measured, markers: Sequence[float]) -> list[Finding]:
    number = column.number
    real = f"{number} NOT IN ({', '.join(map(repr, markers))})" if markers else "true"
    lower, upper = engine.row(
        f"SELECT quantile_cont({number}, [0.25, 0.75]) FROM {ROWS} WHERE {real}"
    )[0]
    reach = OUTLIER_RANGES * (upper - lower)
    low, high = float(lower - reach), float(upper + reach)
    if not reach or not isfinite(low) or not isfinite(high):
        return []
    outside = f"({number} < {low!r} OR {number} > {high!r}) AND {real}"
    count = engine.row(f"SELECT count(*) FROM {ROWS} WHERE {outside}")[0]
    if not 0 < count <= max(OUTLIER_SHARE * column.summary.count, 1):
        return []
    places = _examples(engine, outside)
    return [
        Finding(
            "outliers",
            Severity.WARNING,
            f"column {column.name!r} has {counted(count, 'value')} far outside its usual range "
            f"({low:.4g} to {high:.4g})",
            "look at those rows: correct what is wrong, keep what is real",
            column.name,
            count,
            places.rows,
            places.times,
        )
    ]


def _check_units(layout: Layout) -> list[Finding]:
    unsaid = [c.name for c in layout.schema if c.dtype is Dtype.NUMBER and c.unit is None]
    if not unsaid:
        return []
    listed = ", ".join(unsaid[:_EXAMPLES]) + (", ..." if len(unsaid) > _EXAMPLES else "")
    return [
        Finding(
            "unit-unknown",
            Severity.INFO,
            f"{counted(len(unsaid), 'column says', 'columns say')} no unit ({listed})",
            "write it in the header, as in 'Load (MW)', or give the option units",
            count=len(unsaid),
        )
    ]
