"""Software Carbon Intensity, ISO/IEC 21031:2024: SCI = (E x I + M) per R (C4).

E is the energy of the computers and of the building around them (PUE), reserved hardware included;
I the location-based intensity of the grid; M the embodied share; R the functional unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from lichen.carbon.ledger.tenant_books import HIDDEN
from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.boundary import FINAL, ROUNDING, boundary
from lichen.carbon.reports.declarations import Declarations
from lichen.carbon.reports.factors import carbon_origin, energy_origin, factors, intensity
from lichen.carbon.reports.figures import (
    ALL_ENDS,
    Figure,
    Line,
    Origin,
    Section,
    absent,
    counted,
    figure,
    ratio,
)
from lichen.carbon.reports.footprints import Footprint
from lichen.carbon.reports.savings import Saving, savings_section
from lichen.carbon.reports.subjects import POLICY, Borne, Subject, subjects
from lichen.core.errors import NotFound
from lichen.core.units import NANOGRAMS_PER_GRAM

TITLE = "Software Carbon Intensity (ISO/IEC 21031:2024)"
NOTES = (
    f"Reserved hardware: {POLICY}.",
    "I is location-based; certificates, contracts and offsets do not lower an SCI score.",
    "The functional unit R of a deployment is one answered request, of jobs one job, of a command "
    "one run; of the platform one answered request, so that training weighs on what it served.",
    FINAL,
    ROUNDING,
)


@dataclass(frozen=True, slots=True)
class _Scored:
    """What one score is about."""

    name: str
    title: str
    unit: str
    borne: Borne


def sections(
    activity: Activity,
    declarations: Declarations,
    savings: tuple[Saving, ...] = (),
    deployment: str | None = None,
) -> tuple[Section, ...]:
    """The whole platform, each deployment, each kind of job; or one deployment alone.

    Raises:
        NotFound: the deployment did no work in the span.
    """
    by_subject = subjects(activity)
    if deployment is not None:
        scored = [_of(_wanted(by_subject, deployment), by_subject)]
    else:
        scored = [_platform(activity, by_subject), *(_of(one, by_subject) for one in by_subject)]
    return (
        boundary(activity),
        *(Section(one.title, tuple(_figures(activity, one))) for one in scored),
        factors(activity, declarations),
        savings_section(savings),
    )


def _wanted(by_subject: Mapping[Subject, Borne], deployment: str) -> Subject:
    wanted = Subject("deployment", deployment)
    if wanted not in by_subject:
        there = (
            ", ".join(one.name for one in by_subject if one.is_deployment and one.name != HIDDEN)
            or "none"
        )
        raise NotFound(
            f"deployment {deployment!r} did no work in this span; those that did: {there}"
        )
    return wanted


def _of(subject: Subject, by_subject: Mapping[Subject, Borne]) -> _Scored:
    name = f"{subject.kind}.{subject.name}"
    return _Scored(name, subject.title, subject.unit, by_subject[subject])


def _platform(activity: Activity, by_subject: Mapping[Subject, Borne]) -> _Scored:
    requests = sum(borne.own.units for one, borne in by_subject.items() if one.is_deployment)
    own = sum((borne.own for borne in by_subject.values()), Footprint())
    borne = Borne(Footprint(own.energy, units=requests, methods=own.methods), activity.platform)
    return _Scored("platform", "Whole platform", "request", borne)


def _figures(activity: Activity, scored: _Scored) -> Iterator[Figure]:
    yield from _energies(activity, scored)
    made, name = scored.borne.whole, scored.name
    yield intensity(Line(f"{name}.i", "I: mean intensity", "gCO2e/kWh", "O / E"), activity, made)
    origin = carbon_origin(activity, made)
    line = Line(f"{name}.o", "O: carbon of electricity", "gCO2e", "O = E x I")
    yield figure(line, made.operational, origin)
    line = Line(f"{name}.m", "M: embodied carbon", "gCO2e", "M = TE x TS x RS, as booked")
    said = "; ".join(activity.embodied) or "no embodied carbon was booked"
    yield figure(line, made.embodied, Origin("modelled", said))
    yield figure(Line(f"{name}.c", "Carbon", "gCO2e", "O + M"), made.total, origin)
    yield from _score(activity, scored)


def _energies(activity: Activity, scored: _Scored) -> Iterator[Figure]:
    own, whole, name = scored.borne.own, scored.borne.whole, scored.name
    origin = energy_origin(activity, whole)
    parts = (
        ("work", "Energy of its own work", "sum of its accounts work/...", own.energy),
        (
            "reserved",
            "Energy reserved and shared",
            "its part, by policy",
            whole.energy - own.energy,
        ),
    )
    for part, label, formula, amount in parts:
        yield figure(Line(f"{name}.{part}", label, "kWh", formula), amount, origin)
    line = Line(f"{name}.building", "Energy of the building", "kWh", "(PUE - 1) x both")
    if activity.counts_building:
        yield figure(line, whole.facility - whole.energy, origin)
    else:
        yield absent(line, "a PUE of 1 counts nothing of the building: set pue to its own")
    line = Line(f"{name}.e", "E: energy, all of it", "kWh", "E = (work + reserved) x PUE")
    yield figure(line, whole.facility, origin)


def _score(activity: Activity, scored: _Scored) -> Iterator[Figure]:
    made, units = scored.borne.whole, scored.borne.own.units
    said = f"ledger as of entry {activity.extent.as_of}, units of accounts"
    line = Line(f"{scored.name}.r", f"R: functional unit, one {scored.unit}", "1", "count")
    yield counted(line, units, said)
    line = Line(f"{scored.name}.sci", "SCI score", f"gCO2e/{scored.unit}", "SCI = (E x I + M) / R")
    if not units:
        yield absent(line, f"no {scored.unit} was done in the span, so there is no R to divide by")
        return
    origin = Origin(made.method, carbon_origin(activity, made).provenance, ALL_ENDS)
    yield ratio(line, made.total, Fraction(units * NANOGRAMS_PER_GRAM), origin)
