"""GHG Protocol: scope 2 by location and by market, scope 3 categories 1 to 3.

Corporate Standard (2004), Scope 2 Guidance (2015), Corporate Value Chain (Scope 3) Standard (2011).
Life-cycle intensities hold what belongs to scope 3 category 3 (fuel, plants); it is taken out of
scope 2 where a direct factor is declared, and else said to be in it: nothing is counted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from lichen.carbon.intensity import Scope, Signal
from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.amounts import Amount, exactly, total
from lichen.carbon.reports.booked import NG_PER_NJ
from lichen.carbon.reports.boundary import FINAL, ROUNDING, boundary
from lichen.carbon.reports.declarations import Declarations, Declared
from lichen.carbon.reports.factors import carbon_origin, energy_origin, factors
from lichen.carbon.reports.figures import ALL_ENDS, Figure, Line, Origin, Section, absent, figure
from lichen.carbon.reports.footprints import EMPTY, Footprint
from lichen.carbon.reports.savings import Saving, savings_section

TITLE = "Greenhouse gas inventory of AI work (GHG Protocol)"
NOTES = (
    "Scope 2 Guidance (2015), chapter 7: both the location-based and the market-based figure are "
    "reported; the market-based one needs an instrument that meets its quality criteria.",
    "Scope 3 Standard (2011), chapter 5: capital goods are accounted whole in the year in which "
    "they are acquired. Category 2 here is the share of use of the span (ISO/IEC 21031), to manage "
    "and to compare; an inventory by the Standard takes the maker's whole figure once instead.",
    "Scope 3 categories 4 to 15 and the loss of refrigerants are outside: no meter here sees them.",
    FINAL,
    ROUNDING,
)
OWNED, RENTED = "owned", "rented"
_UNIT = "kgCO2e"
_LOCATION = Line(
    "scope2.location", "Scope 2, location-based", _UNIT, "purchased electricity x grid average"
)
_MARKET = Line(
    "scope2.market", "Scope 2, market-based", _UNIT, "purchased electricity x market factor"
)
_SERVICES = Line(
    "scope3.1", "Scope 3 category 1: hosting as a service", _UNIT, "E x I x PUE + M of rented hosts"
)
_CAPITAL = Line(
    "scope3.2", "Scope 3 category 2: capital goods, share of use", _UNIT, "M = TE x TS x RS"
)
_UPSTREAM = Line(
    "scope3.3", "Scope 3 category 3: upstream of electricity", _UNIT, "E x (life-cycle - direct)"
)
_UNDECLARED = (
    "whether the host is owned or rented is not declared, and that decides the scope: set "
    "host_ownership"
)
_RENTED = "the host is rented: its electricity is bought by its owner and stands in category 1"


@dataclass(frozen=True, slots=True)
class _Parts:
    """The platform's footprint by the scope of the intensity that priced it."""

    lifecycle: Footprint
    direct: Footprint
    marginal: tuple[str, ...]


def sections(
    activity: Activity, declarations: Declarations, savings: tuple[Saving, ...] = ()
) -> tuple[Section, ...]:
    """Activity data, the scopes, the totals, the factors."""
    inventory = _inventory(activity, declarations)
    return (
        boundary(activity),
        Section("Activity data", tuple(_activity_data(activity))),
        Section("Scopes", tuple(inventory), notes=_notes(declarations)),
        Section("Totals", tuple(_totals(activity, inventory))),
        factors(activity, declarations),
        savings_section(savings),
    )


def _notes(declarations: Declarations) -> tuple[str, ...]:
    if declarations.ownership is None:
        return ()
    return (f"The operator declares the host {declarations.ownership} (setting host_ownership).",)


def _activity_data(activity: Activity) -> Iterator[Figure]:
    made = activity.platform
    origin = energy_origin(activity, made)
    line = Line("energy.computers", "Electricity of the computers", "kWh", "meter - host/other")
    yield figure(line, made.energy, origin)
    line = Line("energy.purchased", "Electricity with the building's", "kWh", "computers x PUE")
    yield figure(line, made.facility, origin)


def _inventory(activity: Activity, declarations: Declarations) -> list[Figure]:
    scope1 = Line("scope1", "Scope 1", _UNIT, "fuel burnt on site")
    first = absent(scope1, "no meter here sees fuel, generators or refrigerants: ask who runs them")
    match declarations.ownership:
        case "owned":
            return [first, *_owned(activity, declarations)]
        case "rented":
            return [first, *_rented(activity)]
        case _:
            rest = (_LOCATION, _MARKET, _SERVICES, _CAPITAL, _UPSTREAM)
            return [first, *(absent(line, _UNDECLARED) for line in rest)]


def _rented(activity: Activity) -> Iterator[Figure]:
    made = activity.platform
    yield absent(_LOCATION, _RENTED)
    yield absent(_MARKET, _RENTED)
    yield figure(_SERVICES, made.total, carbon_origin(activity, made))
    yield absent(_CAPITAL, "the host is rented: its making is its owner's, and in category 1")
    yield absent(_UPSTREAM, "the host is rented: what is upstream of its power is in category 1")


def _owned(activity: Activity, declarations: Declarations) -> Iterator[Figure]:
    parts = _parts(activity)
    yield _location(activity, parts, declarations.direct)
    yield _market(activity, declarations)
    yield absent(_SERVICES, "the host is owned; what else was bought no meter here sees")
    yield _capital(activity)
    yield _upstream(activity, parts, declarations)


def _parts(activity: Activity) -> _Parts:
    lifecycle = direct = EMPTY
    marginal: list[str] = []
    for grid, made in activity.grids.items():
        if grid.signal is Signal.MARGINAL:
            marginal.append(f"{grid.zone}: {grid.source}")
        if grid.scope is Scope.LIFECYCLE:
            lifecycle += made
        else:
            direct += made
    return _Parts(lifecycle, direct, tuple(marginal))


def _location(activity: Activity, parts: _Parts, direct: Declared | None) -> Figure:
    if parts.marginal:
        return absent(_LOCATION, _marginal(parts))
    origin = carbon_origin(activity, activity.platform)
    if not parts.lifecycle.methods:
        return figure(_LOCATION, parts.direct.operational, origin)
    if direct is None or direct.source is None:
        said = "life-cycle intensities: what is upstream (category 3) is in this figure"
        amount = parts.lifecycle.operational + parts.direct.operational
    else:
        said = f"of the life-cycle intensities {direct.value:g} g/kWh direct, {direct.source}"
        amount = _priced(parts.lifecycle, direct) + parts.direct.operational
    return figure(
        _LOCATION, amount, Origin(origin.method, f"{origin.provenance}; {said}", ALL_ENDS)
    )


def _marginal(parts: _Parts) -> str:
    return (
        "marginal intensities priced some of the energy, and scope 2 asks for the average of the "
        f"grid: {'; '.join(parts.marginal)}"
    )


def _market(activity: Activity, declarations: Declarations) -> Figure:
    market = declarations.market
    if market is None:
        return absent(
            _MARKET,
            "no instrument, supplier's rate or residual mix is declared: set "
            "market_g_per_kwh and what belongs to it",
        )
    if market.lacks:
        return absent(
            _MARKET,
            f"market_g_per_kwh is declared without evidence: set {', '.join(market.lacks)}",
        )
    made = activity.platform
    said = (
        f"{market.g_per_kwh:g} g/kWh by {market.instrument} ({market.source}); evidence: "
        f"{market.evidence}"
    )
    amount = made.facility.times(exactly(market.g_per_kwh) * NG_PER_NJ)
    origin = energy_origin(activity, made)
    return figure(_MARKET, amount, Origin(origin.method, f"{origin.provenance}; {said}"))


def _capital(activity: Activity) -> Figure:
    if not activity.embodied:
        return absent(_CAPITAL, "no embodied carbon was booked: set embodied_kg_per_thread")
    said = "; ".join(activity.embodied)
    return figure(_CAPITAL, activity.platform.embodied, Origin("modelled", said))


def _upstream(activity: Activity, parts: _Parts, declarations: Declarations) -> Figure:
    """Each part's upstream; what is in scope 2 already is not counted again."""
    if parts.marginal:
        return absent(_UPSTREAM, _marginal(parts))
    direct, upstream = declarations.direct, declarations.upstream
    amounts: list[Amount] = []
    said: list[str] = []
    if parts.direct.methods:
        if upstream is None or upstream.source is None:
            return absent(
                _UPSTREAM,
                "the intensity in force is direct and nobody declares what is upstream of it: set "
                "upstream_g_per_kwh and upstream_source",
            )
        amounts.append(_priced(parts.direct, upstream))
        said.append(f"upstream {upstream.value:g} g/kWh, {upstream.source}")
    if parts.lifecycle.methods and direct is not None and direct.source is not None:
        amounts.append(parts.lifecycle.operational - _priced(parts.lifecycle, direct))
        said.append(f"life-cycle less {direct.value:g} g/kWh direct, {direct.source}")
    return _upstream_sum(activity, amounts, said)


def _upstream_sum(activity: Activity, amounts: list[Amount], said: list[str]) -> Figure:
    if not amounts:
        return absent(
            _UPSTREAM,
            "the intensity in force is life-cycle and stands whole in scope 2: set "
            "direct_g_per_kwh and direct_source to tell the two apart",
        )
    amount = total(amounts)
    if amount.value < 0:
        return absent(
            _UPSTREAM, "direct_g_per_kwh is above the life-cycle intensity in force: correct it"
        )
    # Where a grid's clean hours lie below the declared direct factor, fuel and plants emit nothing
    # less than nothing: an end below 0 says that the factor is a mean.
    amount = replace(amount, low=None if amount.low is None else max(amount.low, 0))
    origin = energy_origin(activity, activity.platform)
    provenance = f"{origin.provenance}; {'; '.join(said)}"
    return figure(_UPSTREAM, amount, Origin(origin.method, provenance, ALL_ENDS))


def _priced(made: Footprint, factor: Declared) -> Amount:
    return made.facility.times(exactly(factor.value) * NG_PER_NJ)


def _totals(activity: Activity, inventory: list[Figure]) -> Iterator[Figure]:
    made = activity.platform
    line = Line("total.booked", "Booked in the ledger", _UNIT, "E x I x PUE + M")
    yield figure(line, made.total, carbon_origin(activity, made))
    known = {one.line.name: one for one in inventory if one.value is not None}
    yield _total("location", "scope2.market", _LOCATION, known)
    yield _total("market", "scope2.location", _MARKET, known)


def _total(by: str, without: str, scope2: Line, known: dict[str, Figure]) -> Figure:
    """Scope 2 by one method and every category known; a rented host has no scope 2."""
    line = Line(f"total.{by}", f"Total, {by}-based", _UNIT, "sum of the figures known above")
    is_rented = _SERVICES.name in known
    if scope2.name not in known and not (is_rented and by == "location"):
        return absent(line, f"{scope2.label} is not known")
    parts = [one for name, one in known.items() if name != without]
    names = ", ".join(one.line.name for one in parts)
    value, low, high = (_sum_of(parts, at) for at in range(3))
    return Figure(
        line, Origin(parts[0].origin.method, f"sum of {names}", ALL_ENDS), value, low, high,
        exact=sum(one.exact or 0 for one in parts), exact_unit="ng",
    )  # fmt: skip


def _sum_of(parts: list[Figure], at: int) -> Fraction | None:
    ends = [(one.value, one.low, one.high)[at] for one in parts]
    return sum((end for end in ends if end is not None), Fraction()) if None not in ends else None
