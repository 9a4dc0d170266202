"""A first declaration of features for a panel: which columns are flags, and where knots stand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Feature, Kind, Specification

SAFELY_POSITIVE = 0.2
"""A series is taken on a logarithm when its least value is above this share of its median."""
CALENDAR_WEIGHT = 3.0
COVARIATE_WEIGHT = 0.9
KNOT_QUANTILES = {0: (), 3: (0.5, 0.8, 0.95), 5: (0.35, 0.65, 0.85, 0.95, 0.99)}


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a declaration is searched.

    Attributes:
        context: rows of history.
        normalisation: steps of the trailing mean.
        knots: hinges of each covariate: a key of `KNOT_QUANTILES`.
        past_blocks: into how many blocks the covariates' last day is averaged; 0 for none.
    """

    context: int
    normalisation: int
    knots: int = 5
    past_blocks: int = 4


def scaled(specification: Specification, panel: Panel, *, positive: bool = True) -> Specification:
    """The same with logarithm, centres and scales as the panel's values have them.

    `positive` says whether the targets never are 0 or less outside the panel either: where they
    can be, there is no logarithm to forecast on.
    """
    values = panel.values
    if not np.isfinite(values).any(axis=0).all():
        raise InvalidInput("a target holds no number at all in the rows to fit on: leave it out")
    low, middle = np.nanmin(values, axis=0), np.nanmedian(values, axis=0)
    logarithm = positive and bool((low > 0).all() and (low >= SAFELY_POSITIVE * middle).all())
    shown = np.log(values) if logarithm else values
    spread = np.nanstd(shown, axis=0)
    return replace(
        specification,
        logarithm=logarithm,
        centres=tuple(np.nanmean(shown, axis=0).tolist()),
        scales=tuple(np.where(spread > 0, spread, 1.0).tolist()),
    )


def window_only(specification: Specification, shape: Shape) -> Specification:
    """The plain ridge: the window and nothing else, from any start."""
    return replace(
        specification,
        context=shape.context,
        normalisation=shape.normalisation,
        known=(),
        features=(),
        anytime=(),
        start_seconds=None,
    )


def declared(specification: Specification, panel: Panel, shape: Shape) -> Specification:
    """Calendar, holidays and degree hours for a panel whose covariates are `specification.known`.

    A column of zeros and ones is a flag; the first is taken for the holidays (or workdays). Any
    other is a quantity: its knots stand at quantiles of the rows given.
    """
    around = _covariates(specification, panel, shape)
    flags = [name for name, values in _columns(specification, panel) if is_flag(values)]
    week = Feature(Kind.WEEKDAY, flags[0] if flags else None, weight=CALENDAR_WEIGHT)
    year = Feature(Kind.ANNUAL, lengths=(1,), weight=CALENDAR_WEIGHT)
    hours = Feature(Kind.TIME_OF_DAY, lengths=(1, 2, 3), weight=CALENDAR_WEIGHT)
    plain, usual = (week, year, *around), specification.start_seconds is not None
    return replace(
        specification,
        context=shape.context,
        normalisation=shape.normalisation,
        features=plain if usual else (hours, *plain),
        anytime=(hours, *plain) if usual else (),
    )


def is_flag(values: Sequence[float]) -> bool:
    """Whether a column holds zeros and ones alone."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def _columns(specification: Specification, panel: Panel) -> list[tuple[str, Sequence[float]]]:
    recorded = [column[np.isfinite(column)].tolist() for column in panel.known.T]
    return list(zip(specification.known, recorded, strict=True))


def _covariates(specification: Specification, panel: Panel, shape: Shape) -> list[Feature]:
    made: list[Feature] = []
    day = min(specification.steps_per_day, specification.horizon)
    flags = 0
    for name, values in _columns(specification, panel):
        if is_flag(values):
            flags += 1
            if flags > 1 or specification.horizon > day:
                made.append(Feature(Kind.AHEAD, name, lengths=(day,), weight=CALENDAR_WEIGHT))
            continue
        spread = float(np.std(values)) or 1.0
        knots = tuple(np.quantile(values, KNOT_QUANTILES[shape.knots]).tolist())
        quantity = Feature(
            Kind.AHEAD, name, knots, centre=float(np.mean(values)), weight=COVARIATE_WEIGHT / spread
        )
        made.append(quantity)
        if shape.past_blocks:
            block = max(1, specification.steps_per_day // shape.past_blocks)
            lengths = (specification.steps_per_day, block)
            made.append(replace(quantity, kind=Kind.PAST, lengths=lengths))
    return made
