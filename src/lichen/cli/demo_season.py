"""Forecast each day of a season over HTTP; score it against the truth and a week ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.client.connection import Lichen
from lichen.client.inference import Answer
from lichen.core.errors import WorkFailed
from lichen.core.figures import Receipt
from lichen.evaluation.scores import coverage, mape, pinball, rmse
from lichen.protocol.admin import NewestInput

DAY = timedelta(days=1)
WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Error:
    """How far off forecasts were: `mape` in per cent, `rmse` in the target's unit."""

    mape: float
    rmse: float


@dataclass(frozen=True, slots=True)
class Season:
    """Forecasts of consecutive days beside what came true, and what they cost.

    `coverage` is the share of truths, in per cent, in the interval from the first to the last
    decile; `last` is the receipt of the last forecast, the totals are those of all.
    """

    days: int
    model: Error
    naive: Error
    pinball: float
    coverage: float
    last: Receipt
    total_nj: int
    total_ng: int | None


@dataclass(frozen=True, slots=True)
class _Day:
    """One day's request, and the day before as it came true `(steps,)`."""

    asked: NewestInput
    before: NDArray[np.float64]


def forecast_season(platform: Lichen, deployment: str, first: datetime, days: int) -> Season:
    """Forecast `days` days from `first` on, each with only the rows before it.

    The truth of a day is taken from the request of the next one, whose history holds it.

    Raises:
        WorkFailed: an answer came without a receipt.
    """
    asked = [
        _day(platform.deployments.newest_input(deployment, first + number * DAY))
        for number in range(1 - WEEK_DAYS, days + 1)
    ]
    answers = [
        platform.inference.infer(deployment, msgspec.json.encode(day.asked.request))
        for day in asked[WEEK_DAYS - 1 : -1]
    ]
    truth = _stacked([day.before for day in asked[WEEK_DAYS:]])
    week_ago = _stacked([day.before for day in asked[:days]])
    levels = asked[0].asked.quantile_levels
    return _scored(answers, truth, week_ago, levels)


def _day(asked: NewestInput) -> _Day:
    inputs = {one["name"]: one for one in asked.request["inputs"]}
    history = np.array(inputs["history"]["data"], dtype=np.float64).ravel()
    return _Day(asked, history[-len(asked.times) :])


def _scored(
    answers: Sequence[Answer],
    truth: NDArray[np.float64],
    week_ago: NDArray[np.float64],
    levels: Sequence[float],
) -> Season:
    mean = _output(answers, "mean")
    quantiles = _output(answers, "quantiles")
    receipts = [_receipt(answer) for answer in answers]
    grams = [one.carbon.ng for one in receipts if one.carbon is not None]
    return Season(
        days=len(answers),
        model=Error(mape(truth, mean), rmse(truth, mean)),
        naive=Error(mape(truth, week_ago), rmse(truth, week_ago)),
        pinball=pinball(truth, quantiles, levels),
        coverage=coverage(truth, quantiles),
        last=receipts[-1],
        total_nj=sum(one.energy.nj for one in receipts),
        total_ng=sum(grams) if len(grams) == len(receipts) else None,
    )


def _output(answers: Sequence[Answer], name: str) -> NDArray[Any]:
    return np.concatenate([np.array(answer.outputs[name]) for answer in answers])


def _stacked(days: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(days, steps, 1)."""
    return np.stack(days)[:, :, None]


def _receipt(answer: Answer) -> Receipt:
    if answer.receipt is None:
        raise WorkFailed("an answer came without its receipt: is the meter's owner alive?")
    return answer.receipt
