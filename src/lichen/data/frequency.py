"""The step of a time index from the distances between its times. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

_DAY_S = 86_400
_CALENDAR = (
    ("P1M", 28 * _DAY_S, 31 * _DAY_S),
    ("P3M", 89 * _DAY_S, 92 * _DAY_S),
    ("P1Y", 365 * _DAY_S, 366 * _DAY_S),
)
_REGULAR_SHARE = 0.5
_SLACK_S = 3_700
"""How much a clock change and rounding may lengthen a calendar step."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """The step: an ISO 8601 duration; `seconds` is absent where it is a calendar's.

    `longest_s` is the longest distance that is still one step.
    """

    iso: str
    seconds: int | None
    longest_s: int


def frequency_of(distances: Sequence[tuple[int, int]]) -> Frequency | None:
    """The step of times that are `distances` apart, given as (seconds, how often).

    None when no single step explains at least half of them.
    """
    total = sum(count for _, count in distances)
    if total == 0:
        return None
    for iso, shortest, longest in _CALENDAR:
        fitting = sum(n for s, n in distances if shortest - _SLACK_S <= s <= longest + _SLACK_S)
        if fitting >= _REGULAR_SHARE * total:
            return Frequency(iso, None, longest + _SLACK_S)
    seconds, count = max(distances, key=lambda pair: (pair[1], -pair[0]))
    if count < _REGULAR_SHARE * total or seconds <= 0:
        return None
    return Frequency(iso_duration(seconds), seconds, seconds)


def iso_duration(seconds: int) -> str:
    """Seconds as an ISO 8601 duration: 1800 is `PT30M`."""
    days, rest = divmod(seconds, _DAY_S)
    if days and not rest:
        return f"P{days}D"
    hours, rest = divmod(seconds, 3_600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (left, "S"))
    return "PT" + "".join(f"{value}{letter}" for value, letter in parts if value)
