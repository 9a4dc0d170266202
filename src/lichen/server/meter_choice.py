"""From the settings to the meter that they ask for."""

from dataclasses import replace

from lichen.energy.probe import THIS_HOST, HostPaths, MeterChoice
from lichen.server.home import Home
from lichen.server.sections import Settings


def host_paths(settings: Settings) -> HostPaths:
    """Where this host shows its meters, and where its calibration stands."""
    return replace(
        THIS_HOST,
        powercap=settings.energy.powercap,
        calibration=Home(settings.home).calibration,
    )


def meter_choice(settings: Settings) -> MeterChoice:
    """Which meter the settings ask for, and where this host shows it."""
    energy = settings.energy
    return MeterChoice(
        energy.meter, energy.accelerators, energy.prometheus_url, host_paths(settings)
    )
