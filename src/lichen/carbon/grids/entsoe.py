"""ENTSO-E's transparency platform: what a zone generates, by kind of plant, times IPCC factors.

Document A75, process A16 (actual generation per type). Imports are not counted. It comes about an
hour late, so the last value is carried on until the next is known, and says so.
https://transparency.entsoe.eu/content/static_content/Static%20content/web%20api/Guide.html
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

from lichen.carbon.grids.entsoe_areas import AREAS
from lichen.carbon.grids.generation import FACTORS_SOURCE, intensity_of
from lichen.carbon.grids.observations import Answer, Method, Point, sound_answer, start_of
from lichen.carbon.grids.web import Web
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.core.errors import InvalidInput, NotFound, Unavailable

ADDRESS = "https://web-api.tp.entsoe.eu"
_HOUR = 3600
_METHOD = Method(
    f"ENTSO-E generation mix, imports not counted, x {FACTORS_SOURCE}",
    Signal.AVERAGE,
    Scope.LIFECYCLE,
    0.20,
    6 * _HOUR,
)
_MAJOR_SHARE = 0.01
"""A moment in which a kind of plant with more than this share of the day is not reported (yet) is
left out: a mix without its coal would be taken for a clean one."""

_RESOLUTION = re.compile(r"PT(\d{1,3})M")
_NO_DATA = "999"

Mixes = dict[int, dict[str, float]]
"""MW by kind of plant, by the second that a step starts with."""
_WEB = Web(ADDRESS)


@dataclass(frozen=True, slots=True)
class Entsoe:
    """The service, asked with a security token."""

    token: str = field(repr=False)
    web: Web = _WEB
    name: str = "entsoe"
    period_s: int = 900

    def fetch(self, zone: str, now: datetime) -> Answer:
        """See IntensityService."""
        area = AREAS.get(zone)
        if area is None:
            raise NotFound(f"ENTSO-E has no area that is called {zone}")
        query = {
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": area,
            "periodStart": f"{now - timedelta(hours=24):%Y%m%d%H00}",
            "periodEnd": f"{now + timedelta(hours=1):%Y%m%d%H00}",
            "securityToken": self.token,
        }
        reply = self.web.get("/api", query, now)
        root = _root(reply.body, reply.host)
        if _name(root) == "Acknowledgement_MarketDocument":
            raise self._refusal(root, zone)
        if _name(root) != "GL_MarketDocument":
            raise InvalidInput(
                f"{reply.host} answered a {_name(root):.60}, not a GL_MarketDocument"
            )
        steps, mixes = _mixes(root, area, reply.host)
        return sound_answer(zone, _METHOD, _points(steps, mixes), now)

    def _refusal(self, root: ET.Element, zone: str) -> Unavailable:
        """What it said instead; without our token, should it repeat that."""
        if _text(root, "Reason", "code") == _NO_DATA:
            return Unavailable(f"{self.web.host} has no generation of {zone} for this day yet")
        text = " ".join(_text(root, "Reason", "text").replace(self.token, "...").split())
        return Unavailable(f"{self.web.host} refuses the question: {text[:200]}")


def _root(body: bytes, host: str) -> ET.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise InvalidInput(f"{host} answered XML with declarations, which is not read")
    try:
        return ET.fromstring(body)  # noqa: S314 - declarations are refused above
    except (ET.ParseError, LookupError, ValueError) as damage:  # also of unknown encodings
        raise InvalidInput(f"{host} answered something that is no XML: {damage}") from None


def _mixes(root: ET.Element, area: str, host: str) -> tuple[int, Mixes]:
    """Length of a step in seconds, and the mixes.

    Raises:
        InvalidInput: another area, steps of two lengths, or numbers that are none.
    """
    mixes: Mixes = defaultdict(dict)
    steps = set()
    for series in _all(root, "TimeSeries"):
        fed = _text(series, "inBiddingZone_Domain.mRID")
        if not fed:
            continue  # what plants of that kind consume: pumps, mostly
        if fed != area:
            raise InvalidInput(f"{host} answered for another area than {area}")
        kind = _text(series, "MktPSRType", "psrType")
        repeats = _text(series, "curveType") == "A03"
        for period in _all(series, "Period"):
            step, quantities = _quantities(period, host, repeats=repeats)
            steps.add(step)
            for start, mw in quantities:
                mixes[start][kind] = mw
    if len(steps) > 1:
        raise InvalidInput(f"{host} answered steps of several lengths")
    return (steps.pop() if steps else _HOUR), mixes


def _quantities(
    period: ET.Element, host: str, *, repeats: bool
) -> tuple[int, list[tuple[int, float]]]:
    """The step, and MW by start; a curve of type A03 leaves out what equals the value before."""
    length = _RESOLUTION.fullmatch(_text(period, "resolution"))
    if length is None or int(length[1]) < 1:
        raise InvalidInput(f"{host} answered a resolution that is not read")
    step = int(length[1]) * 60
    start = start_of(_text(period, "timeInterval", "start"), host)
    end = start_of(_text(period, "timeInterval", "end"), host)
    count = (end - start) // step
    try:
        said = {
            int(_text(one, "position")): float(_text(one, "quantity"))
            for one in _all(period, "Point")
        }
    except ValueError:
        raise InvalidInput(f"{host} answered a quantity that is no number") from None
    if not all(1 <= position <= count <= 10_000 for position in said):
        raise InvalidInput(f"{host} answered positions outside their period")
    if repeats:
        said = _repeated(said, count)
    return step, [(start + (position - 1) * step, mw) for position, mw in said.items()]


def _repeated(said: Mapping[int, float], count: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for position in range(1, count + 1):
        if position in said:
            found[position] = said[position]
        elif position - 1 in found:
            found[position] = found[position - 1]
    return found


def _points(step: int, mixes: Mixes) -> Iterator[Point]:
    sums: dict[str, float] = defaultdict(float)
    for mix in mixes.values():
        for kind, mw in mix.items():
            sums[kind] += mw
    day = sum(sums.values())
    major = {kind for kind, mw in sums.items() if mw > _MAJOR_SHARE * day}
    for start in sorted(mixes):
        if major <= mixes[start].keys():
            yield Point(start, step, _value(mixes[start]), Kind.OBSERVED)


def _value(mix_mw: Mapping[str, float]) -> float:
    """gCO2e/kWh; not a number where the mix cannot be, so that this one moment is refused."""
    try:
        return round(intensity_of(mix_mw), 2)
    except InvalidInput:
        return math.nan


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def _text(element: ET.Element, *path: str) -> str:
    """The text of the first child of the first child ...; empty where there is none."""
    found: ET.Element | None = element
    for name in path:
        found = None if found is None else next(_all(found, name), None)
    return "" if found is None or found.text is None else found.text.strip()
