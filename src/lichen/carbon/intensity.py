"""How much CO2e a kilowatt-hour costs where and when the work ran, and who says so (C2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lichen.core.errors import InvalidInput, LichenError, Unavailable

MOST_G_PER_KWH = 2000.0
"""No grid is dirtier: a value above is refused as garbage, never averaged in."""

WORLD = "WORLD"
"""The zone of a host whose grid nobody named."""

_ZONE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,12}){0,3}|WORLD")


class Signal(StrEnum):
    """What the figure stands for: the mix of the grid, or the plant that follows the load."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class Scope(StrEnum):
    """Whether building the plants and winning the fuel are counted, or the chimney alone."""

    LIFECYCLE = "lifecycle"
    DIRECT = "direct"


class Kind(StrEnum):
    """How the value came to be known."""

    OBSERVED = "observed"
    ESTIMATED = "estimated"
    FORECAST = "forecast"


@dataclass(frozen=True, slots=True)
class IntensityValue:
    """One intensity in gCO2e/kWh with its 90 % interval and where it comes from (C2).

    `resolution_s` is the span that the value is an average of; `passed_over` says, for each
    source that was asked before this one, why it could not answer.
    """

    g_per_kwh: float
    low: float
    high: float
    zone: str
    source: str
    signal: Signal
    scope: Scope
    kind: Kind
    resolution_s: int
    passed_over: tuple[str, ...] = ()


class IntensitySource(Protocol):
    """Who knows the intensity of a zone at a moment."""

    @property
    def name(self) -> str:
        """What a receipt calls it."""
        ...

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The intensity of `zone` at `moment` (UTC).

        Raises:
            NotFound: this source does not know the zone.
            Unavailable: it knows the zone, but not this moment, or does not answer now.
        """
        ...


@dataclass(frozen=True, slots=True)
class FallbackChain:
    """Ask one source after the other; the answer names the one that gave it."""

    sources: Sequence[IntensitySource]
    name: str = "chain"

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The first sound answer; what a source refuses or gets absurdly wrong is passed over.

        Raises:
            Unavailable: no source has an answer; the message holds the reason of each.
        """
        reasons: list[str] = []
        for source in self.sources:
            try:
                value = checked_value(source.at(zone, moment))
            except LichenError as refusal:
                reasons.append(f"{source.name}: {refusal}")
            else:
                return replace(value, passed_over=(*value.passed_over, *reasons))
        raise Unavailable(
            f"no source knows the intensity of {zone} at {moment:%Y-%m-%d %H:%M}Z: "
            + ("; ".join(reasons) or "none is configured")
        )


def checked_value(value: IntensityValue) -> IntensityValue:
    """The value itself, if a grid can have it.

    Raises:
        InvalidInput: it is negative, not finite, absurd, or outside its own interval.
    """
    checked_g_per_kwh(value.g_per_kwh, value.source)
    if not 0 <= value.low <= value.g_per_kwh <= value.high:
        raise InvalidInput(
            f"{value.source}: {value.g_per_kwh:g} g/kWh lies outside its own interval "
            f"{value.low:g} to {value.high:g}"
        )
    return value


def checked_g_per_kwh(g_per_kwh: float, where: str) -> float:
    """The figure itself, if a grid can have it.

    Raises:
        InvalidInput: it is negative, not finite, or above 2000 g/kWh.
    """
    if not 0 <= g_per_kwh <= MOST_G_PER_KWH:
        raise InvalidInput(
            f"{where}: an intensity of {g_per_kwh:g} g/kWh cannot be: "
            f"give gCO2e per kWh between 0 and {MOST_G_PER_KWH:g}"
        )
    return g_per_kwh


def checked_zone(zone: str) -> str:
    """The zone in capitals, if it may name one.

    Raises:
        InvalidInput: it has not the form of an Electricity Maps or ISO 3166 code.
    """
    capitals = zone.strip().upper()
    if not _ZONE.fullmatch(capitals):
        raise InvalidInput(
            f"zone {zone!r} is not usable: take an Electricity Maps or ISO 3166 code such as "
            "'DE', 'US-CAL-CISO' or 'CN-BJ', or 'WORLD'"
        )
    return capitals
