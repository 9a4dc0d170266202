"""What the planner may know of the grid, without NumPy: where it comes from, and when it is new."""

from dataclasses import dataclass
from datetime import datetime

from lichen.carbon.intensity import checked_zone
from lichen.carbon.outlook.archive import ZoneHistory
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.pricing import CONSTANT, order
from lichen.server.sections import CarbonSettings


@dataclass(frozen=True, slots=True)
class Grid:
    """What is known of one zone: a constant, its past, or nothing, and then why."""

    zone: str
    constant: float | None = None
    history: ZoneHistory | None = None
    silence: str = ""


class Foreseen:
    """Answers for the zone of this platform."""

    def __init__(self, settings: CarbonSettings, histories: ZoneHistories) -> None:
        self.zone = checked_zone(settings.zone)
        self._settings = settings
        self._histories = histories

    def stamp(self, now: datetime) -> object:
        """Changes when there may be more to know: a new hour, or new values; it costs a glance."""
        return self._histories.stamp(self.zone), f"{now:%Y-%m-%dT%H}"

    def grid(self) -> Grid:
        """All that is known.

        Raises:
            LichenError: the history cannot be read.
        """
        if next(iter(order(self._settings))) == CONSTANT:
            return Grid(self.zone, constant=self._settings.intensity_g_per_kwh)
        if not self._settings.outlook:
            return Grid(self.zone, silence="the setting `outlook` is off")
        history = self._histories.of(self.zone)
        if history is None:
            return Grid(self.zone, silence=f"no hourly intensity of {self.zone} was ever recorded")
        return Grid(self.zone, history=history)
