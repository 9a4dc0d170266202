"""Forecasts: accuracy, calibration and CPU beside the naive guards and LightGBM, in one run.

Run as `python benchmarks/forecasting.py`; it needs `../shared/data` beside the checkout, and for
the peers the `bench` dependency group. Every choice is made on rows before the test part.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time, thread_time_ns

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lichen.evaluation.comparison import compare
from lichen.evaluation.scores import Forecasts, all_scores, seasonal_scale
from lichen.forecasting.backtest import Backtest, forecast_at, roll, roll_quantiles
from lichen.forecasting.crossvalidation import cross_residuals
from lichen.forecasting.declaration import scaled
from lichen.forecasting.fitting import Rows, fit, origins, usual_origins, window_moments_of
from lichen.forecasting.inputs import assemble
from lichen.forecasting.naive import seasonal
from lichen.forecasting.panel import Panel, on_grid
from lichen.forecasting.quantiles import residuals
from lichen.forecasting.ridge import squared_error
from lichen.forecasting.selection import (
    Candidate,
    Split,
    declared_candidates,
    window_candidates,
)
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx_writer import linear_core

try:
    from peers_lightgbm import Peer
    from peers_lightgbm import forecast as lightgbm_forecast
except ImportError:
    lightgbm_forecast = None

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
HOUR = 3600
DAY, WEEK = 24, 168
UNIT = "MW"


ZONE = "Australia/Melbourne"
KNOWN = ("Temperature", "Holiday")
ETT_ROWS = (8640, 2880, 2880)
ETT_HORIZONS = (96, 192, 336, 720)
PUBLISHED = "published on ETTh1: PatchTST 0.413, DLinear 0.423 (averages of the four horizons)"
misses: list[str] = []


def promise(name: str, value: float, high: float, low: float = float("-inf")) -> None:
    """Print one promised figure beside its bounds."""
    met = low <= value <= high
    bounds = f"at most {high:g}" if low == float("-inf") else f"{low:g} to {high:g}"
    print(f"  {'met   ' if met else 'MISSED'} {name}: {value:.4g} ({bounds})")
    if not met:
        misses.append(name)


# --- Victoria: 24 hours ahead at local midnight -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Tested:
    """A model over the test year: forecasts, quantiles, CPU-seconds of search and of the year."""

    made: Backtest
    quantiles: NDArray[np.float64] | None
    search_cpu_s: float
    year_cpu_s: float
    best: Candidate | None = None


def victoria() -> tuple[Panel, Split]:
    """Hourly means, and the rows of 2013 and of 2014 by the local Date column."""
    with (DATA / "vic_electricity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = np.array([row["Time"].rstrip("Z") for row in rows], dtype="datetime64[s]")
    hours = times.astype("datetime64[h]").astype("datetime64[s]")[::2]
    columns = {
        "Demand": [float(row["Demand"]) for row in rows],
        "Temperature": [float(row["Temperature"]) for row in rows],
        "Holiday": [float(row["Holiday"] == "TRUE") for row in rows],
    }
    hourly = {
        name: np.array(values).reshape(-1, 2).mean(axis=1) for name, values in columns.items()
    }
    panel = on_grid(
        hours,
        hourly["Demand"][:, None],
        np.column_stack([hourly["Temperature"], hourly["Holiday"]]),
        HOUR,
    )
    dates = [row["Date"] for row in rows[::2]]
    return panel, Split(dates.index("2013-01-01"), dates.index("2014-01-01"))


def victoria_base(panel: Panel, known: tuple[str, ...], split: Split) -> Specification:
    """A day ahead from local midnight, scaled by the rows before 2013."""
    plain = Specification(
        targets=("Demand",),
        units=(UNIT,),
        known=known,
        step_seconds=HOUR,
        horizon=DAY,
        context=DAY,
        timezone=ZONE,
        start_seconds=0,
    )
    return scaled(plain, panel.until(split.train))


def tested_ridge(panel: Panel, known: tuple[str, ...], split: Split) -> Tested:
    """Chosen on 2013; then 2014 with a refit each week, its first residuals cross-validated."""
    began = process_time()
    base = victoria_base(panel, known, split)
    candidates = declared_candidates(base, panel, split, refit=True)
    best = min(candidates, key=lambda candidate: candidate.error)
    chosen = process_time()
    specification = best.specification
    rows = usual_origins(specification, panel, split.validate, panel.rows)
    made = roll(specification, panel, best.penalty, rows, WEEK)
    seen = panel.until(split.validate)
    where, left = cross_residuals(specification, seen, 0, best.penalty)
    quantiles, _ = roll_quantiles(specification, made, (panel.time_of(where), left), WEEK)
    return Tested(made, quantiles, chosen - began, process_time() - chosen, best)


def tested_naive(panel: Panel, period: int, rows: Rows, split: Split) -> Tested:
    """A season ago again, with quantiles from what that missed by before 2014."""
    base = victoria_base(panel, (), split)
    specification, weights = seasonal(base, period)
    bare = replace(panel, known=panel.known[:, :0])
    began = process_time()
    made = forecast_at(specification, weights, bare, rows)
    earlier = usual_origins(replace(base, context=period), bare, 0, split.validate)
    before = forecast_at(specification, weights, bare, earlier)
    left = residuals(specification, before.mean, before.truth)
    quantiles, _ = roll_quantiles(specification, made, (before.start, left), WEEK)
    return Tested(made, quantiles, 0.0, process_time() - began)


def victoria_rows(panel: Panel, split: Split, *, quick: bool) -> Iterator[tuple[str, Tested]]:
    """Every model in turn, cheapest first; the ridges' promises are printed on the way."""
    rows = usual_origins(victoria_base(panel, KNOWN, split), panel, split.validate, panel.rows)
    holidays = replace(panel, known=panel.known[:, 1:])
    yield "naive, a day ago", tested_naive(panel, DAY, rows, split)
    yield "naive, a week ago", tested_naive(panel, WEEK, rows, split)
    yield "ridge, calendar", tested_ridge(holidays, KNOWN[1:], split)
    yield "ridge, calendar and T", tested_ridge(panel, KNOWN, split)
    if lightgbm_forecast is None:
        return
    for label, data, known in (("", holidays, KNOWN[1:]), (" and T", panel, KNOWN)):
        for direct in (False, True):
            if direct and quick:
                continue
            said = lightgbm_forecast(
                data, known, split.validate, rows, DAY, direct=direct, timezone=ZONE
            )
            way = "direct" if direct else "recursive"
            yield f"LightGBM {way}, calendar{label}", _peer(said, panel, rows)


def _peer(said: "Peer", panel: Panel, rows: Rows) -> Tested:
    truth = panel.values[rows[:, None] + np.arange(DAY)]
    made = Backtest(rows, panel.time_of(rows), said.mean, truth)
    return Tested(made, None, 0.0, said.fit_cpu_s + said.forecast_cpu_s)


def bench_victoria(*, quick: bool) -> None:
    """The table and the promises."""
    panel, split = victoria()
    scale = seasonal_scale(panel.values[: split.validate], WEEK)
    print("Victoria's demand, hourly, 24 h ahead at local midnight of every day of 2014")
    print("(chosen on 2013, refitted weekly; T is the actual temperature; MASE by the week before)")
    head = ("model", "MAPE %", "MASE", "pinball", "80 % cover", "search CPU-s", "year CPU-s")
    print(f"  {head[0]:36}" + "".join(f"{name:>13}" for name in head[1:]))
    tested: dict[str, Tested] = {}
    figures: dict[str, dict[str, float]] = {}
    for name, one in victoria_rows(panel, split, quick=quick):
        levels = victoria_base(panel, (), split).levels
        told = Forecasts(one.made.truth, one.made.mean, one.quantiles, levels, UNIT)
        figures[name] = {score.name: score.value for score in all_scores(told, scale)}
        tested[name] = one
        shown = [figures[name].get(key) for key in ("MAPE", "MASE", "pinball", "coverage")]
        cells = [*shown, one.search_cpu_s, one.year_cpu_s]
        print(f"  {name:36}" + "".join(f"{'-' if c is None else f'{c:.3f}':>13}" for c in cells))
    _victoria_promises(figures, tested)
    best = tested["ridge, calendar and T"].best
    if best is not None:
        _core(panel, split, best)


def _victoria_promises(figures: dict[str, dict[str, float]], tested: dict[str, Tested]) -> None:
    warm, plain = figures["ridge, calendar and T"], figures["ridge, calendar"]
    year = tested["ridge, calendar and T"].year_cpu_s
    promise("MAPE with T, %", warm["MAPE"], 2.25)
    promise("mean pinball over 9 deciles with T, MW", warm["pinball"], 43)
    promise("80 % coverage with T, %", warm["coverage"], 82, 78)
    promise("MAPE without T, %", plain["MAPE"], 3.45)
    promise("80 % coverage without T, %", plain["coverage"], 82, 78)
    promise("a year of weekly refits, forecasts and quantiles, CPU-s", year, 1)
    for name, one in tested.items():
        if name.startswith("LightGBM direct") and name.endswith("T"):
            ridge = tested["ridge, calendar and T"].made
            said = compare(_daily(ridge), _daily(one.made), overlap=7)
            print(
                f"  absolute error, ridge less {name}: {said.difference:.1f} MW "
                f"({said.low:.1f} to {said.high:.1f}), Diebold-Mariano p = {said.p_value:.2g}"
            )


def _daily(made: Backtest) -> NDArray[np.float64]:
    return np.asarray(np.abs(made.mean - made.truth).mean(axis=(1, 2)))


def _core(panel: Panel, split: Split, best: Candidate) -> None:
    """What the served core costs: the whole matrix, both parts, float32."""
    said = best.specification
    began = process_time()
    weights = fit(said, panel.until(split.validate), (best.penalty, best.penalty))
    fitted = process_time() - began
    content = linear_core(weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    row = np.array([split.validate])
    assembled = assemble(
        said,
        panel.values[row[:, None] + np.arange(-said.context, 0)],
        panel.time_of(row),
        panel.known[row[:, None] + np.arange(DAY)],
        panel.known[row[:, None] + np.arange(-said.past, 0)],
    )
    spent = []
    for _ in range(2000):
        begun = thread_time_ns()
        session.run(None, {"features": assembled.features})
        spent.append(thread_time_ns() - begun)
    print(f"  {weights.shape[0]} x {weights.shape[1]} weights, fitted in {fitted:.3f} CPU-s")
    promise("one forecast in the ONNX core, CPU-microseconds", float(np.median(spent)) / 1e3, 10)
    promise("artefact, MB", len(content) / 1e6, 1)


# --- ETTh1: the standard protocol ---------------------------------------------------------------


def etth1() -> tuple[Panel, Split]:
    """Seven channels standardised by the training rows, 12/4/4 months of 30 days."""
    path = DATA / "ETTh1.csv"
    raw = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=range(1, 8))
    train, validate, test = ETT_ROWS
    values = (raw - raw[:train].mean(axis=0)) / raw[:train].std(axis=0)
    values = values[: train + validate + test]
    start = np.datetime64("2016-07-01T00:00:00", "s")
    return Panel(start, HOUR, values, np.empty((len(values), 0))), Split(train, train + validate)


def bench_etth1() -> None:
    """Mean squared error over every window of the test part, stride 1, nothing dropped."""
    panel, split = etth1()
    channels = tuple(f"channel {number}" for number in range(1, 8))
    print("ETTh1, 7 standardised channels as one model, mean squared error, stride 1")
    sampled = np.arange(split.validate, panel.rows - max(ETT_HORIZONS) + 1, 12)
    trees = _ett_trees(panel, split, sampled)
    print(
        f"  {'horizon':>8}{'windows':>9}{'ridge':>9}{'naive day':>11}{'search CPU-s':>14}"
        f"{'fit CPU-s':>11}{'ridge*':>9}{'LightGBM*':>11}   context, normalisation, penalty"
    )
    errors = []
    for horizon in ETT_HORIZONS:
        base = Specification(targets=channels, step_seconds=HOUR, horizon=horizon, context=DAY)
        began = process_time()
        best = min(window_candidates(base, panel, split), key=lambda candidate: candidate.error)
        chosen = process_time()
        said = best.specification
        weights = fit(said, panel.until(split.train), (best.penalty,))
        fitted = process_time()
        error = _ett_error(said, weights, panel, split)
        errors.append(error)
        guard = _ett_error(*seasonal(base, DAY), panel, split)
        made = forecast_at(said, weights, panel, sampled)
        some = float(np.square(made.mean - made.truth).mean())
        tree = "-" if trees is None else f"{_squared(trees[:, :horizon], made.truth):.4f}"
        count = len(origins(said, panel, split.validate, panel.rows))
        print(
            f"  {horizon:>8}{count:>9}{error:>9.4f}{guard:>11.4f}{chosen - began:>14.2f}"
            f"{fitted - chosen:>11.3f}{some:>9.4f}{tree:>11}   "
            f"{said.context}, {said.normalisation}, {best.penalty:.0f}"
        )
        if horizon == ETT_HORIZONS[0]:
            search_cpu_s, fit_cpu_s = chosen - began, fitted - chosen
    print(
        "  * on every twelfth window of the longest horizon: LightGBM recursive through mlforecast"
    )
    print(f"  {PUBLISHED}")
    promise("MSE, average of the four horizons", float(np.mean(errors)), 0.404)
    promise("fit at horizon 96, CPU-s", fit_cpu_s, 0.2)
    promise("search at horizon 96, CPU-s", search_cpu_s, 3)


def _ett_error(
    said: Specification, weights: NDArray[np.float32], panel: Panel, split: Split
) -> float:
    """Over every window of the test part, from its moments."""
    moments = window_moments_of(said, panel, split.validate, panel.rows - said.horizon)
    return squared_error(moments, weights)


def _ett_trees(panel: Panel, split: Split, sampled: Rows) -> NDArray[np.float64] | None:
    if lightgbm_forecast is None:
        return None
    said = lightgbm_forecast(panel, (), split.train, sampled, max(ETT_HORIZONS), direct=False)
    print(
        f"  LightGBM: {said.fit_cpu_s:.1f} CPU-s to fit, "
        f"{1e3 * said.forecast_cpu_s / len(sampled):.1f} CPU-ms a forecast of 7 x 720 steps"
    )
    return said.mean


def _squared(said: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.square(said - truth).mean())


def main(arguments: list[str]) -> int:
    """Both benchmarks; 1 when a promise was missed, 0 with a word when the data is absent."""
    if not DATA.exists():
        print(f"skipped: {DATA} is absent")
        return 0
    if lightgbm_forecast is None:
        print("mlforecast is absent (install the `bench` group): no peers beside the ridge")
    bench_victoria(quick="--quick" in arguments)
    print()
    bench_etth1()
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
