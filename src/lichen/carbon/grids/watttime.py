"""WattTime, API v3: the marginal emissions of a region, every five minutes.

Marginal: what one kWh more sets free, for decisions; an account by C1 takes averages, so this
source only answers where the settings name it. https://docs.watttime.org
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from lichen.carbon.grids.service import ServiceRefused
from lichen.carbon.grids.web import Reply, Web
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput

ADDRESS = "https://api.watttime.org"
SIGNAL_TYPE = "co2_moer"
UNITS = "lbs_co2_per_mwh"
_G_PER_KWH_OF_UNIT = 0.45359237
"""One pound (avoirdupois, exact) a MWh."""
_METHOD = Method(
    "WattTime MOER, marginal operating emissions, direct CO2",
    Signal.MARGINAL,
    Scope.DIRECT,
    0.20,
    1800,
)
_WEB = Web(ADDRESS)


@dataclass(slots=True)
class WattTime:
    """The service, asked for one of its regions; it logs in and renews its token by itself."""

    user: str
    password: str = field(repr=False)
    region: str
    web: Web = _WEB
    name: str = "watttime"
    period_s: int = 300
    _token: str | None = field(default=None, repr=False)

    def fetch(self, zone: str, now: datetime) -> Answer:
        """See IntensityService; `zone` is whatever the operator says that the region feeds."""
        reply = self._asked(now)
        document = reply.document()
        step = _step_of(document.get("meta"), self.region, reply.host)
        rows = document.get("data")
        if not isinstance(rows, list):
            raise InvalidInput(f"{reply.host} answered without a list 'data'")
        return sound_answer(zone, _METHOD, _points(rows, step, reply.host), now)

    def _asked(self, now: datetime) -> Reply:
        """The answer, with a new token where the old one has expired (it lasts 30 minutes)."""
        if self._token is not None:
            try:
                return self._historical(now, self._token)
            except ServiceRefused:
                self._token = None
        self._token = self._logged_in(now)
        return self._historical(now, self._token)

    def _historical(self, now: datetime, token: str) -> Reply:
        whole = now.replace(microsecond=0)
        query = {
            "region": self.region,
            "signal_type": SIGNAL_TYPE,
            "start": rfc3339(whole - timedelta(hours=24)),
            "end": rfc3339(whole),
        }
        return self.web.get("/v3/historical", query, now, {"Authorization": f"Bearer {token}"})

    def _logged_in(self, now: datetime) -> str:
        secret = b64encode(f"{self.user}:{self.password}".encode()).decode()
        reply = self.web.get("/login", {}, now, {"Authorization": f"Basic {secret}"})
        token = reply.document().get("token")
        if not isinstance(token, str) or not token:
            raise InvalidInput(f"{reply.host} answered the login without a token")
        return token


def _step_of(meta: Any, region: str, host: str) -> int:  # noqa: ANN401 - JSON
    if not isinstance(meta, dict) or meta.get("units") != UNITS:
        raise InvalidInput(f"{host} answered in other units than {UNITS}")
    if meta.get("region") != region:
        raise InvalidInput(f"{host} answered for region {meta.get('region')!r:.30}, not {region}")
    step = meta.get("data_point_period_seconds", 300)
    if not isinstance(step, int) or not 60 <= step <= 86400:
        raise InvalidInput(f"{host} answered a step of {step!r:.20} s")
    return step


def _points(rows: list[Any], step: int, host: str) -> Iterator[Point]:
    for row in rows:
        if not isinstance(row, dict):
            raise InvalidInput(f"{host} answered a point that is no object")
        if row.get("value") is None:
            continue  # a gap
        value = number_of(row["value"], f"{host}: value") * _G_PER_KWH_OF_UNIT
        kind = Kind.ESTIMATED if row.get("imputed_data_used") else Kind.OBSERVED
        yield Point(start_of(row.get("point_time"), host), step, round(value, 3), kind)
