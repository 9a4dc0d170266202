"""With too little history: profile, day before, yearly average; each says why, and how unsure."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from lichen.carbon.grids.averages import YearlyAverages
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.outlook.archive import ZoneHistory
from lichen.carbon.outlook.expectation import Known, Modelled, expected
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.record import HOUR, Outlook, Step
from lichen.carbon.outlook.simple import profile
from lichen.core.errors import InvalidInput, Unavailable

NOW = datetime(2026, 6, 10, 12, 20, tzinfo=UTC)
PRESENT = int(NOW.timestamp()) // 3600
MADRID = Place(40, -4, "Europe/Madrid")
DAY = timedelta(days=1)


def swing(hour: int) -> float:
    return 200 + 50 * math.sin(2 * math.pi * hour / 24) + (hour * 7919 % 101) / 5


def history(hours: int, back: int = 0) -> ZoneHistory:
    end = PRESENT - back
    made = {hour: swing(hour) for hour in range(end - hours, end)}
    return ZoneHistory("ES", made, Signal.AVERAGE, Scope.LIFECYCLE, ("entsoe",))


def refuse(_: ZoneHistory, __: int) -> Modelled:
    raise Unavailable("there is no model yet")


def ask(found: ZoneHistory | None, horizon: timedelta = DAY, start: datetime = NOW) -> Outlook:
    return expected("ES", start, horizon, NOW, Known(found, MADRID, YearlyAverages(), refuse))


def width(outlook: Outlook) -> float:
    return sum((one.quantiles[-1] - one.quantiles[0]) / one.mean for one in outlook.steps) / len(
        outlook.steps
    )


def test_a_fortnight_gives_its_profile() -> None:
    found = ask(history(14 * 24))
    assert (found.method, found.kind) == ("profile", Kind.FORECAST)
    assert found.remarks == ("no model: there is no model yet",)
    assert found.source == "profile of the last 14 days of entsoe"
    for step in range(24):
        assert found.steps[step].mean == pytest.approx(swing(PRESENT + step), abs=25)


def test_two_days_give_the_day_before() -> None:
    found = ask(history(48), 48 * HOUR)
    assert found.method == "day-ago"
    assert [one.mean for one in found.steps[:24]] == [swing(PRESENT + at - 24) for at in range(24)]
    assert found.steps[24:48] == found.steps[:24]
    assert any("fewer than 3 whole days" in one for one in found.remarks)


def test_nothing_gives_the_yearly_average_which_is_no_forecast() -> None:
    found = ask(None)
    assert (found.method, found.kind) == ("yearly-average", Kind.ESTIMATED)
    assert found.source.startswith("yearly average of Spain")
    assert found.remarks == ("no hourly intensity of ES was ever recorded",)


def test_the_less_is_known_the_wider_the_interval() -> None:
    widths = [width(ask(found)) for found in (history(14 * 24), history(48), None)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_history_that_ended_long_ago_is_not_taken_for_today() -> None:
    found = ask(history(1000, back=400))
    assert found.method == "yearly-average"
    assert any("ends at 2026-05-24 20:00Z" in one for one in found.remarks)


def test_hours_to_come_are_not_looked_at() -> None:
    known = history(14 * 24)
    spoilt = {**known.hours, **dict.fromkeys(range(PRESENT, PRESENT + 99), 2000.0)}
    foreseen = ZoneHistory("ES", spoilt, Signal.AVERAGE, Scope.LIFECYCLE, ("entsoe",))
    assert ask(foreseen) == ask(known)


def test_over_a_change_of_the_clocks_the_profile_moves_with_them() -> None:
    """From 2026-03-29 on people get up an hour earlier by UTC, and their peak at 8 is earlier."""
    zone = MADRID.clocks
    first = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp()) // 3600
    hours = {}
    for hour in range(first - 14 * 24, first):
        local = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).hour
        hours[hour] = 400.0 if local == 8 else 100.0
    steps = profile(hours, first, 48, zone)
    assert steps is not None
    peaks = [step for step in range(48) if steps[step].mean == 400.0]
    assert peaks == [6, 30], "08:00 in Madrid is 06:00 UTC from this day on, 07:00 before"


def test_the_model_answers_first_and_later_starts_skip_its_first_steps() -> None:
    steps = tuple(Step(float(at), (float(at),) * 9) for at in range(96))
    known = Known(
        history(48), MADRID, YearlyAverages(), lambda *_: Modelled(steps, "intensity-ES@3")
    )
    found = expected("ES", NOW + 10 * HOUR, 5 * HOUR, NOW, known)
    assert (found.method, found.source, found.remarks) == ("model", "intensity-ES@3", ())
    assert [one.mean for one in found.steps] == [10, 11, 12, 13, 14, 15]
    assert found.start == datetime(2026, 6, 10, 22, tzinfo=UTC)
    late = expected("ES", NOW + 90 * HOUR, 20 * HOUR, NOW, known)
    assert len(late.steps) == 6
    assert late.remarks == ("it reaches 6 h and not 21",)


def test_a_model_that_says_what_cannot_be_is_refused() -> None:
    steps = (Step(math.nan, (1.0,) * 9),) * 96
    known = Known(history(48), MADRID, YearlyAverages(), lambda *_: Modelled(steps, "bad@1"))
    with pytest.raises(InvalidInput, match="bad@1"):
        expected("ES", NOW, DAY, NOW, known)


def test_the_past_and_what_lies_beyond_are_refused() -> None:
    with pytest.raises(InvalidInput, match="begins in the past"):
        ask(None, start=NOW - HOUR)
    with pytest.raises(Unavailable, match="no outlook reaches 96 h ahead"):
        ask(None, start=NOW + 96 * HOUR)


def test_damaged_lines_and_a_switched_off_model_are_said() -> None:
    whole = history(14 * 24)
    torn = ZoneHistory("ES", whole.hours, whole.signal, whole.scope, whole.sources, damaged=3)
    found = expected("ES", NOW, DAY, NOW, Known(torn, MADRID, YearlyAverages(), None))
    assert found.remarks == (
        "3 damaged lines passed over",
        "no model: the setting `outlook` is off",
    )
