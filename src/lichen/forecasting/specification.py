"""What a forecaster is made of, by name: enough to rebuild its inputs at serving time."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.errors import InvalidInput

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DAY_SECONDS = 86_400


class Kind(StrEnum):
    """What a declared feature computes; `features.py` has one function for each."""

    WEEKDAY = "weekday"
    """One-hot local weekday of the first step; with a `column` (a holiday flag) the weekday gives
    way to the flag: one-hot times (1 - flag), and the flag itself as an eighth feature."""
    TIME_OF_DAY = "time-of-day"
    """Sine and cosine of the first step's local time of day; `lengths` are the harmonics."""
    ANNUAL = "annual"
    """Sine and cosine of the time of year; `lengths` are the harmonics."""
    AHEAD = "ahead"
    """A known column over the horizon, averaged over blocks of `lengths[0]` steps (default 1), as
    the value and its hinges at `knots`: degree hours, when the column is a temperature."""
    PAST = "past"
    """A known column over the `lengths[0]` steps before the first, averaged over blocks of
    `lengths[1]` steps, as the value and its hinges at `knots`."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared block of features.

    `centre` is taken off a column's value (not off its hinges); `weight` scales the block before
    the ridge sees it: twice the weight is a quarter of the penalty.
    """

    kind: Kind
    column: str | None = None
    knots: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    centre: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """Everything `inputs.assemble` and `inputs.restore` need; ships as `forecast.json`.

    Plain tuples, strings and numbers: `msgspec.json` encodes and decodes it as it stands.

    A model that is told a `start_seconds` is two models in one matrix: one for starts at that
    time of day (where step and hour are the same thing, so each hour has its own weights), and
    one, from the `anytime` features, for any other start. `assemble` fills the part that applies
    and leaves the other 0.

    Attributes:
        targets: column names predicted, in the order of the last axis of `history` and `mean`.
        step_seconds: seconds from one row to the next.
        horizon: steps predicted.
        context: rows of history taken.
        units: unit of each target, or None.
        known: names of covariates known ahead, in the order of the last axis of `known`.
        normalisation: length in steps of the trailing mean taken off each window; 0 for none.
        logarithm: work on the logarithm of the targets, which must then be positive.
        timezone: IANA name of the zone whose calendar counts.
        start_seconds: local second of the day forecasts usually start at (0 = midnight);
            None where no time of day is special.
        centres: per target, taken off (after the logarithm); empty for 0.
        scales: per target, divided by (after the logarithm); empty for 1.
        features: declared feature blocks, in the order they follow the window.
        anytime: the same for starts at another time of day than `start_seconds`.
        levels: quantile levels.
    """

    targets: tuple[str, ...]
    step_seconds: int
    horizon: int
    context: int
    units: tuple[str | None, ...] = ()
    known: tuple[str, ...] = ()
    normalisation: int = 0
    logarithm: bool = False
    timezone: str = "UTC"
    start_seconds: int | None = None
    centres: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    features: tuple[Feature, ...] = ()
    anytime: tuple[Feature, ...] = ()
    levels: tuple[float, ...] = DECILES

    def __post_init__(self) -> None:
        """Refuse what no forecaster can be.

        Raises:
            InvalidInput: a count or a name does not fit.
        """
        if self.horizon < 1:
            raise InvalidInput(f"horizon is {self.horizon}: ask for at least 1 step")
        if self.context < 1:
            raise InvalidInput(f"context is {self.context}: take at least 1 row of history")
        if self.step_seconds < 1:
            raise InvalidInput(f"step is {self.step_seconds} s: it must be at least 1 s")
        if not self.targets:
            raise InvalidInput("no target is named: name at least one column to forecast")
        if not 0 <= self.normalisation <= self.context:
            raise InvalidInput(
                f"normalisation over {self.normalisation} steps does not fit a context of "
                f"{self.context}: take 0 to {self.context}"
            )
        for feature in (*self.features, *self.anytime):
            if feature.column is not None and feature.column not in self.known:
                raise InvalidInput(
                    f"feature {feature.kind} uses column {feature.column!r}, which is not among "
                    f"the known-ahead columns: {', '.join(self.known) or '(none)'}"
                )

    @property
    def past(self) -> int:
        """How many rows of the known columns before the first step the features look at."""
        reaches = (
            feature.lengths[0]
            for feature in (*self.features, *self.anytime)
            if feature.kind is Kind.PAST
        )
        return max(reaches, default=0)

    @property
    def steps_per_day(self) -> int:
        """Rows in a day, at least 1."""
        return max(1, DAY_SECONDS // self.step_seconds)
