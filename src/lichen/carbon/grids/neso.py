"""Great Britain's National Energy System Operator: half-hours, no key needed.

Zone `GB` is the nation, measured afterwards; `GB-ENG`, `GB-SCT`, `GB-WLS` and `GB-NESO-1` to
`GB-NESO-17` are regions, for which it only forecasts. https://carbon-intensity.github.io/api-definitions
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from lichen.core.errors import InvalidInput, NotFound

ADDRESS = "https://api.carbonintensity.org.uk"
_HALF_HOUR = 1800
_NATION = "GB"
_REGIONS = {"GB-ENG": 15, "GB-SCT": 16, "GB-WLS": 17} | {f"GB-NESO-{n}": n for n in range(1, 18)}
_METHOD = Method(
    "NESO Carbon Intensity API, generation and imports, direct CO2",
    Signal.AVERAGE,
    Scope.DIRECT,
    0.10,
    2 * _HALF_HOUR,
)
_WEB = Web(ADDRESS)


@dataclass(frozen=True, slots=True)
class Neso:
    """The service."""

    web: Web = _WEB
    name: str = "neso"
    period_s: int = 600

    def fetch(self, zone: str, now: datetime) -> Answer:
        """See IntensityService."""
        since, until = now - timedelta(hours=24), now + timedelta(hours=1)
        span = f"{since:%Y-%m-%dT%H:%MZ}/{until:%Y-%m-%dT%H:%MZ}"
        if zone == _NATION:
            path = f"/intensity/{span}"
        elif zone in _REGIONS:
            path = f"/regional/intensity/{span}/regionid/{_REGIONS[zone]}"
        else:
            raise NotFound(f"NESO knows GB, its nations and GB-NESO-1 to GB-NESO-17, not {zone}")
        reply = self.web.get(path, {}, now, {"Accept": "application/json"})
        rows = _rows(reply.document().get("data"), reply.host)
        return sound_answer(zone, _METHOD, _points(rows, reply.host), now)


def _rows(data: Any, host: str) -> list[Any]:  # noqa: ANN401 - JSON
    """The half-hours: of a region they stand one level deeper, in an object or a list of one."""
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict):
        data = data[0] if "regionid" in data[0] else data
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, list):
        raise InvalidInput(f"{host} answered without a list 'data'")
    return data


def _points(rows: list[Any], host: str) -> Iterator[Point]:
    for row in rows:
        said = row.get("intensity") if isinstance(row, dict) else None
        if not isinstance(said, dict):
            raise InvalidInput(f"{host} answered a half-hour without 'intensity'")
        actual, forecast = said.get("actual"), said.get("forecast")
        if actual is None and forecast is None:
            continue  # a gap
        start = start_of(row.get("from"), host)
        step = start_of(row.get("to"), host) - start
        if step != _HALF_HOUR:
            raise InvalidInput(f"{host} answered a step of {step} s, not of half an hour")
        if actual is not None:
            yield Point(start, step, number_of(actual, f"{host}: actual"), Kind.OBSERVED)
        else:
            yield Point(start, step, number_of(forecast, f"{host}: forecast"), Kind.FORECAST)
