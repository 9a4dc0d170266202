from datetime import UTC, datetime

import pytest

from lichen.core.errors import InvalidInput
from lichen.data.zones import stretches, utc_of, zone_of


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


BERLIN = stretches(zone_of("Europe/Berlin"), seconds("2026-01-01"), seconds("2026-12-31"))


def test_a_year_of_berlin_has_three_stretches() -> None:
    assert [stretch.offset_s for stretch in BERLIN] == [3600, 7200, 3600]


@pytest.mark.parametrize(
    ("local", "occurrence", "utc"),
    [
        ("2026-01-15T12:00:00", 1, "2026-01-15T11:00:00"),
        ("2026-03-29T01:59:59", 1, "2026-03-29T00:59:59"),
        ("2026-03-29T03:00:00", 1, "2026-03-29T01:00:00"),
        ("2026-10-25T02:30:00", 1, "2026-10-25T00:30:00"),
        ("2026-10-25T02:30:00", 2, "2026-10-25T01:30:00"),
        ("2026-10-25T03:00:00", 1, "2026-10-25T02:00:00"),
    ],
)
def test_local_time_becomes_utc(local: str, occurrence: int, utc: str) -> None:
    assert utc_of(seconds(local), BERLIN, occurrence) == seconds(utc)


@pytest.mark.parametrize("local", ["2026-03-29T02:00:00", "2026-03-29T02:59:59"])
def test_an_hour_that_never_came_has_no_utc(local: str) -> None:
    assert utc_of(seconds(local), BERLIN) is None


@pytest.mark.parametrize(
    ("name", "offset_s"), [("+10:00", 36000), ("UTC+8", 28800), ("-0330", -12600), ("UTC", 0)]
)
def test_fixed_offsets(name: str, offset_s: int) -> None:
    (only,) = stretches(zone_of(name), 0, 86400 * 400)
    assert only.offset_s == offset_s
    assert utc_of(0, (only,)) == -offset_s


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "+25:00"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not known"):
        zone_of(name)
