"""LightGBM through mlforecast, on the same rows and the same origins, for benchmarks alone."""

from dataclasses import dataclass
from time import process_time

import lightgbm
import numpy as np
import pandas as pd
from mlforecast import MLForecast
from numpy.typing import NDArray

from lichen.forecasting.panel import Panel

TREES = {
    "n_estimators": 300,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "verbosity": -1,
    "n_jobs": 1,
    "deterministic": True,
    "force_row_wise": True,
    "random_state": 0,
}
HISTORY = 24 * 15


@dataclass(frozen=True, slots=True)
class Peer:
    """What it said, `(origins, horizon, series)`, and the CPU-seconds it took."""

    mean: NDArray[np.float64]
    fit_cpu_s: float
    forecast_cpu_s: float


def forecast(  # noqa: PLR0913 - a benchmark's knobs
    panel: Panel,
    names: tuple[str, ...],
    train_rows: int,
    origins: NDArray[np.int64],
    horizon: int,
    *,
    direct: bool,
    timezone: str = "UTC",
) -> Peer:
    """Fitted once on the rows before `train_rows`; every origin then stands as a series of its own.

    Lags of the last day, of the days before and of the week, calendar, and the known columns.
    The calendar goes in as known columns: mlforecast's own date features stay at the origin when
    a direct model is fitted, and move with the step when it is asked.
    """
    model = MLForecast(
        models=lightgbm.LGBMRegressor(**TREES),
        freq=f"{panel.step_seconds}s",
        lags=[*range(1, 25), 48, 72, 96, 120, 144, 167, 168, 169, 336],
    )
    began = process_time()
    model.fit(
        _frame(panel, names, np.array([0]), 0, train_rows, timezone),
        static_features=[],
        max_horizon=horizon if direct else None,
        validate_data=False,
    )
    fitted = process_time()
    ahead = _frame(panel, names, origins, 0, horizon, timezone).drop(columns="y")
    said = model.predict(
        horizon, new_df=_frame(panel, names, origins, -HISTORY, 0, timezone), X_df=ahead
    ).sort_values(["unique_id", "ds"])
    shape = (panel.values.shape[1], len(origins), horizon)
    mean = said["LGBMRegressor"].to_numpy().reshape(shape).transpose(1, 2, 0)
    return Peer(mean, fitted - began, process_time() - fitted)


def _frame(
    panel: Panel,
    names: tuple[str, ...],
    origins: NDArray[np.int64],
    first: int,
    last: int,
    timezone: str,
) -> pd.DataFrame:
    """Rows `[origin + first, origin + last)` of every series, one id each, ids in order."""
    rows = origins[:, None] + np.arange(first, last)
    times = panel.time_of(rows.ravel())
    frames = []
    for series in range(panel.values.shape[1]):
        columns = {
            "unique_id": np.repeat(series * len(origins) + np.arange(len(origins)), rows.shape[1]),
            "ds": times.astype("datetime64[ns]"),
            "y": panel.values[rows.ravel(), series],
        }
        local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(timezone)
        columns |= {"hour": local.hour, "weekday": local.weekday, "day": local.dayofyear}
        covariates = dict(zip(names, panel.known[rows.ravel()].T, strict=True))
        frames.append(pd.DataFrame(columns | covariates))
    return pd.concat(frames, ignore_index=True)
