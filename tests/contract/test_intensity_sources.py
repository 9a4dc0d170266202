"""Every intensity source, through the same questions (C2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lichen.carbon.grids.averages import WorldAverage, YearlyAverages
from lichen.carbon.grids.electricitymaps import ElectricityMaps
from lichen.carbon.grids.entsoe import Entsoe
from lichen.carbon.grids.entsoe_areas import AREAS
from lichen.carbon.grids.fetching import asked
from lichen.carbon.grids.fixed import ConstantIntensity, read_series
from lichen.carbon.grids.kept import Kept, KeptIntensity, kept_file, write_kept
from lichen.carbon.grids.neso import Neso
from lichen.carbon.grids.observations import moment_of
from lichen.carbon.grids.replay import (
    Asked,
    Plant,
    ReplayServer,
    Told,
    electricitymaps_history,
    entsoe_generation,
    neso_intensity,
    watttime_historical,
)
from lichen.carbon.grids.service import IntensityService, ServiceRefused, Throttled
from lichen.carbon.grids.watttime import WattTime
from lichen.carbon.grids.web import Web
from lichen.carbon.intensity import (
    MOST_G_PER_KWH,
    FallbackChain,
    IntensitySource,
    IntensityValue,
    Kind,
    checked_value,
    checked_zone,
)
from lichen.core.errors import InvalidInput, LichenError, NotFound, Unavailable

NOON = datetime(2022, 6, 1, 12, 30, tzinfo=UTC)


def series(folder: Path) -> IntensitySource:
    path = folder / "grid.csv"
    hours = (NOON + timedelta(hours=hour - 3) for hour in range(6))
    rows = [f"{hour:%Y-%m-%d %H:00:00},{200 + number}" for number, hour in enumerate(hours)]
    path.write_text("time,g_per_kwh\n" + "\n".join(rows), encoding="utf-8")
    return read_series(path, "DE")


SECRET = "never-seen-by-anybody"  # noqa: S105 - of nobody
STEPS_PER_HOUR = {"electricitymaps": 1, "neso": 2, "entsoe": 1, "watttime": 12}
ZONES = {"neso": "GB"}


def hours_before(moment: datetime, hours: int, per_hour: int) -> list[datetime]:
    end = moment.replace(minute=0) + timedelta(hours=1)
    count = hours * per_hour
    starts = (end - timedelta(hours=1) / per_hour * (count - at) for at in range(count))
    return [start for start in starts if start <= moment]


def documented(name: str, moments: list[datetime], value: float) -> str:
    """The service's own form of this many grams in every step."""
    values = [(moment, value) for moment in moments]
    match name:
        case "electricitymaps":
            return electricitymaps_history("DE", values)
        case "neso":
            return neso_intensity(values)
        case "watttime":
            return watttime_historical("DE_NORTH", [(at, g / 0.45359237) for at, g in values])
        case _:
            share = (value - 11) / (820 - 11)  # of hard coal, the rest wind
            everywhere = range(1, len(moments) + 1)
            plants = [
                Plant("B05", {at: round(1000 * share, 6) for at in everywhere}),
                Plant("B19", {at: round(1000 * (1 - share), 6) for at in everywhere}),
            ]
            return entsoe_generation(AREAS["DE"], moments[0], len(moments), plants)


@dataclass
class Provider:
    """One service and the local server that answers for it."""

    name: str
    service: IntensityService
    server: ReplayServer
    tells: list[Told]

    @property
    def zone(self) -> str:
        return ZONES.get(self.name, "DE")

    def said(self, hours: int = 6, value: float = 250.0, now: datetime = NOON) -> str:
        return documented(self.name, hours_before(now, hours, STEPS_PER_HOUR[self.name]), value)


def provider(name: str) -> Provider:
    tells: list[Told] = []

    def answer(question: Asked) -> Told:
        if question.path == "/login" and (not tells or tells[-1].status == 200):
            return Told('{"token": "short-lived"}', date=NOON)
        told = tells[-1]
        return replace(told, date=told.date or NOON)

    server = ReplayServer(answer)
    web = Web(server.url, timeout_s=5.0)
    services: dict[str, IntensityService] = {
        "electricitymaps": ElectricityMaps(SECRET, web),
        "neso": Neso(web),
        "entsoe": Entsoe(SECRET, web),
        "watttime": WattTime("somebody", SECRET, "DE_NORTH", web),
    }
    return Provider(name, services[name], server, tells)


def kept_source(name: str, folder: Path) -> IntensitySource:
    one = provider(name)
    with one.server:
        one.tells.append(Told(one.said()))
        kept = asked(one.service, one.zone, Kept(None), NOON)
    path = kept_file(folder, name)
    write_kept(path, kept)
    return KeptIntensity(name, path)


REFUSE_UNKNOWN = {"file grid.csv, column g_per_kwh", "yearly averages", *STEPS_PER_HOUR}
SOURCES: dict[str, Callable[[Path], IntensitySource]] = {
    "constant": lambda _: ConstantIntensity(300.0, 250.0, 340.0),
    "series": series,
    "yearly averages": lambda _: YearlyAverages(),
    "world average": lambda _: WorldAverage(),
    "chain": lambda _: FallbackChain([YearlyAverages(), WorldAverage()]),
    **{name: partial(kept_source, name) for name in STEPS_PER_HOUR},
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> IntensitySource:
    return SOURCES[request.param](tmp_path)


def zone_of(source: IntensitySource) -> str:
    return ZONES.get(source.name, "DE")


def test_answers_say_where_they_come_from_and_how_sure_they_are(source: IntensitySource) -> None:
    zone = zone_of(source)
    value = source.at(zone, NOON)

    assert checked_value(value) is value
    assert 0 < value.low <= value.g_per_kwh <= value.high < MOST_G_PER_KWH
    assert value.zone == zone
    assert value.source
    assert value.resolution_s > 0
    assert source.name


def test_the_same_question_gets_the_same_answer(source: IntensitySource) -> None:
    zone = zone_of(source)
    assert source.at(zone, NOON) == source.at(zone, NOON)


def test_an_unknown_zone_is_refused_by_name_or_answered_for_that_zone(
    source: IntensitySource,
) -> None:
    if source.name in REFUSE_UNKNOWN:
        with pytest.raises(NotFound, match="ZZ"):
            source.at("ZZ", NOON)
    else:
        assert source.at("ZZ", NOON).zone == "ZZ"


class Broken:
    """A source that answers whatever it was told to."""

    name = "broken"

    def __init__(self, answer: IntensityValue | LichenError) -> None:
        self.answer = answer

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        del zone, moment
        if isinstance(self.answer, LichenError):
            raise self.answer
        return self.answer


SOUND = ConstantIntensity(300.0).at("DE", NOON)


@pytest.mark.parametrize(
    "answer",
    [
        Unavailable("the token expired: make a new one"),
        replace(SOUND, g_per_kwh=-5.0, low=-5.0),
        replace(SOUND, g_per_kwh=2000.5, high=2000.5),
        replace(SOUND, g_per_kwh=float("nan")),
        replace(SOUND, low=310.0),
        replace(SOUND, high=float("inf"), low=float("nan")),
    ],
    ids=["unavailable", "negative", "absurd", "nan", "low-above", "nan-interval"],
)
def test_a_chain_passes_over_what_fails_or_cannot_be(answer: IntensityValue | LichenError) -> None:
    value = FallbackChain([Broken(answer), YearlyAverages()]).at("DE", NOON)

    assert value.source.startswith("yearly average of Germany")
    assert len(value.passed_over) == 1
    assert value.passed_over[0].startswith("broken: ")


def test_a_chain_that_ends_says_why_each_source_failed() -> None:
    chain = FallbackChain([Broken(Unavailable("asleep")), YearlyAverages()])

    with pytest.raises(Unavailable, match=r"broken: asleep; yearly averages: no yearly .* of ZZ"):
        chain.at("ZZ", NOON)


def test_an_empty_chain_says_so() -> None:
    with pytest.raises(Unavailable, match="none is configured"):
        FallbackChain([]).at("DE", NOON)


@pytest.mark.parametrize(
    ("given", "zone"),
    [("de", "DE"), (" US-CAL-CISO ", "US-CAL-CISO"), ("CN-BJ", "CN-BJ"), ("world", "WORLD")],
)
def test_zones_are_codes_in_capitals(given: str, zone: str) -> None:
    assert checked_zone(given) == zone


@pytest.mark.parametrize("given", ["", "Germany", "D", "DE-", "DE FR", "DE-" + "X" * 13])
def test_what_is_no_zone_code_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="not usable"):
        checked_zone(given)


@pytest.fixture(params=STEPS_PER_HOUR)
def one(request: pytest.FixtureRequest) -> Iterator[Provider]:
    made = provider(request.param)
    with made.server:
        yield made


def known(one: Provider, *told: Told, now: datetime = NOON) -> Kept:
    """What is known after each of these answers, one question after the other."""
    kept = Kept(None)
    for each in told:
        one.tells.append(each)
        kept = asked(one.service, one.zone, kept, now)
    return kept


def test_a_service_gives_the_grams_of_its_documented_form(one: Provider) -> None:
    answer = known(one, Told(one.said(hours=6, value=250.0))).answer

    assert answer is not None
    moments = hours_before(NOON, 6, STEPS_PER_HOUR[one.name])
    assert [moment_of(point.start_s) for point in answer.points] == moments
    assert {round(point.g_per_kwh, 1) for point in answer.points} == {250.0}
    assert all(point.kind is not Kind.FORECAST for point in answer.points)
    assert answer.faults == ()


def test_absurd_values_are_dropped_and_told_and_the_others_kept(one: Provider) -> None:
    good = documented(one.name, hours_before(NOON, 1, STEPS_PER_HOUR[one.name]), 250.0)
    if one.name == "entsoe":
        bad = good.replace("<quantity>704.573548</quantity>", "<quantity>-5</quantity>")
        kept = known(one, Told(good), Told(bad))
        assert kept.problem
    else:
        number = "551.15" if one.name == "watttime" else "250.0"
        kept = known(one, Told(good), Told(good.replace(number, "-7.0", 1).replace(number, "1e9")))
        assert "cannot be" in kept.problem
    assert kept.answer is not None
    assert {round(point.g_per_kwh) for point in kept.answer.points} == {250}


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "<html>Bad gateway</html>",
        "[]",
        '{"data": 5}',
        '{"zone": "DE", "history": [7]}',
        "[" * 9999,
    ],
)
def test_garbage_is_refused_in_one_sentence_and_what_was_known_stays(
    one: Provider, garbage: str
) -> None:
    before = known(one, Told(one.said()))
    after = known(one, Told(one.said()), Told(garbage))

    assert "127.0.0.1 answered" in after.problem
    assert after.answer == before.answer
    assert after.failures == 1


@pytest.mark.parametrize(
    ("told", "kind", "pause_s"),
    [
        (Told("{}", 401), ServiceRefused, 3600),
        (Told("{}", 403), ServiceRefused, 3600),
        (Told("{}", 429, {"Retry-After": "120"}), Throttled, 120),
        (Told("{}", 429, {"Retry-After": "Wed, 01 Jun 2022 12:40:00 GMT"}), Throttled, 600),
        (Told("{}", 500), Unavailable, 30),
        (Told("", 302, {"Location": "http://127.0.0.1:1/elsewhere"}), Unavailable, 30),
    ],
    ids=["expired", "forbidden", "seconds", "date", "broken", "redirect"],
)
def test_a_refusal_is_waited_out_as_the_service_asks(
    one: Provider, told: Told, kind: type[LichenError], pause_s: int
) -> None:
    one.tells.append(told)
    with pytest.raises(kind, match=r"127\.0\.0\.1"):
        one.service.fetch(one.zone, NOON)

    kept = known(one, told)
    assert kept.next_at == NOON + timedelta(seconds=pause_s)
    assert SECRET not in kept.problem


def test_a_clock_an_hour_off_is_told_and_nothing_of_the_answer_is_used(one: Provider) -> None:
    kept = known(one, Told(one.said(), date=NOON - timedelta(hours=1)))

    assert kept.answer is None
    assert "clock is 3600 s ahead of that of 127.0.0.1" in kept.problem


def test_a_late_revision_replaces_what_was_known_of_its_time_alone(one: Provider) -> None:
    per_hour = STEPS_PER_HOUR[one.name]
    last = hours_before(NOON, 1, per_hour)
    kept = known(one, Told(one.said(6, 250.0)), Told(documented(one.name, last, 300.0)))

    assert kept.answer is not None
    values = [round(point.g_per_kwh) for point in kept.answer.points]
    assert values == [250] * 5 * per_hour + [300] * len(last)


def test_no_token_is_shown_by_what_holds_it(one: Provider) -> None:
    assert SECRET not in repr(one.service)
