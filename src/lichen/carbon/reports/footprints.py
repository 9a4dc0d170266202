"""Energy and carbon of something, with intervals, and whose word an intensity was."""

from dataclasses import dataclass

from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.ledger.postings import Basis
from lichen.carbon.reports.amounts import NOTHING, Amount
from lichen.core.figures import Method

_CARRIED = "; carried on from "
"""What a source adds when it carries its last value on; the source stays the same."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Energy and carbon of something; energies in nanojoules, carbon in nanograms.

    `facility` is `energy` with the building's overhead (PUE). `grid` is `operational` with the
    ends of the intensity alone, to tell the mean intensity from.
    """

    energy: Amount = NOTHING
    facility: Amount = NOTHING
    operational: Amount = NOTHING
    grid: Amount = NOTHING
    embodied: Amount = NOTHING
    units: int = 0
    methods: frozenset[Method] = frozenset()

    def __add__(self, other: "Footprint") -> "Footprint":
        """Both together."""
        return Footprint(
            self.energy + other.energy,
            self.facility + other.facility,
            self.operational + other.operational,
            self.grid + other.grid,
            self.embodied + other.embodied,
            self.units + other.units,
            self.methods | other.methods,
        )

    @property
    def total(self) -> Amount:
        """Electricity and embodied, in nanograms: what was booked."""
        return self.operational + self.embodied

    @property
    def method(self) -> str:
        """How its energy was obtained (M4)."""
        return next(iter(self.methods)) if len(self.methods) == 1 else Method.MIXED


EMPTY = Footprint()


@dataclass(frozen=True, slots=True, order=True)
class Grid:
    """One source's word on one zone: what an intensity was."""

    zone: str
    source: str
    signal: Signal
    scope: Scope
    kind: Kind


def grid_of(basis: Basis) -> Grid:
    """Whose word the basis's intensity is."""
    told = basis.intensity
    source = told.source.partition(_CARRIED)[0]
    return Grid(told.zone, source, told.signal, told.scope, told.kind)
