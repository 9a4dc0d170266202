"""From a table to a forecaster's files: resumable, bounded, equal each time, and served."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table
from lichen.serving.forecaster import ForecastAdapter
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec, Refit
from lichen.training.result import TrainingResult
from lichen.training.watch import NoGauge, NoWatch, Progress

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 70
RIDGE = ForecastSpec(targets=("load",), horizon=24, algorithm="ridge-calendar", known=("warm",))


def table(days: int = DAYS, seed: int = 1) -> Table:
    random = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    warm = 15 + 5 * np.sin(2 * np.pi * hours / 24) + random.normal(size=len(hours)).cumsum() * 0.1
    week = 1 - 0.2 * ((hours // 24) % 7 >= 5)
    load = (50 + 10 * np.sin(2 * np.pi * hours / 24) + warm) * week
    load = load + random.normal(size=len(hours))
    return Table(
        np.datetime64("2026-01-05", "s") + hours * np.timedelta64(3600, "s"),
        (
            Column("load", Dtype.NUMBER, "MW", Role.TARGET),
            Column("warm", Dtype.NUMBER, "degC", Role.KNOWN),
            Column("more", Dtype.NUMBER, "MW"),
        ),
        {"load": load, "warm": warm, "more": 2 * load + random.normal(size=len(hours))},
    )


@dataclass
class SteppingGauge:
    """Every look costs one joule more: a budget runs out at a known place."""

    looks: int = 0

    @property
    def ng(self) -> int:
        return self.looks * 100_000_000

    def spent(self) -> EnergyFigure:
        self.looks += 1
        nj = Nanojoules(self.looks * 1_000_000_000)
        return EnergyFigure(nj, nj, nj, Method.MODELLED, "stepping")


@dataclass
class DyingWatch:
    """Dies when it is told of the nth progress; what it kept stays."""

    dies_at: int
    kept: dict[str, bytes] = field(default_factory=dict)
    seen: list[Progress] = field(default_factory=list)
    cancelled: bool = False
    wants_checkpoint: bool = False

    def report(self, progress: Progress) -> None:
        self.seen.append(progress)
        if len(self.seen) == self.dies_at:
            raise KeyboardInterrupt

    def save(self, name: str, body: bytes) -> None:
        self.kept[name] = body

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)


def train(spec: ForecastSpec = RIDGE, rows: Table | None = None) -> TrainingResult:
    return execute(spec, rows or table(), NoWatch(), NoGauge())


def metric(result: TrainingResult, name: str) -> float:
    return next(metric.value for metric in result.metrics if metric.name == name)


def test_two_runs_give_the_same_files() -> None:
    first, second = train(), train()
    assert first.files == second.files
    assert first.metrics == second.metrics


def test_the_ridge_beats_the_guard_and_says_by_how_much() -> None:
    result = train(replace(RIDGE, algorithm="auto", known=()), table(40))
    assert result.algorithm in ("ridge", "ridge-calendar")
    assert metric(result, "skill") > 0.1
    assert {one.split for one in result.metrics} == {"test"}
    assert [one.algorithm for one in result.candidates][:2] == ["naive-day", "naive-week"]
    assert sum(one.chosen for one in result.candidates) == 1
    assert all("joules per forecast" in one.sentence for one in result.candidates[1:])


def test_a_killed_run_resumes_and_gives_the_same_files() -> None:
    watching = DyingWatch(dies_at=0)
    whole = execute(RIDGE, table(), watching, NoGauge())
    for dies_at in range(2, len(watching.seen), 3):
        watch = DyingWatch(dies_at)
        with pytest.raises(KeyboardInterrupt):
            execute(RIDGE, table(), watch, NoGauge())
        resumed = execute(RIDGE, table(), DyingWatch(0, kept=watch.kept), NoGauge())
        assert resumed.files == whole.files
        assert resumed.metrics == whole.metrics


def test_a_resumed_run_does_not_try_again_what_was_tried() -> None:
    watch = NoWatch()
    execute(RIDGE, table(), watch, NoGauge())
    again = NoWatch()
    again.kept = watch.kept
    execute(RIDGE, table(), again, NoGauge())
    assert len(again.seen) < len(watch.seen)


def test_a_resumed_run_counts_what_its_first_attempt_spent() -> None:
    spec = replace(RIDGE, algorithm="ridge", budget_nj=10**15)
    watch = NoWatch()
    execute(spec, table(), watch, SteppingGauge())
    again = NoWatch()
    again.kept = watch.kept
    execute(spec, table(), again, SteppingGauge())
    last, first = again.seen[-1].spent_nj, watch.seen[-1].spent_nj
    assert last is not None
    assert first is not None
    assert last > again.seen[0].spent_nj * 2  # type: ignore[operator]


def test_a_checkpoint_of_other_rows_is_not_used() -> None:
    watch = NoWatch()
    execute(RIDGE, table(seed=1), watch, NoGauge())
    other = execute(RIDGE, table(seed=2), watch, NoGauge())
    assert other.files == train(rows=table(seed=2)).files


def test_a_cut_off_checkpoint_is_not_used() -> None:
    watch = NoWatch()
    watch.kept["search"] = b'{"task": "x", "tri'
    assert execute(RIDGE, table(), watch, NoGauge()).files == train().files


def test_a_cancelled_run_ends() -> None:
    watch = DyingWatch(0, cancelled=True)
    with pytest.raises(WorkFailed, match="cancelled"):
        execute(RIDGE, table(), watch, NoGauge())


@pytest.mark.parametrize("kind", ["energy", "carbon"])
@pytest.mark.parametrize(("budget_j", "tried"), [(1, 2), (40, 2), (10_000, 3)])
def test_the_search_ends_at_its_budget_with_what_it_has(
    budget_j: int, tried: int, kind: str
) -> None:
    watch = NoWatch()
    nj = budget_j * 1_000_000_000
    spec = replace(RIDGE, budget_nj=nj if kind == "energy" else None)
    spec = replace(spec, budget_ng=nj // 10 if kind == "carbon" else None)
    result = execute(spec, table(), watch, SteppingGauge())
    assert len(result.candidates) == tried
    notes = [progress.note for progress in watch.seen if progress.note]
    assert (f"not tried, the {kind} budget is spent" in notes[-1]) == (tried == 2)
    assert set(result.files) == {"model.onnx", "forecast.json", "quantiles.npy"}


def test_progress_never_goes_back_and_carries_the_joules() -> None:
    watch = NoWatch()
    execute(RIDGE, table(), watch, SteppingGauge())
    fractions = [progress.fraction for progress in watch.seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    spent = [progress.spent_nj or 0 for progress in watch.seen]
    assert spent == sorted(spent)
    assert spent[0] > 0


def test_errors_of_several_units_are_not_averaged() -> None:
    both = replace(RIDGE, targets=("load", "warm"), known=(), algorithm="naive-day")
    assert {one.name for one in train(both).metrics} == {
        "MASE",
        "MAPE",
        "coverage",
        "MASE of the naive guard",
        "skill",
    }
    alike = {one.name: one.unit for one in train(replace(both, targets=("load", "more"))).metrics}
    assert alike["RMSE"] == alike["MAE"] == alike["pinball"] == "MW"


def test_a_truth_that_was_filled_is_never_scored() -> None:
    whole = table()
    load = whole.arrays["load"].copy()
    load[24 * 66 : 24 * 68] = np.nan
    load[24 * 20 : 24 * 22] = np.nan
    gappy = Table(whole.times, whole.columns, {**whole.arrays, "load": load})
    result = train(replace(RIDGE, algorithm="naive-day"), gappy)
    assert result.parameters["cells_filled"] == 96
    recorded = np.isfinite(load)
    scale = np.nanmean(np.abs(load[24:1176] - load[: 1176 - 24]))  # in the 70 % fitted on
    for row in np.flatnonzero(~recorded):
        load[row] = load[row - 24]
    missed = np.abs(load[1440:] - load[1440 - 24 : -24])  # from the test's first midnight on
    missed = missed[recorded[1440:]]
    assert metric(result, "MASE") == pytest.approx(missed.mean() / scale, rel=1e-5)


STATED: Mapping[str, datetime] = {
    "train_until": START + timedelta(days=45),
    "validate_until": START + timedelta(days=60),
}


def test_rows_after_the_stated_times_are_never_looked_at() -> None:
    spec = replace(RIDGE, **STATED)  # type: ignore[arg-type]
    rows = table()
    after = {name: array.copy() for name, array in rows.arrays.items()}
    for array in after.values():
        array[24 * 60 :] = np.nan
    poisoned = Table(rows.times, rows.columns, after)
    assert train(spec, poisoned) == train(spec, rows)
    assert {one.split for one in train(spec, rows).metrics} == {"validation"}


def test_a_stated_test_part_is_scored_and_not_chosen_on() -> None:
    spec = replace(RIDGE, **STATED, test_until=START + timedelta(days=68))  # type: ignore[arg-type]
    result = train(spec)
    assert {one.split for one in result.metrics} == {"test"}
    assert result.parameters["rows_tested"] == 8 * 24


def test_weekly_refits_are_scored_and_the_last_is_shipped() -> None:
    once, weekly = train(), train(replace(RIDGE, refit=Refit.WEEKLY))
    assert once.files["model.onnx"] != weekly.files["model.onnx"]
    assert metric(weekly, "skill") > 0


def test_with_few_rows_what_they_cannot_carry_is_left_out_with_a_sentence() -> None:
    watch = NoWatch()
    result = execute(replace(RIDGE, algorithm="auto"), table(11), watch, NoGauge())
    assert {"naive-week", "lightgbm"}.isdisjoint(one.algorithm for one in result.candidates)
    notes = [progress.note for progress in watch.seen if progress.note]
    assert any("week before: not tried, naive-week needs 192 rows" in note for note in notes)
    assert metric(result, "MASE of the naive guard") > 0


def test_a_forced_algorithm_that_rows_cannot_carry_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lightgbm needs 192 rows to fit on"):
        train(replace(RIDGE, algorithm="lightgbm"), table(11))


def test_a_percentage_of_next_to_nothing_is_not_reported() -> None:
    rows = table(40)
    centred = dict(rows.arrays) | {"load": rows.column("load") - rows.column("load").mean()}
    centred["load"][24 * 39] = 1e-9
    result = train(RIDGE, Table(rows.times, rows.columns, centred))
    names = {one.name for one in result.metrics}
    assert "MAPE" not in names
    assert {"MASE", "RMSE", "pinball", "coverage", "skill"} <= names
    assert "MAPE" in {one.name for one in train().metrics}


def test_a_panel_becomes_one_model_channel_by_channel() -> None:
    one = table(40)
    assert one.times is not None
    panel = Table(
        np.tile(one.times, 2),
        (*one.columns[:2], Column("site", Dtype.TEXT, None, Role.SERIES)),
        {
            "load": np.concatenate([one.column("load"), 3 * one.column("load")]),
            "warm": np.tile(one.column("warm"), 2),
            "site": np.repeat(np.array(["a", "b"], dtype=object), len(one)),
        },
    )
    result = train(replace(RIDGE, series="site"), panel)
    assert result.parameters["channels"] == ["load[a]", "load[b]"]
    assert result.signature.outputs[0].shape == (-1, 24, 2)
    assert metric(result, "skill") > 0


def test_several_targets_become_one_model_channel_by_channel() -> None:
    result = train(replace(RIDGE, targets=("load", "more")))
    assert result.signature.inputs[0].shape[2] == 2
    assert result.signature.outputs[1].shape == (-1, 24, 2, 9)
    assert metric(result, "skill") > 0


@pytest.mark.parametrize("algorithm", ["naive-day", "naive-week", "ridge", "lightgbm"])
def test_a_forced_algorithm_is_trained_and_served(algorithm: str) -> None:
    result = train(replace(RIDGE, algorithm=algorithm))
    assert result.algorithm == algorithm
    predictor = ForecastAdapter().load(result.files, result.signature)
    answer = predictor.predict(_newest(result, table()))
    assert answer["mean"].shape == (1, 24, 1)
    assert (np.diff(answer["quantiles"], axis=-1) >= 0).all()


def test_the_served_forecast_is_near_what_came_true() -> None:
    rows = table()
    result = train()
    answer = ForecastAdapter().load(result.files, result.signature).predict(_newest(result, rows))
    truth = rows.column("load")[-24:]
    assert np.abs(answer["mean"][0, :, 0] - truth).mean() < 4
    before = rows.column("load")[-48:-24]
    assert np.abs(answer["mean"][0, :, 0] - truth).mean() < np.abs(before - truth).mean()


def test_the_signature_carries_names_shapes_and_units() -> None:
    history, start, known, past = train().signature.inputs
    assert (history.name, history.shape[2], history.unit) == ("history", 1, "MW")
    assert (start.name, start.shape) == ("start", (-1,))
    assert (known.name, known.shape, known.optional) == ("known", (-1, 24, 1), False)
    assert (past.name, past.optional) == ("past", True)
    mean, quantiles = train().signature.outputs
    assert (mean.shape, quantiles.shape) == ((-1, 24, 1), (-1, 24, 1, 9))
    assert {mean.unit, quantiles.unit} == {"MW"}


def test_parameters_and_candidates_travel_as_json() -> None:
    result = train()
    assert msgspec.json.decode(msgspec.json.encode(result.parameters))["horizon"] == 24
    assert b"ridge-calendar" in msgspec.json.encode(result.candidates)


def _newest(result: TrainingResult, rows: Table) -> Batch:
    """The request for the last day of the rows."""
    shape = {spec.name: spec.shape for spec in result.signature.inputs}
    context = shape["history"][1]
    first = len(rows) - 24
    assert rows.times is not None
    arrays: dict[str, Any] = {
        "history": rows.column("load")[first - context : first].astype(np.float32)[None, :, None],
        "start": np.array([f"{rows.times[first]}Z".encode()], dtype=np.object_),
    }
    if "known" in shape:
        warm = rows.column("warm").astype(np.float32)
        arrays["known"] = warm[first:][None, :, None]
        if "past" in shape:
            arrays["past"] = warm[first - shape["past"][1] : first][None, :, None]
    return Batch(arrays)


@pytest.mark.parametrize(
    ("spec", "rows", "sentence"),
    [
        (RIDGE, table(2), "fewer than the 48 of one context"),
        (RIDGE, table(9), "no forecast that starts at 00:00 fits the 33 rows"),
        (replace(RIDGE, context=24 * 60), table(), "fewer than the 1464 of one context"),
        (
            replace(RIDGE, train_until=START, validate_until=START + timedelta(days=9)),
            table(),
            "0 rows to fit on",
        ),
        (
            replace(
                RIDGE,
                train_until=START + timedelta(days=30),
                validate_until=START + timedelta(days=30, hours=20),
            ),
            table(),
            "the validation part has 20 rows, fewer than one horizon",
        ),
        (replace(RIDGE, algorithm="best"), table(), "'best' is unknown"),
        (replace(RIDGE, known=("rain",)), table(), "no column 'rain'"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(
    spec: ForecastSpec, rows: Table, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        train(spec, rows)


def test_a_target_that_never_changes_is_refused() -> None:
    rows = table()
    flat = dict(rows.arrays) | {"load": np.full(len(rows), 5.0)}
    with pytest.raises(InvalidInput, match="no change"):
        train(RIDGE, Table(rows.times, rows.columns, flat))
