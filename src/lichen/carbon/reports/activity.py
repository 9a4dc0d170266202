"""What the ledger holds of a span: energy and carbon by account and by grid, split exactly.

Grams are booked as one figure (L3). What of them is electricity follows from the booked energy
and the basis of the entry: O = E x I x PUE (C1); the rest is embodied, so the two always sum to
what was booked. An adjustment corrects an intensity, and is electricity alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.postings import Basis
from lichen.carbon.reports.amounts import NOTHING, Amount, exactly
from lichen.carbon.shares import Extent, Share
from lichen.core.figures import Method
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH
from lichen.energy.closing import HOST_OTHER, IDLE, METER

WORK = "work/"
_NG_PER_NJ = Fraction(NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH)
"""Nanograms of one nanojoule at 1 g/kWh."""
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


@dataclass(frozen=True, slots=True)
class Activity:
    """A span of the ledger, ready for a report.

    `grids` holds what of the platform's energy was priced by whom; what other programs on the host
    used is in `accounts` under `host/other` alone.
    """

    extent: Extent
    accounts: Mapping[str, Footprint]
    grids: Mapping[Grid, Footprint]
    meters: tuple[str, ...]
    pues: tuple[float, ...]
    embodied: tuple[str, ...]

    @property
    def platform(self) -> Footprint:
        """All that the meter read but what other programs used."""
        return _sum(self.grids.values())

    @property
    def outside(self) -> Footprint:
        """What other programs on this host used."""
        return self.accounts.get(HOST_OTHER, EMPTY)

    @property
    def shared(self) -> Footprint:
        """Idle, overhead, work in progress and variance: reserved for all work together."""
        return _sum(made for name, made in self.accounts.items() if _is_shared(name))

    @property
    def idle(self) -> Footprint:
        """What the host drew for being there."""
        return self.accounts.get(IDLE, EMPTY)

    def work(self) -> Mapping[str, Footprint]:
        """The accounts of work."""
        return {name: made for name, made in self.accounts.items() if name.startswith(WORK)}


def activity(extent: Extent, shares: Iterable[Share]) -> Activity:
    """The footprints of a span's shares."""
    sums = _Sums()
    for share in shares:
        if share.account != METER:
            sums.add(share, _footprint(share))
    return Activity(
        extent,
        dict(sorted(sums.accounts.items())),
        {grid: sums.grids[grid] for grid in sorted(sums.grids)},
        tuple(sorted(sums.meters)),
        tuple(sorted(sums.pues)),
        tuple(sorted(sums.embodied)),
    )


@dataclass(slots=True)
class _Sums:
    accounts: dict[str, Footprint] = field(default_factory=lambda: defaultdict(Footprint))
    grids: dict[Grid, Footprint] = field(default_factory=lambda: defaultdict(Footprint))
    meters: set[str] = field(default_factory=set)
    pues: set[float] = field(default_factory=set)
    embodied: set[str] = field(default_factory=set)

    def add(self, share: Share, made: Footprint) -> None:
        self.accounts[share.account] += made
        if share.account != HOST_OTHER:
            self.grids[grid_of(share.basis)] += made
        self.meters.add(share.basis.meter)
        self.pues.add(share.basis.pue)
        if share.basis.embodied is not None:
            self.embodied.add(share.basis.embodied)


def grid_of(basis: Basis) -> Grid:
    """Whose word the basis's intensity is."""
    told = basis.intensity
    source = told.source.partition(_CARRIED)[0]
    return Grid(told.zone, source, told.signal, told.scope, told.kind)


@dataclass(frozen=True, slots=True)
class _Factors:
    """A basis as exact multipliers of a nanojoule."""

    energy: tuple[Fraction, Fraction]
    pue: Fraction
    carbon: tuple[Fraction, Fraction, Fraction]
    embodied: tuple[Fraction, Fraction] | None


@lru_cache(maxsize=4096)
def _factors(basis: Basis) -> _Factors:
    pue, told = exactly(basis.pue), basis.intensity
    ends = basis.embodied_low, basis.embodied_high
    return _Factors(
        (exactly(basis.energy_low), exactly(basis.energy_high)),
        pue,
        (
            exactly(told.g_per_kwh) * pue * _NG_PER_NJ,
            exactly(told.low) * pue * _NG_PER_NJ,
            exactly(told.high) * pue * _NG_PER_NJ,
        ),
        None if None in ends else (exactly(ends[0] or 0), exactly(ends[1] or 0)),
    )


def _footprint(share: Share) -> Footprint:
    if share.is_adjustment:
        moved = Amount(share.ng, share.ng, share.ng)
        return Footprint(operational=moved, grid=moved)
    factors = _factors(share.basis)
    low, high = factors.energy
    energy = Amount(share.nj, round(share.nj * low), round(share.nj * high))
    middle, least, most = factors.carbon
    operational_ng = share.ng if share.basis.embodied is None else round(share.nj * middle)
    return Footprint(
        energy,
        energy.times(factors.pue),
        Amount(operational_ng, round(share.nj * low * least), round(share.nj * high * most)),
        Amount(operational_ng, round(share.nj * least), round(share.nj * most)),
        _embodied(share.ng - operational_ng, factors.embodied),
        share.units,
        frozenset({share.basis.method}),
    )


def _embodied(ng: int, ends: tuple[Fraction, Fraction] | None) -> Amount:
    if not ng:
        return NOTHING
    if ends is None:
        return Amount(ng, None, None)
    return Amount(ng, round(ng * ends[0]), round(ng * ends[1]))


def _is_shared(account: str) -> bool:
    return not account.startswith(WORK) and account not in (METER, HOST_OTHER)


def _sum(footprints: Iterable[Footprint]) -> Footprint:
    return sum(footprints, EMPTY)
