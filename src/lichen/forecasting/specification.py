"""What a forecaster is made of, by name: enough to rebuild its inputs at serving time."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.errors import InvalidInput

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DAY_SECONDS = 86_400


class Kind(StrEnum):
    """What a declared feature computes; each is one function of `features.py`."""

    WEEKDAY = "weekday"
    """One-hot local weekday of the first step predicted."""
    HOUR = "hour"
    """One-hot local time of day (in steps) of the first step predicted."""
    ANNUAL = "annual"
    """Sine and cosine of the time of year; `lengths` are the harmonics."""
    AHEAD = "ahead"
    """A known column at each step of the horizon, as hinges at `knots` (none: the value itself)."""
    PAST = "past"
    """A known column before the first step, averaged backwards over blocks of `lengths` steps,
    as hinges at `knots` (none: the value itself)."""
    DAY = "day"
    """A known column averaged over the horizon, as hinges at `knots`."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared block of features.

    `weight` scales the block before the ridge sees it: twice the weight is a quarter of the
    penalty.
    """

    kind: Kind
    column: str | None = None
    knots: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """Everything `inputs.assemble` and `inputs.restore` need; ships as `forecast.json`.

    Plain tuples, strings and numbers: `msgspec.json` encodes and decodes it as it stands.

    Attributes:
        targets: column names predicted, in the order of the last axis of `history` and `mean`.
        units: unit of each target, or None.
        known: names of covariates known ahead, in the order of the last axis of `known`.
        step_seconds: seconds from one row to the next.
        horizon: steps predicted.
        context: rows of history taken.
        normalisation: length in steps of the trailing mean taken off each window; 0 for none.
        logarithm: work on the logarithm of the targets, which must then be positive.
        timezone: IANA name of the zone whose calendar counts.
        start_seconds: local second of the day every forecast starts at (0 = midnight);
            None where forecasts start at any step.
        centres, scales: per target, taken off and divided by (after the logarithm).
        features: declared feature blocks, in the order they follow the window.
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
        if not self.targets:
            raise InvalidInput("no target is named: name at least one column to forecast")
        if not 0 <= self.normalisation <= self.context:
            raise InvalidInput(
                f"normalisation over {self.normalisation} steps does not fit a context of "
                f"{self.context}: take 0 to {self.context}"
            )
        for feature in self.features:
            if feature.column is not None and feature.column not in self.known:
                raise InvalidInput(
                    f"feature {feature.kind} uses column {feature.column!r}, which is not among "
                    f"the known-ahead columns {', '.join(self.known) or '(none)'}"
                )
