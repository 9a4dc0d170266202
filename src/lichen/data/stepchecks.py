"""Is the time index whole? Gaps, daylight saving, times off their step."""
# ruff: noqa: S608 - the SQL names our own tables

from dataclasses import dataclass

from lichen.data.engine import Engine
from lichen.data.findings import Finding, Severity, counted
from lichen.data.frequency import Frequency
from lichen.data.layout import ROWS, Layout
from lichen.data.profile import Span
from lichen.data.timeindex import stamp
from lichen.data.zones import offset_s, zone_of

_EXAMPLES = 5
_GAP_STEPS = 1.5
"""From here on a distance is a gap; below, the time is off its step."""
_LOOKED_AT = 1_000
_WORTH_A_STEP = 3
"""With fewer rows there is no step to find."""


@dataclass(frozen=True, slots=True)
class _Gap:
    row: int
    label: str
    before: int
    after: int

    def __str__(self) -> str:
        return stamp(self.before) + (f" of {self.label}" if self.label else "")


def check_steps(engine: Engine, layout: Layout, span: Span) -> list[Finding]:
    """Findings about the distances between the times; none without a time column."""
    if layout.schema.time is None:
        return []
    name = layout.schema.time.name
    if span.frequency is None:
        return _irregular(engine, name)
    found = _gaps(engine, layout, span.frequency, name)
    if span.frequency.seconds is not None:
        found.extend(_uneven(engine, layout, span.frequency.seconds, name))
    return found


def _irregular(engine: Engine, name: str) -> list[Finding]:
    if engine.row(f"SELECT count(*) FROM {ROWS}")[0] < _WORTH_A_STEP:
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


def _gaps(engine: Engine, layout: Layout, frequency: Frequency, name: str) -> list[Finding]:
    step = frequency.seconds or frequency.longest_s
    shortest = max(frequency.longest_s, _GAP_STEPS * step) if frequency.seconds else step
    rows = engine.rows(
        "SELECT n, label, before, utc, count(*) OVER (), sum(utc - before) OVER () FROM "
        "(SELECT n, label, utc, lag(utc) OVER (PARTITION BY label ORDER BY utc) AS before "
        f"FROM {ROWS}) WHERE utc - before > {shortest} ORDER BY n LIMIT {_LOOKED_AT}"
    )
    if not rows:
        return []
    gaps = [_Gap(*row[:4]) for row in rows]
    count, seconds = rows[0][4], rows[0][5]
    missing = max(round(seconds / step) - count, count)
    finding = Finding(
        "gaps",
        Severity.WARNING,
        f"the times in {name!r} have {counted(count, 'gap')}, about "
        f"{counted(missing, 'step')} of {frequency.iso} missing; the first after {gaps[0]}",
        "fill the gaps, or accept that forecasts skip them; one hour missing each year "
        "means local times: add the file again with the option timezone",
        name,
        count,
        tuple(gap.row for gap in gaps[:_EXAMPLES]),
        tuple(stamp(gap.before) for gap in gaps[:_EXAMPLES]),
    )
    return [finding, *_shifted(gaps, layout, step, name)]


def _shifted(gaps: list[_Gap], layout: Layout, step: int, name: str) -> list[Finding]:
    """The gaps where local clocks show one step: a repeated hour that was recorded once."""
    zone = zone_of(layout.timezone)
    shifted = [
        gap
        for gap in gaps
        if offset_s(zone, gap.before) - offset_s(zone, gap.after) == gap.after - gap.before - step
    ]
    if not shifted:
        return []
    verb = "is" if len(shifted) == 1 else "are"
    return [
        Finding(
            "dst-gap",
            Severity.INFO,
            f"{len(shifted):,} of the gaps {verb} the hour that the clocks of {layout.timezone} "
            f"repeated and the file holds once; the first after {shifted[0]}",
            "export in UTC to have both hours",
            name,
            len(shifted),
            tuple(gap.row for gap in shifted[:_EXAMPLES]),
            tuple(stamp(gap.before) for gap in shifted[:_EXAMPLES]),
        )
    ]


def _uneven(engine: Engine, layout: Layout, step: int, name: str) -> list[Finding]:
    rows = engine.rows(
        "SELECT n, label, before, utc, count(*) OVER () FROM (SELECT n, label, utc, lag(utc) OVER "
        f"(PARTITION BY label ORDER BY utc) AS before FROM {ROWS}) "
        f"WHERE (utc - before) % {step} <> 0 ORDER BY n LIMIT {_LOOKED_AT}"
    )
    zone = zone_of(layout.timezone)
    found = [_Gap(*row[:4]) for row in rows]
    # Local days are 23 or 25 hours long when the clocks change, and stand on their step.
    uneven = [
        gap
        for gap in found
        if (gap.after + offset_s(zone, gap.after) - gap.before - offset_s(zone, gap.before)) % step
    ]
    if not uneven:
        return []
    count = rows[0][4] - (len(found) - len(uneven))
    return [
        Finding(
            "uneven-steps",
            Severity.WARNING,
            f"{counted(count, 'time')} in {name!r} do not stand on the step of {step:,} s; "
            f"the first after {uneven[0]}",
            "round the times to the step, or resample",
            name,
            count,
            tuple(gap.row for gap in uneven[:_EXAMPLES]),
            tuple(stamp(gap.after) for gap in uneven[:_EXAMPLES]),
        )
    ]
