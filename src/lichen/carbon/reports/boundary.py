"""What a report covers and what it does not: the head that every report over a span has."""

from collections.abc import Iterator
from fractions import Fraction

from lichen.carbon.reports.activity import Activity
from lichen.carbon.reports.factors import carbon_origin, energy_origin
from lichen.carbon.reports.figures import Figure, Line, Section, counted, figure
from lichen.core.clock import rfc3339

_US_PER_HOUR = 3_600_000_000
ROUNDING = (
    "Totals are taken in whole nanojoules and nanograms (column `exact`, where parts sum to the "
    "whole exactly) and rounded once, each for itself: shown parts may differ from their shown sum "
    "by one in the last digit."
)
FINAL = (
    "The grams of a receipt are final (A3): work that began in one minute and was booked in the "
    "next keeps the price of its beginning, and the difference shows in the embodied part."
)


def boundary(activity: Activity) -> Section:
    """Time covered, and the energy of other programs, which is outside."""
    return Section("Boundary", tuple(_figures(activity)), tuple(_facts(activity)))


def _facts(activity: Activity) -> Iterator[tuple[str, str]]:
    extent = activity.extent
    yield "Inside", "work, idle, overhead, work in progress and variance of this platform's host"
    yield "Outside", "other programs on the host; networks; clients; other machines"
    if extent.first is not None and extent.last is not None:
        yield "Entries from", rfc3339(extent.first)
        yield "Entries until", rfc3339(extent.last)


def _figures(activity: Activity) -> Iterator[Figure]:
    extent = activity.extent
    said = f"ledger as of entry {extent.as_of}"
    line = Line("metered", "Time metered", "h", "sum of the windows booked")
    yield counted(line, Fraction(extent.metered_us, _US_PER_HOUR), said)
    if activity.asked_us:
        line = Line("coverage", "Share of the span that was metered", "%", "metered / span")
        yield counted(line, Fraction(100 * extent.metered_us, activity.asked_us), said)
    line = Line("gaps", "Time lost to crashes", "h", "sum of the gaps booked after crashes")
    yield counted(line, Fraction(extent.gap_us, _US_PER_HOUR), f"{said}; {extent.gaps} gaps")
    outside = activity.outside
    line = Line("outside.energy", "Outside: energy of other programs", "kWh", "account host/other")
    yield figure(line, outside.energy, energy_origin(activity, outside))
    line = Line("outside.carbon", "Outside: carbon of other programs", "gCO2e", line.formula)
    yield figure(line, outside.total, carbon_origin(activity, outside))
