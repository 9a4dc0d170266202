"""What the grams stand on: intensities by source, PUE, embodied carbon; said once a report (C2)."""

from collections.abc import Iterator
from fractions import Fraction

from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.amounts import exactly
from lichen.carbon.reports.booked import NG_PER_NJ
from lichen.carbon.reports.declarations import Declarations
from lichen.carbon.reports.figures import (
    ALL_ENDS,
    NOT_STATED,
    Figure,
    Line,
    Origin,
    Section,
    absent,
    declared,
    figure,
    ratio,
    shown,
)
from lichen.carbon.reports.footprints import Footprint
from lichen.core.units import NANOJOULES_PER_KWH

_MOST_NAMED = 3


def energy_origin(activity: Activity, made: Footprint) -> Origin:
    """How an energy of the ledger was obtained."""
    meters = ", ".join(activity.meters)
    return Origin(_method(activity, made), f"{_as_of(activity)}; meter: {meters}")


def carbon_origin(activity: Activity, made: Footprint) -> Origin:
    """How grams of the ledger were obtained."""
    grids = list(activity.grids)
    sources = list(dict.fromkeys(f"{one.zone}: {one.source}" for one in grids))
    named = "; ".join(sources)
    if len(sources) > _MOST_NAMED:
        named = f"{len(sources)} sources of intensity, listed under Factors"
    return Origin(_method(activity, made), f"{_as_of(activity)}; {named}", interval=ALL_ENDS)


def intensity(
    line: Line, activity: Activity, made: Footprint, said: str = "sources under Factors"
) -> Figure:
    """The mean intensity of a footprint: its operational grams over its building's energy."""
    facility = made.facility.value
    if facility <= 0:
        return absent(line, "no energy was used in the span")
    origin = Origin("calculated", f"{_as_of(activity)}; {said}")
    return ratio(line, made.grid, facility * NG_PER_NJ, origin)


def factors(activity: Activity, declarations: Declarations) -> Section:
    """All factors, each with its source."""
    figures = [*_intensities(activity), *_pue(activity), *_embodied(activity)]
    figures.append(water(activity, declarations))
    return Section("Factors", tuple(figures))


def _intensities(activity: Activity) -> Iterator[Figure]:
    for number, (grid, made) in enumerate(activity.grids.items(), start=1):
        line = Line(
            f"factor.intensity.{number}",
            f"Intensity of {grid.zone}: {grid.source} ({grid.signal}, {grid.scope}, {grid.kind})",
            "gCO2e/kWh",
            "mean of what was booked, weighted by energy: O / E",
        )
        yield intensity(line, activity, made, f"{grid.source}; {_energy_share(activity, made)}")


def _energy_share(activity: Activity, made: Footprint) -> str:
    """How much of the platform's energy it priced."""
    whole = activity.platform.facility.value
    percent = Fraction(100 * made.facility.value, whole) if whole else Fraction()
    return f"{shown(round(percent, 2))} % of the energy"


def _pue(activity: Activity) -> Iterator[Figure]:
    for number, pue in enumerate(activity.pues, start=1):
        said = "setting pue" if pue != 1 else "taken where none is set: counts no building"
        line = Line(f"factor.pue.{number}", "Power usage effectiveness", "1", "C1: O = E x I x PUE")
        yield declared(line, exactly(pue), said)


def _embodied(activity: Activity) -> Iterator[Figure]:
    line = Line(
        "factor.embodied",
        "Embodied carbon, whole platform",
        "gCO2e",
        "M = TE x TS x RS: kg a hardware thread x time used / expected life (ISO/IEC 21031)",
    )
    if not activity.embodied:
        yield absent(line, "no embodied carbon was booked: set embodied_kg_per_thread")
        return
    made = activity.platform
    said = "; ".join(activity.embodied)
    has_ends = made.embodied.low is not None
    origin = Origin("modelled", said, "of the source" if has_ends else NOT_STATED)
    yield figure(line, made.embodied, origin)


def water(activity: Activity, declarations: Declarations) -> Figure:
    """Water used on site: the computers' energy x WUE (ISO/IEC 30134-9)."""
    line = Line(
        "water",
        "Water used on site, whole platform",
        "L",
        "E of the computers x WUE (ISO/IEC 30134-9)",
    )
    stated = declarations.water_l_per_kwh
    if stated is None:
        return absent(line, "no water usage effectiveness is declared: set water_l_per_kwh")
    if stated.source is None:
        return absent(line, "water_l_per_kwh is declared without a source: set water_source")
    made = activity.platform
    origin = Origin(made.method, f"WUE {stated.value:g} L/kWh: {stated.source}")
    if not stated.value:
        return declared(line, Fraction(0), origin.provenance)
    return ratio(line, made.energy, NANOJOULES_PER_KWH / exactly(stated.value), origin)


def _method(activity: Activity, made: Footprint) -> str:
    """Its own, or where nothing was booked to it that of the meter which saw nothing."""
    return made.method if made.methods else activity.platform.method


def _as_of(activity: Activity) -> str:
    return f"ledger as of entry {activity.extent.as_of}"
