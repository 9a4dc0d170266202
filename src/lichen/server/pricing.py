"""What a joule costs in grams on this machine now: settings into carbon's sources, in order."""

import os
from dataclasses import dataclass
from datetime import datetime

from lichen.carbon.averages import WorldAverage, YearlyAverages
from lichen.carbon.fixed import ConstantIntensity, read_series
from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.intensity import FallbackChain, IntensitySource, checked_zone
from lichen.server.settings import CarbonSettings

_PERIOD_SECONDS = 60


@dataclass(slots=True)
class Pricing:
    """The carbon rate of each minute: one for all processes that read the same settings."""

    chain: FallbackChain
    zone: str
    pue: float
    embodied: HostEmbodied
    _minute: int = -1
    _rate: CarbonRate | None = None

    def rate(self, moment: datetime) -> CarbonRate:
        """What holds at the moment; the same object all through a minute."""
        minute = int(moment.timestamp()) // _PERIOD_SECONDS
        if self._rate is None or minute != self._minute:
            self._minute = minute
            self._rate = CarbonRate(self.chain.at(self.zone, moment), self.pue, self.embodied)
        return self._rate


def pricing(settings: CarbonSettings) -> Pricing:
    """The sources that the settings name, then the yearly averages that ship with the package.

    Raises:
        InvalidInput: the zone or the file is not usable.
        NotFound: there is no such file.
    """
    zone = checked_zone(settings.zone)
    sources: list[IntensitySource] = []
    if settings.intensity_g_per_kwh is not None:
        sources.append(ConstantIntensity(settings.intensity_g_per_kwh))
    if settings.intensity_file is not None:
        sources.append(read_series(settings.intensity_file, zone))
    chain = FallbackChain((*sources, YearlyAverages(), WorldAverage()))
    return Pricing(chain, zone, settings.pue, _embodied(settings))


def _embodied(settings: CarbonSettings) -> HostEmbodied:
    threads = os.cpu_count() or 1
    stated = settings.embodied_kg_per_thread
    if stated is None:
        return HostEmbodied(threads, life_years=settings.host_life_years)
    return HostEmbodied(
        threads, stated, stated, stated, settings.host_life_years, "stated by the operator"
    )
