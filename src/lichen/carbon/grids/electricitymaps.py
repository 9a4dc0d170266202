"""Electricity Maps, API v3: the mix that a zone consumes, imports traced, life-cycle by default.

One GET of the last 24 hours: estimates of late hours are revised in later answers, and replace
what was known. https://portal.electricitymaps.com/developer-hub/api/reference
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lichen.carbon.grids.observations import (
    Answer,
    Method,
    Point,
    number_of,
    sound_answer,
    start_of,
)
from lichen.carbon.grids.web import Web
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.core.errors import InvalidInput

ADDRESS = "https://api.electricitymaps.com"
_HOUR = 3600
_METHOD = Method(
    "Electricity Maps, consumption mix, life-cycle",
    Signal.AVERAGE,
    Scope.LIFECYCLE,
    0.10,
    2 * _HOUR,
)
_WEB = Web(ADDRESS)


@dataclass(frozen=True, slots=True)
class ElectricityMaps:
    """The service, asked with a token."""

    token: str = field(repr=False)
    web: Web = _WEB
    name: str = "electricitymaps"
    period_s: int = 600

    def fetch(self, zone: str, now: datetime) -> Answer:
        """See IntensityService."""
        query = {"zone": zone, "emissionFactorType": "lifecycle", "disableCallerLookup": "true"}
        reply = self.web.get("/v3/carbon-intensity/history", query, now, {"auth-token": self.token})
        document = reply.document()
        said = document.get("zone")
        if said != zone:  # without a zone that it knows, the service may answer for the caller's IP
            raise InvalidInput(f"{reply.host} answered for zone {said!r:.20}, not for {zone}")
        rows = document.get("history")
        if not isinstance(rows, list):
            raise InvalidInput(f"{reply.host} answered without a list 'history'")
        return sound_answer(zone, _METHOD, _points(rows, reply.host), now)


def _points(rows: list[Any], host: str) -> Iterator[Point]:
    for row in rows:
        if not isinstance(row, dict):
            raise InvalidInput(f"{host} answered a row of 'history' that is no object")
        if row.get("emissionFactorType", "lifecycle") != "lifecycle":
            raise InvalidInput(f"{host} answered other emission factors than life-cycle ones")
        if row.get("carbonIntensity") is None:
            continue  # a gap
        value = number_of(row["carbonIntensity"], f"{host}: carbonIntensity")
        kind = Kind.ESTIMATED if row.get("isEstimated") else Kind.OBSERVED
        yield Point(start_of(row.get("datetime"), host), _HOUR, value, kind)
