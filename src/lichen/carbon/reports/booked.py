"""From booked sums to footprints, in whole numbers (A5).

Grams are booked as one figure (L3). What of them is electricity follows from the booked energy
and the basis of the entry: O = E x I x PUE (C1); the rest is embodied, so the two always sum to
what was booked. An adjustment corrects an intensity, and is electricity alone.

A month holds a quarter of a million sums of one account on one basis, most of which differ in the
intensity alone: those are added up in place, and become one footprint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from lichen.carbon.ledger.postings import Basis
from lichen.carbon.ledger.shares import Share
from lichen.carbon.reports.amounts import NOTHING, Amount, exactly, rounded
from lichen.carbon.reports.footprints import Footprint, Grid, grid_of
from lichen.core.figures import Method
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH
from lichen.energy.closing import IDLE

NG_PER_NJ = Fraction(NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH)
"""Nanograms of one nanojoule at 1 g/kWh."""


@dataclass(frozen=True, slots=True)
class Terms:
    """All that a basis says but the number of its intensity."""

    grid: Grid
    meter: str
    method: Method
    energy: tuple[float, float]
    pue: float
    embodied: str | None
    embodied_ends: tuple[float | None, float | None]


@dataclass(slots=True)
class Group:
    """Sums of one account on the same terms: nanojoules and nanograms."""

    nj: int = 0
    ng: int = 0
    units: int = 0
    operational: int = 0
    operational_low: int = 0
    operational_high: int = 0
    grid_low: int = 0
    grid_high: int = 0

    def add(self, share: Share, price: "_Price") -> None:
        """One more share."""
        self.ng += share.ng
        if share.is_adjustment:
            self.operational += share.ng
            self.operational_low += share.ng
            self.operational_high += share.ng
            self.grid_low += share.ng
            self.grid_high += share.ng
            return
        nj = share.nj
        middle, low, high, grid_low, grid_high = price.carbon
        self.nj += nj
        self.units += share.units
        self.operational += share.ng if price.is_bare else rounded(nj * middle[0], middle[1])
        self.operational_low += rounded(nj * low[0], low[1])
        self.operational_high += rounded(nj * high[0], high[1])
        self.grid_low += rounded(nj * grid_low[0], grid_low[1])
        self.grid_high += rounded(nj * grid_high[0], grid_high[1])

    def footprint(self, terms: Terms) -> Footprint:
        """All of it."""
        low, high = (exactly(end) for end in terms.energy)
        energy = Amount(self.nj, round(self.nj * low), round(self.nj * high))
        return Footprint(
            energy,
            energy.times(exactly(terms.pue)),
            Amount(self.operational, self.operational_low, self.operational_high),
            Amount(self.operational, self.grid_low, self.grid_high),
            _embodied(self.ng - self.operational, terms.embodied_ends),
            self.units,
            frozenset({terms.method}),
        )


@dataclass(frozen=True, slots=True)
class _Price:
    """Nanograms of a nanojoule as ratios: middle, both ends, and both ends of the grid alone."""

    number: int
    is_bare: bool
    carbon: tuple[tuple[int, int], ...]


def grouped(shares: Iterable[Share]) -> list[tuple[str, Terms, Group]]:
    """The shares by account and terms, in the order in which they come."""
    numbers: dict[Terms, int] = {}
    # by identity: hashing a basis is dear
    prices: dict[tuple[int, bool], tuple[Basis, _Price]] = {}
    groups: dict[tuple[str, int], Group] = {}
    for share in shares:
        priced = id(share.basis), share.account == IDLE
        kept = prices.get(priced)
        if kept is None:
            basis = _of_idle(share.basis) if share.account == IDLE else share.basis
            number = numbers.setdefault(_terms(basis), len(numbers))
            kept = prices[priced] = (share.basis, _price(basis, number))
        price = kept[1]
        key = share.account, price.number
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group()
        group.add(share, price)
    terms = list(numbers)
    return [(account, terms[number], group) for (account, number), group in groups.items()]


def _of_idle(basis: Basis) -> Basis:
    """With the interval of idle energy, where the meter knew it apart (M4)."""
    if basis.idle_low is None or basis.idle_high is None:
        return basis
    return replace(basis, energy_low=basis.idle_low, energy_high=basis.idle_high)


def _terms(basis: Basis) -> Terms:
    return Terms(
        grid_of(basis),
        basis.meter,
        basis.method,
        (basis.energy_low, basis.energy_high),
        basis.pue,
        basis.embodied,
        (basis.embodied_low, basis.embodied_high),
    )


def _price(basis: Basis, number: int) -> _Price:
    told, unit = basis.intensity, exactly(basis.pue) * NG_PER_NJ
    least, most = exactly(told.low) * unit, exactly(told.high) * unit
    ratios = (
        exactly(told.g_per_kwh) * unit,
        exactly(basis.energy_low) * least,
        exactly(basis.energy_high) * most,
        least,
        most,
    )
    return _Price(number, basis.embodied is None, tuple(one.as_integer_ratio() for one in ratios))


def _embodied(ng: int, ends: tuple[float | None, float | None]) -> Amount:
    low, high = ends
    if not ng:
        return NOTHING
    if low is None or high is None:
        return Amount(ng, None, None)
    return Amount(ng, round(ng * exactly(low)), round(ng * exactly(high)))
