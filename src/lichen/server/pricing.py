"""What a joule costs in grams on this machine now: settings into carbon's sources, in order."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lichen.carbon.footprint import DEFAULT_HOST, CarbonRate, HostEmbodied
from lichen.carbon.grids.averages import WorldAverage, YearlyAverages
from lichen.carbon.grids.fixed import ConstantIntensity, read_series
from lichen.carbon.grids.kept import KeptIntensity, kept_file
from lichen.carbon.intensity import FallbackChain, IntensitySource, checked_zone
from lichen.core.errors import InvalidInput
from lichen.server.sections import CarbonSettings

_PERIOD_SECONDS = 60
CONSTANT, FILE, AVERAGES = "constant", "file", "averages"
SERVICE_NEEDS: Mapping[str, Sequence[str]] = {
    "electricitymaps": ("electricitymaps_token",),
    "neso": (),
    "entsoe": ("entsoe_token",),
    "watttime": ("watttime_user", "watttime_password", "watttime_region"),
}
"""The services by name, and the settings without which each cannot be asked."""


@dataclass(slots=True)
class Pricing:
    """The carbon rate of each minute: one for all processes that read the same settings."""

    chain: FallbackChain
    zone: str
    pue: float
    embodied: HostEmbodied
    _minute: int = -1
    _rate: CarbonRate | None = None

    @property
    def kept(self) -> Sequence[KeptIntensity]:
        """The sources whose values may be revised after they were used."""
        return [source for source in self.chain.sources if isinstance(source, KeptIntensity)]

    def rate(self, moment: datetime) -> CarbonRate:
        """What holds at the moment; the same object all through a minute."""
        minute = int(moment.timestamp()) // _PERIOD_SECONDS
        if self._rate is None or minute != self._minute:
            self._minute = minute
            self._rate = CarbonRate(self.chain.at(self.zone, moment), self.pue, self.embodied)
        return self._rate


def pricing(settings: CarbonSettings, folder: Path) -> Pricing:
    """The sources that the settings name, in their order, then the world's average.

    What services said is read from `folder`, where the control plane keeps it.

    Raises:
        InvalidInput: the zone, the order, a token or the file is not usable.
        NotFound: there is no such file.
    """
    zone = checked_zone(settings.zone)
    local: Mapping[str, Callable[[], IntensitySource]] = {
        CONSTANT: lambda: _constant(settings),
        FILE: lambda: _series(settings, zone),
        AVERAGES: YearlyAverages,
    }
    services = services_named(settings)
    sources = [
        KeptIntensity(name, kept_file(folder, name)) if name in services else local[name]()
        for name in order(settings)
    ]
    return Pricing(
        FallbackChain((*sources, WorldAverage())), zone, settings.pue, _embodied(settings)
    )


def order(settings: CarbonSettings) -> Sequence[str]:
    """The names of the sources, first asked first.

    Raises:
        InvalidInput: one is unknown or named twice.
    """
    if settings.intensity_sources is None:
        return _usual_order(settings)
    names = [name.strip().lower() for name in settings.intensity_sources.split(",")]
    known = (CONSTANT, FILE, *SERVICE_NEEDS, AVERAGES)
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"setting intensity_sources names {name!r}: choose from {', '.join(known)}"
            )
    if len(set(names)) < len(names):
        raise InvalidInput("setting intensity_sources names a source twice: name each once")
    return names


def _usual_order(settings: CarbonSettings) -> Sequence[str]:
    given = {
        CONSTANT: settings.intensity_g_per_kwh is not None,
        FILE: settings.intensity_file is not None,
        "electricitymaps": settings.electricitymaps_token is not None,
        "entsoe": settings.entsoe_token is not None,
    }
    return [*(name for name, is_given in given.items() if is_given), AVERAGES]


def services_named(settings: CarbonSettings) -> Sequence[str]:
    """Those of the order that are asked over the network.

    Raises:
        InvalidInput: what one of them needs is not set.
    """
    names = [name for name in order(settings) if name in SERVICE_NEEDS]
    for name in names:
        for setting in SERVICE_NEEDS[name]:
            if getattr(settings, setting) is None:
                raise InvalidInput(
                    f"setting intensity_sources names {name}, which needs {setting}: set it, or "
                    f"take {name} out"
                )
    return names


def _constant(settings: CarbonSettings) -> IntensitySource:
    if settings.intensity_g_per_kwh is None:
        raise InvalidInput("setting intensity_sources names constant: set intensity_g_per_kwh")
    return ConstantIntensity(settings.intensity_g_per_kwh)


def _series(settings: CarbonSettings, zone: str) -> IntensitySource:
    if settings.intensity_file is None:
        raise InvalidInput("setting intensity_sources names file: set intensity_file")
    return read_series(settings.intensity_file, zone)


def _embodied(settings: CarbonSettings) -> HostEmbodied:
    threads = os.cpu_count() or 1
    stated, years = settings.embodied_kg_per_thread, settings.host_life_years
    if stated is None:
        return HostEmbodied(
            threads, life_years=years, source=f"{DEFAULT_HOST} over {years:g} years"
        )
    said = f": {settings.embodied_source}" if settings.embodied_source else ""
    source = f"stated by the operator{said}, {stated:g} kg a thread over {years:g} years"
    return HostEmbodied(threads, stated, stated, stated, years, source)
