"""What is particular to one service: its zones, its gaps, its clocks, its way to say no."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.grids.electricitymaps import ElectricityMaps
from lichen.carbon.grids.entsoe import Entsoe
from lichen.carbon.grids.entsoe_areas import AREAS
from lichen.carbon.grids.generation import LIFECYCLE_G_PER_KWH, intensity_of
from lichen.carbon.grids.neso import Neso
from lichen.carbon.grids.observations import KEPT_SECONDS, merged, moment_of
from lichen.carbon.grids.replay import (
    Plant,
    ReplayServer,
    Told,
    electricitymaps_history,
    entsoe_generation,
    entsoe_refusal,
    neso_intensity,
    neso_region,
    watttime_historical,
)
from lichen.carbon.grids.service import ServiceRefused
from lichen.carbon.grids.watttime import WattTime
from lichen.carbon.grids.web import Web
from lichen.carbon.intensity import Kind, Scope, Signal, checked_zone
from lichen.core.errors import InvalidInput, NotFound, Unavailable

NOON = datetime(2022, 6, 1, 12, 10, tzinfo=UTC)
HOURS = [NOON.replace(minute=0) - timedelta(hours=5 - hour) for hour in range(6)]
AREA = AREAS["DE"]


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer(lambda _: Told("{}", date=NOON)) as replay:
        yield replay


def tell(server: ReplayServer, *told: Told | str) -> None:
    """Answer with these, one after the other; the last for ever."""
    waiting = [each if isinstance(each, Told) else Told(each) for each in told]
    dated = [replace(each, date=each.date or NOON) for each in waiting]
    server.answer = lambda _: dated.pop(0) if len(dated) > 1 else dated[0]


def maps(server: ReplayServer) -> ElectricityMaps:
    return ElectricityMaps("token", Web(server.url))


def test_electricity_maps_is_asked_by_zone_with_the_token_in_a_header(server: ReplayServer) -> None:
    values = [(hour, 200.0 + at) for at, hour in enumerate(HOURS)]
    tell(server, electricitymaps_history("DE", values, estimated=HOURS[-2:]))

    answer = maps(server).fetch("DE", NOON)

    asked = server.asked[0]
    assert (asked.path, asked.query["zone"]) == ("/v3/carbon-intensity/history", "DE")
    assert asked.headers["Auth-Token"] == "token"
    assert [point.kind for point in answer.points] == [Kind.OBSERVED] * 4 + [Kind.ESTIMATED] * 2
    assert answer.method.scope is Scope.LIFECYCLE


def test_a_gap_is_a_gap(server: ReplayServer) -> None:
    values = [(hour, None if at == 2 else 200.0) for at, hour in enumerate(HOURS)]
    tell(server, electricitymaps_history("DE", values))
    answer = maps(server).fetch("DE", NOON)
    assert HOURS[2] not in {moment_of(point.start_s) for point in answer.points}
    assert len(answer.points) == 5


def test_an_answer_for_another_zone_is_refused(server: ReplayServer) -> None:
    tell(server, electricitymaps_history("FR", [(HOURS[0], 50.0)]))
    with pytest.raises(InvalidInput, match="answered for zone 'FR', not for DE"):
        maps(server).fetch("DE", NOON)


def test_time_going_backwards_is_told_and_left_out(server: ReplayServer) -> None:
    values = [(HOURS[1], 200.0), (HOURS[0], 900.0), (HOURS[1], 950.0), (HOURS[2], 201.0)]
    tell(server, electricitymaps_history("DE", values))
    answer = maps(server).fetch("DE", NOON)
    assert [point.g_per_kwh for point in answer.points] == [200.0, 201.0]
    assert answer.faults[0] == "2022-06-01 07:00Z does not come after 2022-06-01 08:00Z"


def test_many_faults_are_told_in_few_words(server: ReplayServer) -> None:
    values = [(hour, -1.0) for hour in HOURS for _ in range(3)] + [(NOON, 100.0)]
    tell(server, electricitymaps_history("DE", values))
    assert maps(server).fetch("DE", NOON).faults[-1] == "and 13 more"


@pytest.mark.parametrize(
    ("wall", "hours"),
    [("2022-10-30T{}:00:00{}", 25), ("2022-03-27T{}:00:00{}", 23)],
    ids=["autumn", "spring"],
)
def test_a_day_on_which_the_clocks_change_has_its_own_number_of_hours(
    server: ReplayServer, wall: str, hours: int
) -> None:
    """Times with an offset are one moment each, also the hour that local clocks show twice."""
    autumn = hours == 25
    before, after = ("+02:00", "+01:00") if autumn else ("+01:00", "+02:00")
    spoken = [(hour, before) for hour in range(3 if autumn else 2)]
    spoken += [(hour, after) for hour in range(2 if autumn else 3, 24)]
    rows = ",".join(
        f'{{"carbonIntensity": {100 + at}, "datetime": "{wall.format(f"{hour:02}", offset)}"}}'
        for at, (hour, offset) in enumerate(spoken)
    )
    now = datetime.fromisoformat(wall.format("23", after)).astimezone(UTC)
    tell(server, Told(f'{{"zone": "DE", "history": [{rows}]}}', date=now))

    answer = maps(server).fetch("DE", now)

    starts = [point.start_s for point in answer.points]
    assert answer.faults == ()
    assert starts == list(range(starts[0], starts[0] + hours * 3600, 3600))


def test_a_local_time_without_an_offset_is_refused(server: ReplayServer) -> None:
    row = '{"carbonIntensity": 100, "datetime": "2022-06-01T12:00:00"}'
    tell(server, f'{{"zone": "DE", "history": [{row}]}}')
    with pytest.raises(InvalidInput, match="carries no time zone"):
        maps(server).fetch("DE", NOON)


def test_a_number_as_text_is_no_number(server: ReplayServer) -> None:
    row = '{"carbonIntensity": "100", "datetime": "2022-06-01T12:00:00Z"}'
    tell(server, f'{{"zone": "DE", "history": [{row}]}}')
    with pytest.raises(InvalidInput, match="carbonIntensity is '100', which is no number"):
        maps(server).fetch("DE", NOON)


def test_great_britain_is_measured_afterwards_and_forecast_until_then(server: ReplayServer) -> None:
    tell(server, neso_intensity([(hour, 180.0) for hour in HOURS], until=HOURS[4]))
    answer = Neso(Web(server.url)).fetch("GB", NOON)
    assert [point.kind for point in answer.points] == [Kind.OBSERVED] * 4 + [Kind.FORECAST] * 2
    assert {point.step_s for point in answer.points} == {1800}
    assert server.asked[0].path == "/intensity/2022-05-31T12:10Z/2022-06-01T13:10Z"


@pytest.mark.parametrize(("zone", "region"), [("GB-SCT", 16), ("GB-NESO-13", 13)])
def test_regions_of_great_britain_are_forecasts(
    server: ReplayServer, zone: str, region: int
) -> None:
    assert checked_zone(zone) == zone
    tell(server, neso_region(region, [(hour, 60.0) for hour in HOURS]))
    answer = Neso(Web(server.url)).fetch(zone, NOON)
    assert server.asked[0].path.endswith(f"/regionid/{region}")
    assert {point.kind for point in answer.points} == {Kind.FORECAST}


def test_zones_that_a_service_does_not_know_are_not_asked_for(server: ReplayServer) -> None:
    web = Web(server.url)
    for service in (Neso(web), Entsoe("token", web)):
        with pytest.raises(NotFound, match="JP"):
            service.fetch("JP", NOON)
    assert server.asked == []


def test_entsoe_is_asked_for_a_day_of_its_area(server: ReplayServer) -> None:
    tell(server, entsoe_generation(AREA, HOURS[0], 2, [Plant("B04", {1: 10, 2: 10})]))
    answer = Entsoe("token", Web(server.url)).fetch("DE", NOON)
    query = server.asked[0].query
    assert (query["documentType"], query["processType"]) == ("A75", "A16")
    assert (query["in_Domain"], query["securityToken"]) == (AREA, "token")
    assert (query["periodStart"], query["periodEnd"]) == ("202205311200", "202206011300")
    assert [point.g_per_kwh for point in answer.points] == [490.0, 490.0]


def test_a_curve_that_leaves_out_what_is_repeated_is_filled_and_pumping_is_not_generation(
    server: ReplayServer,
) -> None:
    plants = [
        Plant("B05", {1: 100, 4: 300}, curve="A03"),
        Plant("B19", dict.fromkeys(range(1, 5), 100)),
        Plant("B10", dict.fromkeys(range(1, 5), 500)),
        Plant("B10", dict.fromkeys(range(1, 5), 900), consumes=True),
    ]
    tell(server, entsoe_generation(AREA, HOURS[0], 4, plants, "PT15M"))
    answer = Entsoe("token", Web(server.url)).fetch("DE", NOON)
    assert [point.g_per_kwh for point in answer.points] == [415.5, 415.5, 415.5, 617.75]
    assert {point.step_s for point in answer.points} == {900}


def test_an_hour_whose_coal_is_not_reported_yet_is_not_a_clean_hour(server: ReplayServer) -> None:
    plants = [Plant("B05", {1: 100, 2: 100}), Plant("B19", {1: 100, 2: 100, 3: 100})]
    tell(server, entsoe_generation(AREA, HOURS[0], 3, plants))
    answer = Entsoe("token", Web(server.url)).fetch("DE", NOON)
    assert len(answer.points) == 2


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (entsoe_refusal("999", "No matching data found"), Unavailable, "has no generation of DE"),
        (entsoe_refusal("401", "secret\n is unknown"), Unavailable,
         r"refuses the question: \.\.\. is unknown"),
        ("<Other/>", InvalidInput, "not a GL_MarketDocument"),
        ('<?xml version="1.0" encoding="u-9"?><Other/>', InvalidInput, "no XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', InvalidInput, "declarations"),
        (entsoe_generation("10YFR-RTE------C", NOON, 1, [Plant("B04", {1: 1})]), InvalidInput,
         "another area"),
        (entsoe_generation(AREA, NOON, 1, [Plant("B04", {7: 1})]), InvalidInput, "positions"),
        (entsoe_generation(AREA, NOON, 1, [Plant("B99", {1: 1})]), InvalidInput, "no usable value"),
        (entsoe_generation(AREA, NOON, 1, [Plant("B04", {1: 1})], "PT0M"), InvalidInput,
         "resolution"),
        (entsoe_generation(AREA, NOON, 1, []), InvalidInput, "no usable value"),
    ],
    ids=["empty", "refused", "other", "encoding", "entities", "area", "positions", "plant",
         "step", "nothing"],
)  # fmt: skip
def test_what_entsoe_may_answer_instead(
    server: ReplayServer, document: str, error: type[Exception], says: str
) -> None:
    tell(server, document)
    with pytest.raises(error, match=says):
        Entsoe("secret", Web(server.url)).fetch("DE", NOON)


def test_the_mix_of_one_kind_has_that_kinds_factor() -> None:
    for kind, grams in LIFECYCLE_G_PER_KWH.items():
        assert intensity_of({kind: 12.5, "B10": 3.0}) == pytest.approx(grams)
    with pytest.raises(InvalidInput, match="nothing is generated"):
        intensity_of({"B10": 5.0})


def watttime(server: ReplayServer) -> WattTime:
    return WattTime("me", "secret", "CAISO_NORTH", Web(server.url))


def test_watttime_logs_in_once_and_counts_pounds_a_megawatt_hour(server: ReplayServer) -> None:
    tell(server, '{"token": "t1"}', watttime_historical("CAISO_NORTH", [(HOURS[0], 1000.0)]))
    service = watttime(server)
    answer = service.fetch("US-CAL-CISO", NOON)
    service.fetch("US-CAL-CISO", NOON)

    assert [point.g_per_kwh for point in answer.points] == [453.592]
    assert answer.method.signal is Signal.MARGINAL
    assert [asked.path for asked in server.asked] == ["/login", "/v3/historical", "/v3/historical"]
    assert server.asked[0].headers["Authorization"] == "Basic bWU6c2VjcmV0"
    assert server.asked[2].headers["Authorization"] == "Bearer t1"


def test_watttime_takes_a_new_token_where_the_old_one_expired(server: ReplayServer) -> None:
    said = watttime_historical("CAISO_NORTH", [(HOURS[0], 1000.0)])
    expired = Told("{}", 401)
    tell(server, '{"token": "t1"}', said, expired, '{"token": "t2"}', said)
    service = watttime(server)
    service.fetch("US-CAL-CISO", NOON)
    service.fetch("US-CAL-CISO", NOON)
    assert server.asked[-1].headers["Authorization"] == "Bearer t2"

    tell(server, expired)
    with pytest.raises(ServiceRefused):
        service.fetch("US-CAL-CISO", NOON)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (watttime_historical("PJM", [(HOURS[0], 1.0)]), "for region 'PJM'"),
        (watttime_historical("CAISO_NORTH", [], step_s=300), "no usable value"),
        (watttime_historical("CAISO_NORTH", [], step_s=1), "a step of 1 s"),
        ('{"data": [], "meta": {"units": "percentile"}}', "other units"),
        ("{}", "other units"),
    ],
)
def test_what_watttime_may_answer_instead(server: ReplayServer, said: str, says: str) -> None:
    tell(server, '{"token": "t1"}', said)
    with pytest.raises(InvalidInput, match=says):
        watttime(server).fetch("US-CAL-CISO", NOON)


def test_a_login_without_a_token_is_refused(server: ReplayServer) -> None:
    with pytest.raises(InvalidInput, match="without a token"):
        watttime(server).fetch("US-CAL-CISO", NOON)


def test_what_is_old_is_forgotten_when_new_values_come(server: ReplayServer) -> None:
    tell(server, electricitymaps_history("DE", [(HOURS[0], 200.0)]))
    old = maps(server).fetch("DE", NOON)
    later = NOON + timedelta(seconds=KEPT_SECONDS)
    tell(server, Told(electricitymaps_history("DE", [(later, 300.0)]), date=later))
    assert len(merged(old, maps(server).fetch("DE", later), later).points) == 1


def test_finer_steps_replace_the_coarser_ones_of_their_time(server: ReplayServer) -> None:
    plants = [Plant("B04", {1: 1, 2: 1})]
    tell(
        server,
        entsoe_generation(AREA, HOURS[0], 2, plants),
        entsoe_generation(AREA, HOURS[1], 2, plants, "PT15M"),
    )
    service = Entsoe("token", Web(server.url))
    both = merged(service.fetch("DE", NOON), service.fetch("DE", NOON), NOON)
    assert [point.step_s for point in both.points] == [3600, 900, 900]
