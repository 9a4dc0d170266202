"""Where a zone lies: for the sun over it, and the clocks that its people live by.

`places.csv` holds a point near the middle of each zone's load or generation, to half a degree or
so: the sun of an hour differs little within a zone, and what does is learnt with the weights.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from lichen.core.errors import InvalidInput

TABLE = Path(__file__).with_name("places.csv")


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees (north and east positive), None where nobody knows; and an IANA time zone."""

    latitude: float | None = None
    longitude: float | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse what is no place.

        Raises:
            InvalidInput: an angle out of range, one of two, or no time zone.
        """
        if (self.latitude is None) != (self.longitude is None):
            raise InvalidInput("a place needs both latitude and longitude, or neither: give both")
        if not (abs(self.latitude or 0.0) <= 90 and abs(self.longitude or 0.0) <= 180):
            raise InvalidInput(
                f"latitude {self.latitude}, longitude {self.longitude} is no place: give degrees "
                "within 90 and 180, south and west negative"
            )
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise InvalidInput(
                f"{self.timezone!r} is no time zone: take an IANA name, as Europe/Berlin"
            ) from None

    @property
    def clocks(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)


@cache
def _table() -> dict[str, Place]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split(",") for line in lines)
    return {zone: Place(float(north), float(east), clocks) for zone, north, east, clocks in rows}


def place_of(zone: str) -> Place:
    """The zone's place, else that of its country, else nowhere with UTC."""
    return _table().get(zone) or _table().get(zone.partition("-")[0]) or Place()
