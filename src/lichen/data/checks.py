"""Is the data fit to learn from? Every check gives findings that a person can act on."""
# ruff: noqa: S608 - the SQL names our own tables; numbers are written with repr

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from lichen.data.dataset import ColumnProfile
from lichen.data.engine import Engine
from lichen.data.findings import Finding, Severity
from lichen.data.layout import ROWS, Layout
from lichen.data.profile import Span
from lichen.data.schema import Role
from lichen.data.timeindex import stamp
from lichen.data.zones import offset_s, zone_of

OUTLIER_RANGES = 5.0
"""A value is an outlier this many interquartile ranges beyond the quartiles."""
MISSING_WARNING_SHARE = 0.05
LEAKAGE_CORRELATION = 0.9999
"""Two columns that move together this closely are one, or one was made from the other."""
MISSING_MARKERS = (
    -0.99, -9.99, -99.0, -99.9, -99.99, -200.0, -999.0, -999.9, -999.99, -9999.0, -99999.0,
    999.0, 999.9, 9999.0, 99999.0, -32768.0, 32767.0, 65535.0,
)  # fmt: skip
"""Numbers that loggers and archives write for "not measured"."""

_MARKER_ROWS = 3
_EXAMPLES = 5
_PAIRED_COLUMNS = 24
_GAPS_LOOKED_AT = 1_000


def check_rows(
    engine: Engine, layout: Layout, span: Span, profile: Sequence[ColumnProfile]
) -> tuple[Finding, ...]:
    """Everything that is found about the rows of the engine, the time index first."""
    found: list[Finding] = []
    if layout.schema.time is not None:
        found.extend(_check_steps(engine, layout, span))
    summaries = {summary.column: summary for summary in profile}
    numeric = dict(layout.numeric())
    for column in layout.schema:
        if column.role is Role.TIME:
            continue
        key = layout.key(column.name)
        found.extend(_check_missing(engine, column.name, key, summaries[column.name]))
        if column.name in numeric and summaries[column.name].count:
            number = numeric[column.name]
            found.extend(_check_marker(engine, column.name, number))
            found.extend(_check_spread(engine, column.name, number, summaries[column.name]))
    found.extend(_check_leakage(engine, layout, summaries))
    found.extend(_check_units(layout))
    return tuple(found)


def _check_steps(engine: Engine, layout: Layout, span: Span) -> list[Finding]:
    name = layout.schema.time.name if layout.schema.time else ""
    if span.frequency is None:
        if engine.row(f"SELECT count(*) FROM {ROWS}")[0] < 3:
            return []
        return [
            Finding(
                "irregular-steps",
                Severity.WARNING,
                f"no single step explains half of the distances between the times in {name!r}",
                "resample to a fixed step before forecasting",
                name,
            )
        ]
    gaps = engine.rows(
        "SELECT n, label, before, utc, count(*) OVER (), sum(utc - before) OVER () FROM "
        "(SELECT n, label, utc, lag(utc) OVER (PARTITION BY label ORDER BY utc) AS before "
        f"FROM {ROWS}) WHERE utc - before > {span.frequency.longest_s} ORDER BY n "
        f"LIMIT {_GAPS_LOOKED_AT}"
    )
    return [
        *_gap_findings(gaps, layout, span, name),
        *_uneven(engine, span.frequency.seconds, name),
    ]


def _gap_findings(
    gaps: list[tuple[Any, ...]], layout: Layout, span: Span, name: str
) -> list[Finding]:
    if not gaps or span.frequency is None:
        return []
    step = span.frequency.seconds or span.frequency.longest_s
    count, seconds = gaps[0][4], gaps[0][5]
    missing = max(round(seconds / step) - count, count)
    zone = zone_of(layout.timezone)
    shifted = [g for g in gaps if offset_s(zone, g[2]) - offset_s(zone, g[3]) == g[3] - g[2] - step]
    found = [
        Finding(
            "gaps",
            Severity.WARNING,
            f"the times in {name!r} have {count:,} gaps, about {missing:,} steps of "
            f"{span.frequency.iso} are missing; the first after {_place(gaps[0][2], gaps[0][1])}",
            "fill the gaps, or accept that forecasts skip them; an hour missing each spring or "
            "autumn means local times: add the file again with the option timezone",
            name,
            count=count,
            rows=tuple(gap[0] for gap in gaps[:_EXAMPLES]),
            times=tuple(stamp(gap[2]) for gap in gaps[:_EXAMPLES]),
        )
    ]
    if shifted:
        found.append(
            Finding(
                "dst-gap",
                Severity.INFO,
                f"{len(shifted):,} of the gaps are the hour that the clocks of {layout.timezone} "
                f"repeated and the file holds once; the first after {stamp(shifted[0][2])}",
                "export in UTC to have both hours",
                name,
                count=len(shifted),
                times=tuple(stamp(gap[2]) for gap in shifted[:_EXAMPLES]),
            )
        )
    return found


def _place(utc: int, label: str) -> str:
    return stamp(utc) + (f" of {label}" if label else "")


def _uneven(engine: Engine, step: int | None, name: str) -> list[Finding]:
    if step is None:
        return []
    uneven = engine.rows(
        "SELECT n, utc, count(*) OVER () FROM (SELECT n, utc, lag(utc) OVER (PARTITION BY label "
        f"ORDER BY utc) AS before FROM {ROWS}) WHERE (utc - before) % {step} <> 0 "
        f"ORDER BY n LIMIT {_EXAMPLES}"
    )
    if not uneven:
        return []
    return [
        Finding(
            "uneven-steps",
            Severity.WARNING,
            f"{uneven[0][2]:,} times in {name!r} do not stand on the step of {step:,} s; "
            f"the first at {stamp(uneven[0][1])}",
            "round the times to the step, or resample",
            name,
            count=uneven[0][2],
            rows=tuple(row[0] for row in uneven),
            times=tuple(stamp(row[1]) for row in uneven),
        )
    ]


def _check_missing(engine: Engine, name: str, key: str, summary: ColumnProfile) -> list[Finding]:
    if not summary.missing:
        return []
    if not summary.count:
        return [
            Finding(
                "empty-column",
                Severity.ERROR,
                f"column {name!r} holds no value at all",
                "leave the column out, or check the file and the option missing",
                name,
                count=summary.missing,
            )
        ]
    share = summary.missing / (summary.missing + summary.count)
    rows, times = _examples(engine, f"{key} IS NULL")
    return [
        Finding(
            "missing-values",
            Severity.WARNING if share > MISSING_WARNING_SHARE else Severity.INFO,
            f"column {name!r} misses {summary.missing:,} values, {share:.1%} of its rows",
            "fill them, or leave them: training skips windows whose target is missing",
            name,
            summary.missing,
            rows,
            times,
        )
    ]


def _examples(engine: Engine, where: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    rows = engine.rows(f"SELECT n, utc FROM {ROWS} WHERE {where} ORDER BY n LIMIT {_EXAMPLES}")
    return tuple(n for n, _ in rows), tuple(stamp(utc) for _, utc in rows if utc is not None)


def _check_marker(engine: Engine, name: str, number: str) -> list[Finding]:
    """A known marker at one end of the values, repeated, and far from all others."""
    found: list[Finding] = []
    for order, sign in (("ASC", -1), ("DESC", 1)):
        ends = engine.rows(
            f"SELECT {number} AS value, count(*) FROM {ROWS} WHERE {number} IS NOT NULL "
            f"GROUP BY value ORDER BY value {order} LIMIT 2"
        )
        if len(ends) < 2 or ends[0][0] not in MISSING_MARKERS or ends[0][1] < _MARKER_ROWS:
            continue
        marker, count = ends[0]
        low, high = engine.row(
            f"SELECT min({number}), max({number}) FROM {ROWS} WHERE {number} <> {marker!r}"
        )
        alone = low >= 0 if sign < 0 else high < marker / 2
        if alone or abs(marker - ends[1][0]) > high - low:
            found.append(_marker_finding(engine, name, number, marker, count))
    return found


def _marker_finding(engine: Engine, name: str, number: str, marker: float, count: int) -> Finding:
    rows, times = _examples(engine, f"{number} = {marker!r}")
    return Finding(
        "missing-marker",
        Severity.WARNING,
        f"column {name!r} says {marker:g} in {count:,} rows, far from its other values: "
        "it looks like a mark for missing",
        f"add the file again with the option missing={marker:g}",
        name,
        count,
        rows,
        times,
    )


def _check_spread(engine: Engine, name: str, number: str, summary: ColumnProfile) -> list[Finding]:
    if summary.quantiles[0] == summary.quantiles[-1]:
        if summary.count < 2:
            return []
        return [
            Finding(
                "constant-column",
                Severity.WARNING,
                f"column {name!r} is {summary.quantiles[0]:g} in every row",
                "leave it out: a constant teaches nothing",
                name,
                summary.count,
            )
        ]
    lower, upper = engine.row(f"SELECT quantile_cont({number}, [0.25, 0.75]) FROM {ROWS}")[0]
    reach = OUTLIER_RANGES * (upper - lower)
    if not reach:
        return []
    outside = f"({number} < {lower - reach!r} OR {number} > {upper + reach!r})"
    count = engine.row(f"SELECT count(*) FROM {ROWS} WHERE {outside}")[0]
    if not count:
        return []
    rows, times = _examples(engine, outside)
    return [
        Finding(
            "outliers",
            Severity.WARNING,
            f"column {name!r} has {count:,} values far outside its usual range "
            f"({lower - reach:.4g} to {upper + reach:.4g})",
            "look at those rows: correct what is wrong, keep what is real",
            name,
            count,
            rows,
            times,
        )
    ]


def _check_leakage(
    engine: Engine, layout: Layout, summaries: dict[str, ColumnProfile]
) -> list[Finding]:
    varied = [
        (name, number)
        for name, number in layout.numeric()
        if summaries[name].count > 2
        and summaries[name].quantiles[0] < summaries[name].quantiles[-1]
    ]
    targets = {column.name for column in layout.schema.having(Role.TARGET)}
    pairs = [
        (first, second)
        for first, second in combinations(varied, 2)
        if first[0] in targets
        or second[0] in targets
        or (not targets and len(varied) <= _PAIRED_COLUMNS)
    ]
    found = [
        _leakage(first[0], second[0], together)
        for (first, second), together in zip(
            pairs, _correlations(engine, [(a[1], b[1]) for a, b in pairs], ROWS), strict=True
        )
        if abs(together) > LEAKAGE_CORRELATION
    ]
    if layout.schema.time is not None:
        for target in targets:
            found.extend(_check_foresight(engine, target, varied))
    return found


def _correlations(engine: Engine, pairs: Sequence[tuple[str, str]], source: str) -> list[float]:
    if not pairs:
        return []
    corrs = ", ".join(f"corr({first}, {second})" for first, second in pairs)
    return [
        0.0 if value is None else float(value)
        for value in engine.row(f"SELECT {corrs} FROM {source}")
    ]


def _leakage(first: str, second: str, together: float) -> Finding:
    return Finding(
        "leakage-suspect",
        Severity.WARNING,
        f"columns {first!r} and {second!r} move as one (correlation {together:.5f}): "
        "one gives the other away",
        "forecast one of them and leave the other out of the covariates",
        second,
    )


def _check_foresight(
    engine: Engine, target: str, varied: Sequence[tuple[str, str]]
) -> list[Finding]:
    """A column that knows the target's next value better than the target itself does."""
    numbers = dict(varied)
    if target not in numbers:
        return []
    ahead = (
        f"(SELECT *, lead({numbers[target]}) OVER (PARTITION BY label ORDER BY utc) AS ahead "
        f"FROM {ROWS})"
    )
    known = _correlations(engine, [(number, "ahead") for _, number in varied], ahead)
    itself = abs(known[[name for name, _ in varied].index(target)])
    return [
        Finding(
            "leakage-suspect",
            Severity.WARNING,
            f"column {name!r} already holds the next value of target {target!r} "
            f"(correlation {together:.5f})",
            "leave it out of the covariates, unless it is a forecast known at that time",
            name,
        )
        for (name, _), together in zip(varied, known, strict=True)
        if name != target and abs(together) > max(LEAKAGE_CORRELATION, itself)
    ]


def _check_units(layout: Layout) -> list[Finding]:
    unsaid = [column.name for column in layout.schema.numeric if column.unit is None]
    if not unsaid:
        return []
    listed = ", ".join(unsaid[:_EXAMPLES]) + (", ..." if len(unsaid) > _EXAMPLES else "")
    return [
        Finding(
            "unit-unknown",
            Severity.INFO,
            f"{len(unsaid):,} columns say no unit ({listed})",
            f"write it in the header, as '{unsaid[0]} (MW)', or give the option units",
            count=len(unsaid),
        )
    ]
