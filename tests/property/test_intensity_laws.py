"""Whatever a service says: an answer of sound values, or one sentence; and merging keeps order."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.grids.electricitymaps import ElectricityMaps
from lichen.carbon.grids.entsoe import Entsoe
from lichen.carbon.grids.entsoe_areas import AREAS
from lichen.carbon.grids.neso import Neso
from lichen.carbon.grids.observations import (
    EARLIEST_LEAD_SECONDS,
    Answer,
    Method,
    Point,
    merged,
    sound_answer,
)
from lichen.carbon.grids.replay import Plant, ReplayServer, Told, entsoe_generation
from lichen.carbon.grids.service import IntensityService
from lichen.carbon.grids.watttime import WattTime
from lichen.carbon.grids.web import Web
from lichen.carbon.intensity import MOST_G_PER_KWH, Kind, Scope, Signal
from lichen.core.errors import InvalidInput, LichenError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
METHOD = Method("a test", Signal.AVERAGE, Scope.LIFECYCLE, 0.1, 3600)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(["2026-06-01T11:00Z", "2026-06-01T11:30:00+02:00", "DE", "0001-01-01", ""])
)
NAMES = ("data", "history", "zone", "intensity", "carbonIntensity", "datetime", "from", "to",
         "actual", "forecast", "regionid", "meta", "units", "region", "point_time", "value",
         "token", "data_point_period_seconds")  # fmt: skip
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=6)
    ),
    max_leaves=25,
)


def row(name: str) -> st.SearchStrategy[dict[str, object]]:
    """A row of a service's series, right in form and wrong in content."""
    fields = {
        "maps": ("datetime", "carbonIntensity"),
        "neso": ("from", "to", "intensity"),
        "watttime": ("point_time", "value"),
    }[name]
    inside = st.dictionaries(st.sampled_from(["actual", "forecast"]), leaves)
    return st.fixed_dictionaries({one: inside if one == "intensity" else leaves for one in fields})


def framed(name: str, rows: object) -> dict[str, object]:
    meta = {"units": "lbs_co2_per_mwh", "region": "R", "data_point_period_seconds": 300}
    return {
        "maps": {"zone": "DE", "history": rows},
        "neso": {"data": rows},
        "watttime": {"data": rows, "meta": meta, "token": "t"},
    }[name]


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with ReplayServer(lambda _: Told("{}", date=NOW)) as replay:
        yield replay


def services(server: ReplayServer) -> dict[str, tuple[IntensityService, str]]:
    web = Web(server.url)
    return {
        "maps": (ElectricityMaps("t", web), "DE"),
        "neso": (Neso(web), "GB"),
        "watttime": (WattTime("u", "p", "R", web), "DE"),
        "entsoe": (Entsoe("t", web), "DE"),
    }


def check(server: ReplayServer, name: str, body: str) -> None:
    server.answer = lambda _: Told(body, date=NOW)
    service, zone = services(server)[name]
    said: Answer | str
    try:
        said = service.fetch(zone, NOW)
    except LichenError as refusal:
        said = str(refusal)
    if isinstance(said, str):
        assert said
        assert "\n" not in said
    else:
        check_sound(said)


def check_sound(answer: Answer) -> None:
    assert answer.points
    assert all(0 <= point.g_per_kwh <= MOST_G_PER_KWH for point in answer.points)
    assert all(one.start_s < other.start_s for one, other in pairwise(answer.points))


@settings(max_examples=60)
@pytest.mark.parametrize("name", ["maps", "neso", "watttime", "entsoe"])
@given(document=documents)
def test_any_json_is_an_answer_or_a_sentence(
    server: ReplayServer, name: str, document: object
) -> None:
    check(server, name, json.dumps(document))


@settings(max_examples=60)
@pytest.mark.parametrize("name", ["maps", "neso", "watttime"])
@given(data=st.data())
def test_rows_of_any_content_are_an_answer_or_a_sentence(
    server: ReplayServer, name: str, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(row(name), min_size=1, max_size=4))
    check(server, name, json.dumps(framed(name, rows)))


@settings(max_examples=60)
@given(
    plants=st.lists(
        st.builds(
            Plant,
            st.sampled_from(["B04", "B05", "B10", "B19", "B99", ""]),
            st.dictionaries(st.integers(0, 6), st.floats() | st.integers(), max_size=5),
            st.sampled_from(["A01", "A03"]),
            st.booleans(),
        ),
        max_size=4,
    ),
    hours=st.integers(0, 6),
)
def test_any_generation_is_an_answer_or_a_sentence(
    server: ReplayServer, plants: list[Plant], hours: int
) -> None:
    start = NOW - timedelta(hours=5)
    check(server, "entsoe", entsoe_generation(AREAS["DE"], start, hours, plants))


points = st.lists(
    st.builds(
        Point,
        st.integers(-48, 3).map(lambda quarter: int(NOW.timestamp()) + 900 * quarter),
        st.sampled_from([900, 1800, 3600]),
        st.floats(-100, 3000),
        st.sampled_from(Kind),
    ),
    max_size=12,
)


@given(first=points, second=points)
def test_merging_never_mixes_and_what_is_newer_holds(
    first: list[Point], second: list[Point]
) -> None:
    known: Answer | None = None
    for said in (first, second):
        try:
            fresh = sound_answer("DE", METHOD, said, NOW)
        except InvalidInput:
            continue
        known = merged(known, fresh, NOW)
        check_sound(known)
        assert set(fresh.points) <= set(known.points)
        latest = NOW.timestamp() + EARLIEST_LEAD_SECONDS
        assert all(p.start_s <= latest or p.kind is Kind.FORECAST for p in known.points)
    assert known is None or set(known.points) <= {*first, *second}
