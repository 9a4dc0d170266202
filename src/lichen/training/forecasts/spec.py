"""What to train, on which columns, within which budget; and what comes out of it."""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from lichen.core.errors import InvalidInput
from lichen.frameworks.statsforecast import MODELS
from lichen.protocol.training import NetworkOptions

PRETRAINED = "pretrained"
"""A registered model that was trained on other series, named beside it."""

ALGORITHMS = (
    "naive-day",
    "naive-week",
    "ridge",
    "ridge-calendar",
    "lightgbm",
    "mlp",
    "patch-transformer",
    "fracast",
    PRETRAINED,
)
"""The portfolio, cheapest first; `docs/explanation/choosing-an-algorithm.md` describes each."""

AUTO = "auto"
ANY = "any"


class Refit(StrEnum):
    """When a closed-form model is fitted anew as truth arrives."""

    NEVER = "never"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSpec:
    """What `lichen train forecast` is asked for; plain values, so it travels as JSON.

    Attributes:
        targets: columns to forecast; several become one model, channel by channel.
        horizon: steps to forecast.
        known: columns whose values over the horizon are known ahead.
        series: column that names the series of a panel, or None.
        context: rows of history the model takes; None: searched.
        train_until: rows at or after this moment are not fitted on while candidates are compared.
        validate_until: the rows from `train_until` up to this moment are what they are compared on.
        test_until: the rows from `validate_until` up to this moment are scored, never chosen on.
            Rows at or after the last of these that is stated are never looked at; none stated:
            the first 70 % are fitted on, the next 15 % compared on, the last 15 % scored.
        refit: whether closed-form models are fitted anew each week as truth arrives.
        start_at: local time of day `HH:MM` at which forecasts usually start, and are scored;
            None: midnight; `any`: no time of day is special. Any start is answered all the same.
        timezone: IANA name of the zone whose calendar counts; None: UTC.
        algorithm: one of `ALGORITHMS`, `statsforecast:NAME`, or `auto` to choose among them.
        budget_nj: nanojoules the search may spend; None: no limit.
        budget_ng: nanograms of CO2e the search may spend; None: no limit.
        pretrained: a registered model `NAME@V` of windows, for `pretrained`, or for `auto` to try.
        network: structure and training of `mlp` and `patch-transformer`; None: the usual.
        seed: seeds whatever draws at random.
    """

    targets: tuple[str, ...]
    horizon: int
    known: tuple[str, ...] = ()
    series: str | None = None
    context: int | None = None
    train_until: datetime | None = None
    validate_until: datetime | None = None
    test_until: datetime | None = None
    refit: Refit = Refit.NEVER
    start_at: str | None = None
    timezone: str | None = None
    algorithm: str = AUTO
    budget_nj: int | None = None
    seed: int = 0
    budget_ng: int | None = None
    network: NetworkOptions | None = None
    pretrained: str | None = None


def checked(spec: ForecastSpec) -> ForecastSpec:
    """The specification itself, if it can be trained at all, whatever the data.

    Raises:
        InvalidInput: one sentence that names the field and the remedy.
    """
    _check_counts(spec)
    _check_names(spec)
    _check_times(spec)
    _check_calendar(spec)
    return spec


def _check_counts(spec: ForecastSpec) -> None:
    if spec.horizon < 1:
        raise InvalidInput(f"horizon is {spec.horizon}: ask for at least 1 step")
    if spec.context is not None and spec.context < 1:
        raise InvalidInput(f"context is {spec.context}: take at least 1 row, or leave it out")
    if spec.budget_nj is not None and spec.budget_nj <= 0:
        raise InvalidInput(
            f"the energy budget is {spec.budget_nj / 1e9:g} J: give more than 0, or leave it out"
        )
    if spec.budget_ng is not None and spec.budget_ng <= 0:
        raise InvalidInput(
            f"the carbon budget is {spec.budget_ng / 1e9:g} g: give more than 0, or leave it out"
        )


def _check_names(spec: ForecastSpec) -> None:
    if not spec.targets:
        raise InvalidInput("no target is named: name at least one column to forecast")
    named = [*spec.targets, *spec.known, *([spec.series] if spec.series else [])]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise InvalidInput(
            f"column {twice[0]!r} is named twice: a column is a target, known ahead, or the series"
        )
    known = (AUTO, *ALGORITHMS, *(f"statsforecast:{name}" for name in MODELS))
    if spec.algorithm not in known:
        raise InvalidInput(f"algorithm {spec.algorithm!r} is unknown: take {', '.join(known)}")
    if spec.algorithm == PRETRAINED and spec.pretrained is None:
        raise InvalidInput("no pretrained model is named: name a registered one as NAME@V")
    if spec.pretrained is not None and spec.algorithm not in (AUTO, PRETRAINED):
        raise InvalidInput(
            f"algorithm {spec.algorithm!r} takes no pretrained model: leave {spec.pretrained!r} "
            f"out, or take algorithm {PRETRAINED}"
        )


def _check_times(spec: ForecastSpec) -> None:
    stated = [
        (name, moment)
        for name, moment in (
            ("train_until", spec.train_until),
            ("validate_until", spec.validate_until),
            ("test_until", spec.test_until),
        )
        if moment is not None
    ]
    for name, moment in stated:
        if moment.tzinfo is None:
            raise InvalidInput(f"{name} carries no time zone: write it as 2026-01-31T00:00:00Z")
    for (earlier, first), (later, second) in pairwise(stated):
        if second <= first:
            raise InvalidInput(
                f"{later} ({second:%Y-%m-%dT%H:%MZ}) is not after {earlier} "
                f"({first:%Y-%m-%dT%H:%MZ}): state them in order of time"
            )
    if spec.test_until is not None and spec.validate_until is None:
        raise InvalidInput("test_until needs validate_until, where the test part begins")


def _check_calendar(spec: ForecastSpec) -> None:
    start_seconds(spec.start_at)
    if spec.timezone is not None:
        try:
            ZoneInfo(spec.timezone)
        except (ValueError, OSError, KeyError) as unknown:
            raise InvalidInput(
                f"timezone {spec.timezone!r} is unknown: take an IANA name, as Europe/Berlin"
            ) from unknown


def start_seconds(start_at: str | None) -> int | None:
    """Seconds of the local day at `HH:MM`; None where no time of day is special.

    Raises:
        InvalidInput: it is no time of day.
    """
    if start_at is None:
        return 0
    if start_at == ANY:
        return None
    try:
        moment = time.fromisoformat(start_at)
    except ValueError as wrong:
        raise InvalidInput(
            f"start_at is {start_at!r}: write a time of day as HH:MM, such as 00:00, or any"
        ) from wrong
    return moment.hour * 3600 + moment.minute * 60 + moment.second
