"""The yearly averages that ship with the package."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.grids.averages import WorldAverage, YearlyAverages, table
from lichen.carbon.intensity import Scope, checked_zone
from lichen.core.errors import NotFound

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_table_covers_the_world_with_figures_a_grid_can_have() -> None:
    rows = table()
    countries = [zone for zone in rows if "-" not in zone and zone != "WORLD"]

    assert len(countries) > 200
    assert all(5 < row.g_per_kwh < 1400 for row in rows.values())
    assert all(2020 < row.year < 2026 for row in rows.values())
    assert all(checked_zone(zone) == zone for zone in rows)


def test_known_figures_stand_in_it() -> None:
    rows = table()

    assert (rows["FR"].g_per_kwh, rows["FR"].year) == (56.0, 2023)
    assert (rows["CN"].g_per_kwh, rows["CN"].year, rows["CN"].scope) == (530.6, 2023, Scope.DIRECT)
    assert (rows["CN-YN"].g_per_kwh, rows["CN-HE"].g_per_kwh) == (133.3, 651.6)
    assert (rows["CN-HUABEI"].g_per_kwh, rows["CN-XINAN"].g_per_kwh) == (636.1, 247.2)
    assert sum(zone.startswith("CN-") for zone in rows) == 30 + 7


def test_a_part_of_a_country_gets_the_country_and_says_so() -> None:
    value = YearlyAverages().at("US-CAL-CISO", NOW)

    assert value.zone == "US-CAL-CISO"
    assert value.source.startswith("yearly average of United States (for US-CAL-CISO) in 2023")


def test_the_world_is_no_country() -> None:
    with pytest.raises(NotFound):
        YearlyAverages().at("WORLD", NOW)


def test_an_unknown_zone_gets_the_world_with_a_wide_interval_and_says_so() -> None:
    value = WorldAverage().at("ZZ", NOW)

    assert "nothing is known of ZZ" in value.source
    assert value.low < 100
    assert value.high > 850
    assert "no zone was named" in WorldAverage().at("WORLD", NOW).source


def test_the_interval_of_a_country_is_that_of_the_hours_of_a_year(shared_data: Path) -> None:
    path = shared_data / "em_ES_2022_hourly.csv"
    rows = path.read_text(encoding="utf-8").splitlines()[1:]
    values = sorted(float(row.split(",")[1]) for row in rows)
    mean = sum(values) / len(values)
    value = YearlyAverages().at("ES", NOW)
    low, high = value.low / value.g_per_kwh, value.high / value.g_per_kwh

    inside = sum(low <= one / mean <= high for one in values) / len(values)
    assert 0.88 <= inside <= 0.94
