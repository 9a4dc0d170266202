"""What the candidates of a run share: the rows, how they are parted, the base to build on."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from math import gcd

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.table import seconds64
from lichen.forecasting.backtest import Backtest
from lichen.forecasting.declaration import scaled
from lichen.forecasting.fitting import Rows, ahead_of, usual_origins
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.boosting import NO_NURSERY, Nursery
from lichen.frameworks.networks.unfinished import NetworkNursery, NoNetworkNursery
from lichen.frameworks.pretrained import PretrainedModel
from lichen.training.forecasts.channels import Channels
from lichen.training.forecasts.spec import ForecastSpec, start_seconds

FIT_SHARE = 0.70
VALIDATE_SHARE = 0.15
MOST_ORIGINS = 400
"""Forecasts a candidate is scored on; of more, every n-th."""

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Split:
    """Row borders: fitted on before `fit`, compared on up to `validate`, scored up to `test`."""

    fit: int
    validate: int
    test: int

    @property
    def tested(self) -> bool:
        """Whether there is a test part."""
        return self.test > self.validate


@dataclass(frozen=True, slots=True)
class Study:
    """A forecasting task, ready for candidates.

    Attributes:
        spec: what was asked.
        panel: every row that may be looked at.
        split: how they are parted.
        base: targets, units, horizon, transform and calendar; candidates add context and features.
        gaps: bool `(rows, series)`, which of the panel's values were missing and were filled.
        nursery: keeps trees while they grow.
        networks: keeps networks while they are trained.
        pretrained: the model that was named, if one was.
    """

    spec: ForecastSpec
    panel: Panel
    split: Split
    base: Specification
    gaps: NDArray[np.bool_]
    nursery: Nursery = NO_NURSERY
    networks: NetworkNursery = field(default_factory=NoNetworkNursery)
    pretrained: PretrainedModel | None = None

    @property
    def day(self) -> int:
        """Steps in a day."""
        return self.base.steps_per_day

    @property
    def week(self) -> int:
        """Steps in a week."""
        return WEEK_DAYS * self.day

    def origins(self, first: int, last: int) -> Rows:
        """The forecasts that candidates are scored on between two rows, at most `MOST_ORIGINS`.

        Raises:
            InvalidInput: there is none.
        """
        rows = usual_origins(self.base, self.panel, first, last)
        if len(rows) == 0:
            raise InvalidInput(
                f"no forecast that starts at {self.spec.start_at or '00:00'} fits the "
                f"{last - first} rows to compare on: add rows, or take start_at any"
            )
        least = -(-len(rows) // MOST_ORIGINS)
        if self.base.start_seconds is None and least > 1:
            least = coprime_stride(self.day, least)
        return rows[::least]

    @property
    def recorded(self) -> NDArray[np.float64]:
        """The panel's values `(rows, series)`, NaN where they were filled: what may be scored."""
        return np.where(self.gaps, np.nan, self.panel.values)

    def scored(self, rolled: Backtest) -> Backtest:
        """The same forecasts beside what was recorded alone."""
        return replace(rolled, truth=ahead_of(self.base, self.recorded, rolled.origins))

    def check_context(self, context: int, name: str) -> None:
        """Refuse an algorithm whose context the rows to fit on cannot carry.

        Raises:
            InvalidInput: they are too few.
        """
        needed = context + self.base.horizon
        if needed > self.split.fit:
            raise InvalidInput(
                f"{name} needs {needed} rows to fit on, one context ({context}) and one horizon "
                f"({self.base.horizon}), and there are {self.split.fit}: add rows"
            )


def study_of(channels: Channels, spec: ForecastSpec) -> Study:
    """The study of some channels.

    Raises:
        InvalidInput: there are too few rows for the context, the horizon and the parts.
    """
    split = _split(channels, spec)
    _check_enough(channels, spec, split)
    panel = Panel(channels.times[0], channels.step_seconds, channels.values, channels.known)
    study = Study(spec, panel, split, _base(channels, spec, panel, split), channels.gaps)
    study.origins(split.fit, split.validate)
    if split.tested:
        study.origins(split.validate, split.test)
    return study


def coprime_stride(day: int, least: int) -> int:
    """The smallest stride from `least` on that meets every time of day in turn."""
    stride = max(1, least)
    while gcd(stride, day) > 1:
        stride += 1
    return stride


def _split(channels: Channels, spec: ForecastSpec) -> Split:
    rows = len(channels)
    if spec.train_until is None and spec.validate_until is None:
        return Split(round(FIT_SHARE * rows), round((FIT_SHARE + VALIDATE_SHARE) * rows), rows)
    validate = _row_at(channels, spec.validate_until)
    if spec.train_until is None or spec.validate_until is None:
        fit = round(validate * FIT_SHARE / (FIT_SHARE + VALIDATE_SHARE))
    else:
        fit = _row_at(channels, spec.train_until)
    return Split(fit, validate, rows)


def _row_at(channels: Channels, moment: datetime | None) -> int:
    """The first row at or after a moment; the end where none is stated."""
    if moment is None:
        return len(channels)
    return int(np.searchsorted(channels.times, seconds64(moment)))


def _check_enough(channels: Channels, spec: ForecastSpec, split: Split) -> None:
    context = max(spec.context or 0, channels.day)  # the guard looks back a day
    least = context + spec.horizon
    for name, rows in (("", len(channels)), (" to fit on", split.fit)):
        if rows < least:
            raise InvalidInput(
                f"there are {rows} rows{name}, fewer than the {least} of one context ({context}) "
                f"and one horizon ({spec.horizon}): add rows, or ask for a shorter horizon or "
                "context"
            )
    for part, rows in (
        ("validation", split.validate - split.fit),
        ("test", split.test - split.validate),
    ):
        if rows < spec.horizon and (part == "validation" or rows > 0):
            raise InvalidInput(
                f"the {part} part has {rows} rows, fewer than one horizon ({spec.horizon}): "
                "state other times, add rows, or ask for a shorter horizon"
            )


def _base(channels: Channels, spec: ForecastSpec, panel: Panel, split: Split) -> Specification:
    plain = Specification(
        targets=channels.names,
        units=channels.units,
        known=spec.known,
        step_seconds=channels.step_seconds,
        horizon=spec.horizon,
        context=channels.day,
        timezone=spec.timezone or "UTC",
        start_seconds=start_seconds(spec.start_at) if channels.day > 1 else None,
    )
    positive = not bool((panel.values <= 0).any())  # in every row that may be looked at
    return scaled(plain, panel.until(split.fit), positive=positive)
