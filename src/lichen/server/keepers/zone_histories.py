"""What was the intensity of a zone, by all that this platform keeps and was given."""

from dataclasses import replace
from pathlib import Path

from lichen.carbon.grids.fixed import SeriesIntensity, read_series
from lichen.carbon.intensity import checked_zone
from lichen.carbon.outlook.archive import Archive, Seeded, ZoneHistory, chosen, recorded_of
from lichen.carbon.outlook.history import Recorded, histories, stamp_of, zones_kept
from lichen.carbon.outlook.place import Place, place_of
from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput
from lichen.server.pricing import FILE, order
from lichen.server.sections import CarbonSettings

FOLDER = "history"
Stamp = tuple[tuple[str, int, int], ...]


class ZoneHistories:
    """Histories by zone, read again when they change; made for one process."""

    def __init__(self, settings: CarbonSettings, folder: Path, clock: Clock) -> None:
        """Look into `folder`, where services' answers are kept.

        Raises:
            InvalidInput: the zone, its place or the file of the settings is not usable.
        """
        self._zone = checked_zone(settings.zone)
        self._place = _stated_place(settings)
        self._folder = folder / FOLDER
        self._order = tuple(order(settings))
        self._clock = clock
        self._given = self._file(settings)
        self._read: dict[str, tuple[Stamp, ZoneHistory | None]] = {}
        self.archive = Archive(self._folder)

    def zones(self) -> list[str]:
        """The zones that anything is known of, ours among them."""
        given = {self._zone} if self._given else set()
        return sorted(given | set(zones_kept(self._folder)))

    def stamp(self, zone: str) -> Stamp:
        """Changes whenever the history of a zone does."""
        return stamp_of(self._folder, zone)

    def of(self, zone: str) -> ZoneHistory | None:
        """The history of a zone; None where nothing is known."""
        stamp = self.stamp(zone)
        seen = self._read.get(zone)
        if seen is None or seen[0] != stamp:
            given = [self._given] if self._given and zone == self._zone else []
            found = chosen([*histories(self._folder, zone), *given], self._order)
            seen = self._read[zone] = (stamp, found)
        return seen[1]

    def place(self, zone: str) -> Place:
        """Where it lies: ours by the settings, where they say so."""
        if zone == self._zone and self._place is not None:
            return self._place
        return place_of(zone)

    def seed(
        self, zone: str, path: Path, column: str | None = None, filename: str | None = None
    ) -> Seeded:
        """Take a file of intensities as history; it is remembered as `filename`.

        Raises:
            InvalidInput: the zone or the file is not usable; one sentence says which row.
        """
        code = checked_zone(zone)
        series = read_series(path, code, column)
        name = series.name.replace(path.name, filename or path.name)
        return self.archive.seed(code, replace(series, name=name), self._clock.now())

    def _file(self, settings: CarbonSettings) -> Recorded | None:
        if settings.intensity_file is None or FILE not in self._order:
            return None
        series: SeriesIntensity = read_series(settings.intensity_file, self._zone)
        return recorded_of(series)


def _stated_place(settings: CarbonSettings) -> Place | None:
    """The place that the settings give, over what is known of the zone."""
    stated = (settings.zone_latitude, settings.zone_longitude, settings.zone_timezone)
    if all(one is None for one in stated):
        return None
    known = place_of(checked_zone(settings.zone))
    if (settings.zone_latitude is None) != (settings.zone_longitude is None):
        raise InvalidInput("zone_latitude and zone_longitude go together: set both, or neither")
    has_point = settings.zone_latitude is not None
    return Place(
        settings.zone_latitude if has_point else known.latitude,
        settings.zone_longitude if has_point else known.longitude,
        settings.zone_timezone or known.timezone,
    )
