"""Every intensity source, through the same questions (C2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.averages import WorldAverage, YearlyAverages
from lichen.carbon.fixed import ConstantIntensity, read_series
from lichen.carbon.intensity import (
    MOST_G_PER_KWH,
    FallbackChain,
    IntensitySource,
    IntensityValue,
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


REFUSE_UNKNOWN = {"file grid.csv, column g_per_kwh", "yearly averages"}
SOURCES: dict[str, Callable[[Path], IntensitySource]] = {
    "constant": lambda _: ConstantIntensity(300.0, 250.0, 340.0),
    "series": series,
    "yearly averages": lambda _: YearlyAverages(),
    "world average": lambda _: WorldAverage(),
    "chain": lambda _: FallbackChain([YearlyAverages(), WorldAverage()]),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> IntensitySource:
    return SOURCES[request.param](tmp_path)


def test_answers_say_where_they_come_from_and_how_sure_they_are(source: IntensitySource) -> None:
    value = source.at("DE", NOON)

    assert checked_value(value) is value
    assert 0 < value.low <= value.g_per_kwh <= value.high < MOST_G_PER_KWH
    assert value.zone == "DE"
    assert value.source
    assert value.resolution_s > 0
    assert source.name


def test_the_same_question_gets_the_same_answer(source: IntensitySource) -> None:
    assert source.at("DE", NOON) == source.at("DE", NOON)


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
