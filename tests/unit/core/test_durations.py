"""Durations as people write them."""

from datetime import timedelta

import pytest

from lichen.core.durations import is_duration, parse_duration, readable_duration
from lichen.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90min", 90),
        ("90m", 90),
        ("12h", 720),
        ("2d", 2880),
        ("1w", 10080),
        ("1.5h", 90),
        ("1d 6h", 1800),
        (" 30 min ", 30),
        ("120s", 2),
        ("PT90M", 90),
        ("P1DT6H", 1800),
        ("pt0.5h", 30),
        ("P2W", 20160),
    ],
)
def test_a_duration_is_understood(text: str, minutes: int) -> None:
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "h", "6", "6 hours", "-6h", "P", "PT", "6h later", "1e3h", "2026-01-01T00:00:00Z"]
)
def test_what_is_no_duration_is_refused_with_its_form(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(InvalidInput, match="write it as 90min"):
        parse_duration(text)


def test_one_that_cannot_be_counted_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer than time"):
        parse_duration("999999999w")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(hours=1, minutes=30), "1 h 30 min"),
        (timedelta(days=2, hours=3, minutes=5), "2 d 3 h"),
        (timedelta(days=1, minutes=5), "1 d"),
        (timedelta(hours=6), "6 h"),
    ],
)
def test_a_span_reads_by_its_two_largest_units(span: timedelta, text: str) -> None:
    assert readable_duration(span) == text
