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

from lichen.carbon.entsoe_areas import AREAS
from lichen.carbon.generation import FACTORS_SOURCE, intensity_of
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.observations import Answer, Method, Point, sound_answer, start_of
from lichen.carbon.web import Web
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
        steps, mixes = _mixes(_document(reply.body, reply.host, zone), area, reply.host)
        return sound_answer(zone, _METHOD, _points(steps, mixes), now)


def _document(body: bytes, host: str, zone: str) -> ET.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise InvalidInput(f"{host} answered XML with declarations, which is not read")
    try:
        root = ET.fromstring(body)  # noqa: S314 - declarations are refused above
    except ET.ParseError as damage:
        raise InvalidInput(f"{host} answered something that is no XML: {damage}") from None
    kind = _name(root)
    if kind == "Acknowledgement_MarketDocument":
        code, text = _text(root, "code"), _text(root, "text")
        if code == _NO_DATA:
            raise Unavailable(f"{host} has no generation of {zone} for this day yet")
        raise Unavailable(f"{host} refuses the question: {text[:200]}")
    if kind != "GL_MarketDocument":
        raise InvalidInput(f"{host} answered a {kind:.60}, not a GL_MarketDocument")
    return root


def _mixes(root: ET.Element, area: str, host: str) -> tuple[int, Mixes]:
    """Length of a step in seconds, and the mixes.

    Raises:
        InvalidInput: another area, steps of two lengths, or numbers that are none.
    """
    mixes: Mixes = defaultdict(dict)
    steps = set()
    for series in _all(root, "TimeSeries"):
        if _find(series, "inBiddingZone_Domain.mRID") is None:
            continue  # what plants of that kind consume: pumps, mostly
        if _text(series, "inBiddingZone_Domain.mRID") != area:
            raise InvalidInput(f"{host} answered for another area than {area}")
        kind = _text(series, "psrType")
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
    start, end = start_of(_text(period, "start"), host), start_of(_text(period, "end"), host)
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
    return (one for one in element.iter() if _name(one) == name)


def _find(element: ET.Element, name: str) -> ET.Element | None:
    return next(_all(element, name), None)


def _text(element: ET.Element, name: str) -> str:
    found = _find(element, name)
    return "" if found is None or found.text is None else found.text.strip()
