"""The services of intensity that the settings name, ready to be asked by the control plane."""

from collections.abc import Callable, Mapping, Sequence

from lichen.carbon.grids.electricitymaps import ElectricityMaps
from lichen.carbon.grids.entsoe import Entsoe
from lichen.carbon.grids.neso import Neso
from lichen.carbon.grids.service import IntensityService
from lichen.carbon.grids.watttime import WattTime
from lichen.carbon.grids.web import Web
from lichen.server.pricing import services_named
from lichen.server.sections import CarbonSettings


def services(settings: CarbonSettings) -> Sequence[IntensityService]:
    """The services, first asked first.

    Raises:
        InvalidInput: what one of them needs is not set, or an address is none.
    """
    return [_SERVICES[name](settings) for name in services_named(settings)]


def _electricitymaps(settings: CarbonSettings) -> IntensityService:
    return ElectricityMaps(settings.electricitymaps_token or "", Web(settings.electricitymaps_url))


def _neso(settings: CarbonSettings) -> IntensityService:
    return Neso(Web(settings.neso_url))


def _entsoe(settings: CarbonSettings) -> IntensityService:
    return Entsoe(settings.entsoe_token or "", Web(settings.entsoe_url))


def _watttime(settings: CarbonSettings) -> IntensityService:
    return WattTime(
        settings.watttime_user or "",
        settings.watttime_password or "",
        settings.watttime_region or "",
        Web(settings.watttime_url),
    )


_SERVICES: Mapping[str, Callable[[CarbonSettings], IntensityService]] = {
    "electricitymaps": _electricitymaps,
    "neso": _neso,
    "entsoe": _entsoe,
    "watttime": _watttime,
}
