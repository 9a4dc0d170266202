"""Does a column give the answer away? Pairs that are one, and columns that know what comes."""
# ruff: noqa: S608 - the SQL names our own tables

from collections.abc import Mapping, Sequence
from itertools import combinations

from lichen.data.dataset import ColumnProfile
from lichen.data.engine import Engine
from lichen.data.findings import Finding, Severity
from lichen.data.layout import ROWS, Layout
from lichen.data.schema import Role

LEAKAGE_CORRELATION = 0.9999
"""Two columns that move together this closely are one, or one was made from the other."""

_PAIRED_COLUMNS = 24
"""Without targets, every pair of up to this many columns is looked at."""


def check_leakage(
    engine: Engine, layout: Layout, summaries: Mapping[str, ColumnProfile]
) -> list[Finding]:
    """Columns that move as one with a target (or, without targets, with any other column)."""
    varied = [
        (name, f"({number} / {max(map(abs, summaries[name].quantiles))!r})")
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
