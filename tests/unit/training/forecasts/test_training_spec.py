"""What cannot be trained is refused in one sentence, before any data is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from lichen.core.errors import InvalidInput
from lichen.training.forecasts.spec import ForecastSpec, Refit, checked

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def spec(**changes: object) -> ForecastSpec:
    return replace(ForecastSpec(targets=("load",), horizon=24), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"horizon": 0}, "horizon is 0: ask for at least 1 step"),
        ({"horizon": -3}, "horizon is -3"),
        ({"context": 0}, "context is 0"),
        ({"budget_nj": 0}, "budget is 0 J: give more than 0"),
        ({"budget_ng": 0}, "carbon budget is 0 g: give more than 0"),
        ({"budget_nj": -2_000_000_000}, "budget is -2 J"),
        ({"targets": ()}, "no target is named"),
        ({"targets": ("load", "load")}, "'load' is named twice"),
        ({"known": ("load",)}, "'load' is named twice"),
        ({"algorithm": "magic"}, "'magic' is unknown: take auto, naive-day, naive-week, ridge"),
        ({"train_until": APRIL, "validate_until": MARCH}, "not after train_until"),
        ({"train_until": MARCH, "validate_until": MARCH}, "not after train_until"),
        ({"train_until": datetime(2026, 3, 1)}, "no time zone"),  # noqa: DTZ001
        ({"test_until": APRIL}, "test_until needs validate_until"),
        ({"start_at": "25:00"}, "start_at is '25:00'"),
        ({"timezone": "Mars/Olympus"}, "timezone 'Mars/Olympus' is unknown"),
    ],
)
def test_bad_specifications_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence.replace(".", r"\.")):
        checked(spec(**changes))


def test_a_good_specification_comes_back_as_it_is() -> None:
    good = spec(
        known=("temperature",),
        train_until=MARCH,
        validate_until=APRIL.astimezone(timezone(timedelta(hours=8))),
        refit=Refit.WEEKLY,
        start_at="00:00",
        timezone="Australia/Melbourne",
    )
    assert checked(good) is good


def test_a_specification_travels_as_json() -> None:
    sent = spec(train_until=MARCH, budget_nj=5_000_000_000)
    assert msgspec.json.decode(msgspec.json.encode(sent), type=ForecastSpec) == sent
