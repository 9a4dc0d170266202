"""Durations as people write them: `90min`, `12h`, `1d 6h`, or ISO 8601 such as `PT90M`."""

import re
from datetime import timedelta

from lichen.core.errors import InvalidInput

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern}\s*)+")
_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_ISO = re.compile(
    rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_ISO_SECONDS = (604800, 86400, 3600, 60, 1)
_DAY_S, _HOUR_S, _MINUTE_S = 86400, 3600, 60


def is_duration(text: str) -> bool:
    """Whether a text is meant as a duration, and not as a moment."""
    return _seconds(text) is not None


def parse_duration(text: str) -> timedelta:
    """How long a text says.

    Raises:
        InvalidInput: it says no duration, or one that cannot be counted.
    """
    seconds = _seconds(text)
    if seconds is None:
        raise InvalidInput(
            f"{text[:60]!r} is no duration: write it as 90min, 12h, 2d, or PT90M (ISO 8601)"
        )
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise InvalidInput(f"{text[:60]!r} is longer than time: give a shorter one") from None


def readable_duration(span: timedelta) -> str:
    """The two largest units of a span that say something: `2 d 3 h`, `1 h 30 min`, `45 s`."""
    seconds = round(abs(span).total_seconds())
    days, hours = seconds // _DAY_S, seconds % _DAY_S // _HOUR_S
    minutes = seconds % _HOUR_S // _MINUTE_S
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next(place for place, (amount, _) in enumerate(parts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)


def _seconds(text: str) -> float | None:
    stripped = text.strip()
    if _WHOLE.fullmatch(stripped):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(stripped))
    iso = _ISO.fullmatch(stripped.upper())
    if iso is None or not any(iso.groups()):
        return None
    return sum(
        float(amount) * unit
        for amount, unit in zip(iso.groups(), _ISO_SECONDS, strict=True)
        if amount
    )
