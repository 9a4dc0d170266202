"""From what a grid generates, by kind of plant, to grams: life-cycle factors times the mix.

Medians of IPCC AR5, Working Group III, Annex III, table A.III.2 (2014), in gCO2e/kWh. It has no
figures of oil, oil shale, waste and plants of unknown kind. Electricity Maps' defaults stand in:
oil 650 (UK Parliamentary Office of Science and Technology), unknown 700 (taken for thermal); for
oil shale Estonia's, 1515 (EASAC 2007). Lignite and peat count as coal: too low for them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lichen.core.errors import InvalidInput

FACTORS_SOURCE = "IPCC AR5 2014 life-cycle medians"

LIFECYCLE_G_PER_KWH: Mapping[str, float] = MappingProxyType(
    {
        "B01": 230.0,  # biomass
        "B02": 820.0,  # lignite
        "B03": 820.0,  # gas made of coal
        "B04": 490.0,  # gas
        "B05": 820.0,  # hard coal
        "B06": 650.0,  # oil
        "B07": 1515.0,  # oil shale
        "B08": 820.0,  # peat
        "B09": 38.0,  # geothermal
        "B11": 24.0,  # run of river
        "B12": 24.0,  # reservoirs
        "B13": 17.0,  # the sea
        "B14": 12.0,  # nuclear
        "B15": 38.0,  # other renewables, as geothermal
        "B16": 48.0,  # solar, of utility scale
        "B17": 700.0,  # waste
        "B18": 12.0,  # wind offshore
        "B19": 11.0,  # wind onshore
        "B20": 700.0,  # other
    }
)
"""By ENTSO-E's codes of plants (psrType)."""

STORES = frozenset({"B10", "B25"})
"""Pumped water and batteries: they give back what the mix made before, so they have its average."""


def intensity_of(mix_mw: Mapping[str, float]) -> float:
    """gCO2e/kWh of a generation mix in MW by psrType; stores are left out.

    Raises:
        InvalidInput: nothing is generated, or a kind of plant is unknown or negative.
    """
    total = grams = 0.0
    for kind, mw in mix_mw.items():
        if kind in STORES:
            continue
        if kind not in LIFECYCLE_G_PER_KWH or not mw >= 0:
            raise InvalidInput(f"{mw:g} MW of psrType {kind} cannot be counted")
        total += mw
        grams += mw * LIFECYCLE_G_PER_KWH[kind]
    if not total > 0:
        raise InvalidInput("nothing is generated")
    return grams / total
