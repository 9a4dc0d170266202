"""Rolling-origin scores without leakage, and quantiles whose width follows what came true."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.scores import Forecasts, Score, all_scores, mase, seasonal_scale
from lichen.forecasting.backtest import Backtest
from lichen.forecasting.quantiles import Width, apply, table
from lichen.forecasting.specification import Specification
from lichen.training.forecasts.algorithms import Algorithm, Misses, Pause, Setting
from lichen.training.forecasts.core import Fitted
from lichen.training.forecasts.study import Study

IN_THE_UNIT = ("RMSE", "MAE", "pinball")
"""Scores in the unit of the channels: degrees and megawatts have no mean."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A candidate on rows it never saw.

    Attributes:
        scores: of means and quantiles.
        fitted: on the rows before theirs.
        table: the residual quantiles its intervals started from.
        width: how much wider than the table they ended.
    """

    scores: tuple[Score, ...]
    fitted: Fitted
    table: NDArray[np.float32]
    width: Width

    def value(self, name: str) -> float:
        """A score by name."""
        return next(score.value for score in self.scores if score.name == name)


def scale_of(study: Study) -> NDArray[np.float64]:
    """What MASE divides by: each channel's mean change over a day in the rows fitted on.

    Raises:
        InvalidInput: a channel never changes.
    """
    return seasonal_scale(study.recorded[: study.split.fit], study.day, study.base.targets)


def validation_mase(study: Study, rolled: Backtest) -> float:
    """MASE over all channels: 1 is as good as the day before was in the rows fitted on."""
    return mase(study.scored(rolled).truth, rolled.mean, scale_of(study))


def rate(
    study: Study, algorithm: Algorithm, setting: Setting, part: tuple[int, int], pause: Pause
) -> Rated:
    """Scores on the rows of a part, by models and quantiles that saw only what came before them."""
    first, last = part
    rows = study.origins(first, last)
    fitted = algorithm.fit(study, setting, first, pause)
    rolled = study.scored(algorithm.roll(study, setting, rows, fitted))
    misses = algorithm.misses(study, setting, first, pause)
    residual_table = quantile_table(study, setting, misses)
    quantiles, width = adaptive(setting.specification, residual_table, rolled)
    forecasts = Forecasts(
        rolled.truth, rolled.mean, quantiles, setting.specification.levels, unit_of(study)
    )
    scores = all_scores(forecasts, scale_of(study))
    if len(set(study.base.units)) > 1:
        scores = tuple(score for score in scores if score.name not in IN_THE_UNIT)
    return Rated(scores, fitted, residual_table, width)


def quantile_table(study: Study, setting: Setting, misses: Misses) -> NDArray[np.float32]:
    """Residual quantiles per hour and horizon, as `quantiles.npy` holds them."""
    start = study.panel.time_of(misses.origins)
    return table(setting.specification, start, misses.left)


def adaptive(
    specification: Specification, residual_table: NDArray[np.float32], rolled: Backtest
) -> tuple[NDArray[np.float64], Width]:
    """Quantiles of each forecast in order of time, and the width after the last.

    A forecast's truth changes the width of those only that start after its last step.
    """
    widths = [Width.neutral(specification)]
    made: list[NDArray[np.float64]] = []
    settled = 0
    for place, origin in enumerate(rolled.origins.tolist()):
        while rolled.origins[settled] + specification.horizon <= origin:
            widths.append(_followed(specification, widths[-1], rolled, made, settled))
            settled += 1
        one = slice(place, place + 1)
        made.append(
            apply(specification, residual_table, rolled.mean[one], rolled.start[one], widths[-1])[0]
        )
    width = widths[-1]
    for place in range(settled, len(made)):
        width = _followed(specification, width, rolled, made, place)
    return np.stack(made), width


def unit_of(study: Study) -> str | None:
    """The channels' unit, where they share one."""
    units = set(study.base.units)
    return next(iter(units)) if len(units) == 1 else None


def _followed(
    specification: Specification,
    width: Width,
    rolled: Backtest,
    made: list[NDArray[np.float64]],
    place: int,
) -> Width:
    return width.update(specification.levels, rolled.truth[place], made[place])
