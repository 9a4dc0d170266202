"""Figures of energy and carbon that say how they were obtained and how sure they are (M4, M5)."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.units import Nanograms, Nanojoules


class Method(StrEnum):
    """How a figure was obtained (M4)."""

    MEASURED = "measured"
    MODELLED = "modelled"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class EnergyFigure:
    """Energy with its 90 % interval (M4); `source` names the meter or the model and its version."""

    nj: Nanojoules
    nj_low: Nanojoules
    nj_high: Nanojoules
    method: Method
    source: str


@dataclass(frozen=True, slots=True)
class CarbonFigure:
    """Carbon with its 90 % interval; `source` names the intensity used (C2)."""

    ng: Nanograms
    ng_low: Nanograms
    ng_high: Nanograms
    zone: str
    source: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one unit of work cost: final once issued, and exactly what the ledger debits (A3).

    `carbon` is absent, never 0, when no intensity is known for the zone (M5);
    `at` is whole seconds UTC since 1970.
    """

    energy: EnergyFigure
    carbon: CarbonFigure | None
    at: int
    variant: str | None = None
