"""Yearly averages per country, shipped with the package: what is left when nobody says better.

The table (`averages.csv`) and its licences are described in docs/reference/intensity-averages.md.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from lichen.carbon.grids.fixed import YEAR_S
from lichen.carbon.intensity import WORLD, IntensityValue, Kind, Scope, Signal
from lichen.core.errors import NotFound

TABLE = Path(__file__).with_name("averages.csv")

SOURCES = {
    "owid": "Our World in Data from Ember and Energy Institute, CC BY 4.0",
    "mee": "Ministry of Ecology and Environment of China, Announcement 2025 No. 47",
}

COUNTRY_LOW, COUNTRY_HIGH = 0.50, 1.50
"""Share of the yearly mean between which nine hours in ten of a year lay: 5 and 95 % of the hourly
life-cycle intensities of Spain 2022, California 2021 and 2022 and Germany 2021-22 (Electricity
Maps) are 0.49-0.55 and 1.34-1.50 of their means."""

WORLD_LOW, WORLD_HIGH = 90.0, 860.0
"""g/kWh: 5 and 95 % of (a country drawn by its generation) x (an hour drawn from those series)."""


@dataclass(frozen=True, slots=True)
class YearlyAverage:
    """One row of the table."""

    zone: str
    name: str
    year: int
    g_per_kwh: float
    scope: Scope
    source: str


@cache
def table() -> dict[str, YearlyAverage]:
    """All rows by zone: ISO 3166-1 alpha-2 codes, provinces of China as `CN-BJ`, and `WORLD`."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split(",") for line in lines)
    return {
        zone: YearlyAverage(zone, name, int(year), float(g_per_kwh), Scope(scope), SOURCES[source])
        for zone, name, year, g_per_kwh, scope, source in rows
    }


@dataclass(frozen=True, slots=True)
class YearlyAverages:
    """The yearly mean of the zone, or of its country where the zone is a part of one."""

    name: str = "yearly averages"

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The mean of the table's year, with the spread that the hours of a year have.

        Raises:
            NotFound: the table holds neither the zone nor its country.
        """
        del moment
        row = table().get(zone) or table().get(zone.partition("-")[0])
        if row is None or row.zone == WORLD:
            raise NotFound(f"no yearly average of {zone} is shipped")
        part = "" if row.zone == zone else f" (for {zone})"
        return IntensityValue(
            row.g_per_kwh,
            row.g_per_kwh * COUNTRY_LOW,
            row.g_per_kwh * COUNTRY_HIGH,
            zone,
            f"yearly average of {row.name}{part} in {row.year}: {row.source}",
            Signal.AVERAGE,
            row.scope,
            Kind.ESTIMATED,
            YEAR_S,
        )


@dataclass(frozen=True, slots=True)
class WorldAverage:
    """The mean of the world's generation for any zone, with the interval that this deserves."""

    name: str = "world average"

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The world's mean; the source says why it is not the zone's own."""
        del moment
        row = table()[WORLD]
        unknown = " (no zone was named)" if zone == WORLD else f" (nothing is known of {zone})"
        return IntensityValue(
            row.g_per_kwh,
            WORLD_LOW,
            WORLD_HIGH,
            zone,
            f"world average{unknown} in {row.year}: {row.source}",
            Signal.AVERAGE,
            row.scope,
            Kind.ESTIMATED,
            YEAR_S,
        )
