"""What a report is made of: figures that say their unit, interval, method and provenance (M5)."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from lichen.carbon.reports.amounts import Amount
from lichen.core.units import NANOJOULES_PER_KWH

LEAST_DECIMALS, SIGNIFICANT = 6, 6
INTERVAL_90 = "90 %"
ALL_ENDS = "at least 90 %: all its causes at their ends at once"
COUNTED = "counted: exact"
NOT_STATED = "not stated by its source"

_EXACT: dict[str, tuple[int, str]] = {
    "J": (10**9, "nJ"),
    "kWh": (NANOJOULES_PER_KWH, "nJ"),
    "MWh": (1000 * NANOJOULES_PER_KWH, "nJ"),
    "gCO2e": (10**9, "ng"),
    "kgCO2e": (10**12, "ng"),
    "tCO2": (10**15, "ng"),
}
"""How many nanojoules or nanograms a unit is."""

_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Line:
    """What a figure is: its name for programs, its label for people, its unit, its formula."""

    name: str
    label: str
    unit: str
    formula: str


@dataclass(frozen=True, slots=True)
class Origin:
    """How a figure was obtained: measured, modelled, mixed, counted or declared; from what."""

    method: str
    provenance: str
    interval: str = INTERVAL_90


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in its unit, or why it cannot be known: never 0 for what nobody measured (M5).

    `exact` is the whole number of nanojoules or nanograms that the value was rounded from.
    """

    line: Line
    origin: Origin
    value: Fraction | None
    low: Fraction | None = None
    high: Fraction | None = None
    absent: str | None = None
    exact: int | None = None
    exact_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that belong together, facts in words above them, notes below; `text` is quoted."""

    title: str
    figures: tuple[Figure, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report; `since` and `until` are what was asked for, None without a bound."""

    standard: str
    title: str
    language: str
    organisation: str | None
    since: datetime | None
    until: datetime | None
    as_of: int
    ledger_digest: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = field(default=())


def figure(line: Line, amount: Amount, origin: Origin) -> Figure:
    """An amount of nanojoules or nanograms in the line's unit."""
    scale, exact_unit = _EXACT[line.unit]
    return Figure(
        line,
        origin,
        Fraction(amount.value, scale),
        None if amount.low is None else Fraction(amount.low, scale),
        None if amount.high is None else Fraction(amount.high, scale),
        exact=amount.value,
        exact_unit=exact_unit,
    )


def ratio(line: Line, amount: Amount, divisor: Fraction, origin: Origin) -> Figure:
    """An amount of nanos over something: the line's unit says what."""
    return Figure(
        line,
        origin,
        amount.value / divisor,
        None if amount.low is None else amount.low / divisor,
        None if amount.high is None else amount.high / divisor,
    )


def counted(line: Line, number: int | Fraction, provenance: str) -> Figure:
    """A number that was counted: its interval is itself."""
    exact = Fraction(number)
    return Figure(line, Origin("counted", provenance, COUNTED), exact, exact, exact)


def declared(line: Line, number: Fraction, provenance: str) -> Figure:
    """A number that somebody states without an interval."""
    return Figure(line, Origin("declared", provenance, NOT_STATED), number)


def absent(line: Line, reason: str) -> Figure:
    """A figure that cannot be known, and why."""
    return Figure(line, Origin("", "", ""), None, absent=reason)


def shown(value: Fraction) -> str:
    """A number as every format writes it: six decimals, or six significant figures if it is small.

    Zeros at its end are left off; halves go to the even digit.
    """
    number = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    if not number:
        return "0"
    decimals = max(LEAST_DECIMALS, SIGNIFICANT - 1 - number.adjusted())
    rounded = number.quantize(Decimal(1).scaleb(-decimals), context=_WIDE)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
