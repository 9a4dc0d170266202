"""The hours to come as lines of text: the grid's intensity, and when each job runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

BARS = "▁▂▃▄▅▆▇█"
RUNS, MAY, NOT = "█", "·", " "
HOUR = timedelta(hours=1)
_LABEL_HOURS = 6


@dataclass(frozen=True, slots=True)
class Band:
    """One job's line: when it may run, and when it is to."""

    name: str
    release: datetime
    deadline: datetime
    spans: Sequence[tuple[datetime, datetime]]


def clock_line(start: datetime, hours: int, zone: tzinfo) -> str:
    """The hour of the clock over every sixth cell: `00` to `18`."""
    line, at = "", 0
    while at < hours:
        local = (start + at * HOUR).astimezone(zone)
        is_shown = local.hour % _LABEL_HOURS == 0
        line += f"{local:%H}" if is_shown else " "
        at += 2 if is_shown else 1
    return line[:hours].rstrip()


def day_line(start: datetime, hours: int, zone: tzinfo) -> str:
    """The day over its first cell that has room for it."""
    cells = [NOT] * hours
    shown, free_from = None, 0
    for at in range(hours):
        day = f"{(start + at * HOUR).astimezone(zone):%a %d %b}"
        if day != shown and free_from <= at <= hours - len(day):
            cells[at : at + len(day)] = day
            shown, free_from = day, at + len(day) + 1
    return "".join(cells).rstrip()


def spark_line(values: Sequence[float]) -> str:
    """One bar an hour, from the lowest to the highest of them; middling where all are equal."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        return BARS[len(BARS) // 2] * len(values)
    scale = (len(BARS) - 1) / (high - low)
    return "".join(BARS[round((one - low) * scale)] for one in values)


def band_line(band: Band, start: datetime, hours: int) -> str:
    """A job's hours: where it runs for any part of one, where it may, and where not."""
    cells = []
    for at in range(hours):
        begins, ends = start + at * HOUR, start + (at + 1) * HOUR
        if any(first < ends and last > begins for first, last in band.spans):
            cells.append(RUNS)
        else:
            cells.append(MAY if band.release < ends and band.deadline > begins else NOT)
    return "".join(cells).rstrip()


def drawn(
    bands: Sequence[Band], intensities: Sequence[float], start: datetime, hours: int, zone: tzinfo
) -> list[str]:
    """Lines for a terminal; `intensities` are of the hours from `start` on, as far as known."""
    width = max((len(one.name) for one in bands), default=0)
    width = max(width, len("g/kWh"))
    lines = [f"{'':{width}}  {day_line(start, hours, zone)}".rstrip()]
    lines.append(f"{'':{width}}  {clock_line(start, hours, zone)}".rstrip())
    if intensities:
        shown = intensities[:hours]
        ends = f"{min(shown):.0f} to {max(shown):.0f}"
        lines.append(f"{'g/kWh':{width}}  {spark_line(shown)}  {ends}")
    lines += [f"{one.name:{width}}  {band_line(one, start, hours)}".rstrip() for one in bands]
    return lines
