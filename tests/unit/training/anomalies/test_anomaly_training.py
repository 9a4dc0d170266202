"""From rows to a detector's files: calibrated, compared by labels, resumable, equal each time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.protocol.training import AnomalyTraining, NetworkOptions
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.anomalies.task import train_anomaly
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.watch import NoWatch, Progress

MaterialsOf = Callable[..., Materials]
Arrays = dict[str, NDArray[Any]]
SINGLE = ("pca", "isolation-forest", "ecod")
ALL = (*SINGLE, "dynamic-pca")
NAMES = ("a", "b", "c", "d")


def rows(count: int = 600, seed: int = 1) -> Arrays:
    """Four columns, three of which follow one hidden number."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=count)
    noise = random.normal(size=(count, 4))
    return {
        "a": 3 + hidden + 0.2 * noise[:, 0],
        "b": 100 - 20 * hidden + 4 * noise[:, 1],
        "c": hidden + 0.2 * noise[:, 2],
        "d": noise[:, 3],
    }


def labelled(count: int = 600) -> Arrays:
    """The last tenth is anomalous: `c` no longer follows, in some of them hardly."""
    found = rows(count)
    astray = 1.2 * np.random.default_rng(11).normal(size=count)
    fault = np.arange(count) >= 0.9 * count
    found["c"] = np.where(fault, found["c"] + astray, found["c"])
    return {**found, "fault": fault.astype(np.float64)}


def asked(**options: Any) -> AnomalyTraining:  # noqa: ANN401 - fields of many types
    return AnomalyTraining(data="rows", **options)


def answers(trained: TrainingResult, columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What the served model answers for rows, windows made as the doors make them."""
    predictor = PipelineAdapter().load(trained.files, trained.signature)
    (takes,) = trained.signature.inputs
    values = np.column_stack([columns[name] for name in takes.columns])
    if len(takes.shape) == 3:
        here = np.arange(len(values))
        back = [values[np.maximum(here - lag, 0)] for lag in range(takes.shape[1] - 1, -1, -1)]
        values = np.stack(back, axis=1)
    return dict(predictor.predict(Batch({takes.name: values})).arrays)


def value(trained: TrainingResult, name: str) -> float:
    return next(one.value for one in trained.metrics if one.name == name)


@pytest.mark.parametrize("algorithm", ALL)
def test_usual_rows_that_were_not_trained_on_alarm_as_often_as_was_stated(
    materials_of: MaterialsOf, algorithm: str
) -> None:
    rate, count = 0.05, 2000
    options = asked(algorithm=algorithm, false_alarms=rate)
    trained = train_anomaly(options, materials_of(rows(count)))
    found = answers(trained, rows(count, seed=2))["anomaly"].mean()
    # the threshold and the rows it is tried on are both drawn: of each the binomial spread; a
    # window shares rows with its neighbours, so alarms of them come together
    together = 3 if algorithm == "dynamic-pca" else 1
    spread = np.sqrt(2 * together * rate * (1 - rate) / count)
    assert abs(found - rate) < 3.5 * spread


@pytest.mark.parametrize("algorithm", ["ecod", "dynamic-pca"])
def test_the_same_seed_and_rows_give_the_same_bytes(
    materials_of: MaterialsOf, algorithm: str
) -> None:
    options = asked(algorithm=algorithm, label="fault")
    made = [train_anomaly(options, materials_of(labelled())) for _ in range(2)]
    assert made[0].files == made[1].files
    assert made[0].metrics == made[1].metrics


def test_in_sample_thresholds_would_alarm_too_often(materials_of: MaterialsOf) -> None:
    random = np.random.default_rng(3)
    wide = {f"x{at:02}": random.normal(size=120) for at in range(24)}
    fresh = {f"x{at:02}": random.normal(size=4000) for at in range(24)}
    trained = train_anomaly(asked(algorithm="pca", false_alarms=0.05), materials_of(wide))
    score = answers(trained, fresh)["score"]
    own = answers(trained, wide)["score"]
    in_sample = np.quantile(own.max(axis=1), 0.95)
    assert (score.max(axis=1) > in_sample).mean() > 0.1
    assert (score.max(axis=1) > 1).mean() < 0.1


def test_by_labels_detectors_are_compared_and_the_choice_is_explained(
    materials_of: MaterialsOf,
) -> None:
    trained = train_anomaly(
        asked(label="fault", search=1, cv=2, network=NetworkOptions(epochs=2)),
        materials_of(labelled()),
    )
    tried = {one.algorithm for one in trained.candidates}
    assert tried == {"pca", "isolation-forest", "ecod", "dynamic-pca", "autoencoder"}
    chosen = next(one for one in trained.candidates if one.chosen)
    assert 0.6 < chosen.score < 0.999
    assert "average precision" in chosen.sentence
    assert value(trained, "PR-AUC") == pytest.approx(chosen.score, abs=1e-6)
    assert value(trained, "detection rate") > 0.3
    assert value(trained, "median detection delay") <= 5
    assert value(trained, "false-alarm rate") == pytest.approx(0.01, abs=0.005)
    for one in trained.metrics:
        if one.unit is None:
            assert one.low is not None
            assert one.high is not None
            assert one.low <= one.value <= one.high


def test_the_search_ends_where_nothing_is_left_to_find(materials_of: MaterialsOf) -> None:
    table = labelled()
    table["c"] = np.where(table["fault"] == 1, table["c"] + 50, table["c"])
    trained = train_anomaly(asked(label="fault"), materials_of(table))
    assert [one.algorithm for one in trained.candidates] == ["pca"]


def test_an_algorithm_that_is_far_behind_is_tried_once(materials_of: MaterialsOf) -> None:
    options = asked(label="fault", cv=2, network=NetworkOptions(epochs=1))
    trained = train_anomaly(options, materials_of(labelled()))
    assert [one.algorithm for one in trained.candidates].count("isolation-forest") == 1


def test_the_contributions_name_the_column_that_broke(materials_of: MaterialsOf) -> None:
    table = labelled()
    trained = train_anomaly(asked(label="fault", algorithm="pca"), materials_of(table))
    blamed = answers(trained, table)["contribution"][-50:].mean(axis=0)
    (_, _, contribution) = trained.signature.outputs
    assert contribution.columns[int(blamed.argmax())] == "c"


def test_without_labels_the_cheapest_is_taken_and_the_sentence_says_so(
    materials_of: MaterialsOf,
) -> None:
    trained = train_anomaly(asked(), materials_of(rows()))
    assert trained.algorithm == "pca"
    (only,) = trained.candidates
    assert "the cheapest and there are no labels" in only.sentence
    dynamic = train_anomaly(asked(lags=1), materials_of(rows()))
    assert dynamic.algorithm == "dynamic-pca"
    assert dynamic.signature.inputs[0].shape == (-1, 2, 4)


def test_rows_from_train_until_on_are_scored_and_not_fitted_on(materials_of: MaterialsOf) -> None:
    table = labelled()
    times = np.datetime64("2026-01-01", "s") + np.arange(600) * np.timedelta64(3600, "s")
    until = datetime(2026, 1, 11, tzinfo=UTC)
    trained = train_anomaly(
        asked(algorithm="pca", label="fault", train_until=until), materials_of(table, times=times)
    )
    assert {one.split for one in trained.metrics} == {"test"}
    assert trained.parameters["rows_calibrated"] == 240
    later = {
        name: np.where(times >= np.datetime64(until.replace(tzinfo=None)), 9e9, values)
        for name, values in table.items()
        if name != "fault"
    }
    other = train_anomaly(
        asked(algorithm="pca", train_until=until), materials_of(later, times=times)
    )
    alone = train_anomaly(
        asked(algorithm="pca", train_until=until),
        materials_of({name: table[name] for name in NAMES}, times=times),
    )
    assert other.files == alone.files


def test_windows_do_not_reach_over_runs(materials_of: MaterialsOf) -> None:
    table = rows(100)
    run = np.array([f"run{at // 10}" for at in range(100)], dtype=np.object_)
    options = asked(algorithm="dynamic-pca", lags=3, group="run", false_alarms=0.1)
    trained = train_anomaly(options, materials_of({**table, "run": run}))
    assert trained.parameters["rows_calibrated"] == 10 * (10 - 3)


def test_missing_values_are_filled_and_constant_columns_are_left_out_and_said(
    materials_of: MaterialsOf,
) -> None:
    table = rows()
    table["a"] = np.where(np.arange(600) % 7 == 0, np.nan, table["a"])
    table |= {"still": np.full(600, 7.0), "hollow": np.full(600, np.nan)}
    trained = train_anomaly(asked(), materials_of(table))
    assert trained.parameters["columns"] == list(NAMES)
    assert trained.parameters["columns_left_out"] == [
        "hollow left out: empty",
        "still left out: constant",
    ]
    nothing = {name: np.full(3, np.nan) for name in NAMES}
    assert not answers(trained, nothing)["anomaly"].any()


def test_a_run_that_died_takes_up_where_it_stood_and_gives_the_same_bytes(
    materials_of: MaterialsOf,
) -> None:
    options, table = asked(label="fault", algorithm="dynamic-pca"), labelled()
    whole = train_anomaly(options, materials_of(table))
    watch = Dying(saves_left=2)
    with pytest.raises(KeyboardInterrupt):
        train_anomaly(options, materials_of(table, watch=watch))
    after = NoWatch()
    after.kept = dict(watch.kept)
    resumed = train_anomaly(options, materials_of(table, watch=after))
    assert resumed.files == whole.files
    assert resumed.candidates == whole.candidates


def test_a_spent_budget_ends_the_search_with_what_it_has(materials_of: MaterialsOf) -> None:
    options = asked(label="fault", budget_nj=5_000_000_000)
    trained = train_anomaly(options, materials_of(labelled(), gauge=SteppingGauge()))
    assert {one.algorithm for one in trained.candidates} == {"pca"}
    assert trained.candidates[0].nj_to_train is not None


def test_a_run_that_was_taken_up_stays_within_its_budget(materials_of: MaterialsOf) -> None:
    watch, table = Dying(saves_left=1), labelled()
    options = asked(label="fault", budget_nj=70_000_000_000)
    with pytest.raises(KeyboardInterrupt):
        train_anomaly(options, materials_of(table, watch=watch, gauge=SteppingGauge()))
    assert 0 < msgspec.json.decode(watch.kept["detectors"])["spent_nj"] < 70_000_000_000
    after = NoWatch()
    after.kept = dict(watch.kept)
    trained = train_anomaly(options, materials_of(table, watch=after, gauge=SteppingGauge()))
    assert {one.algorithm for one in trained.candidates} == {"pca"}


def test_the_search_stops_when_joules_stop_paying(materials_of: MaterialsOf) -> None:
    options = asked(label="fault", tenth_nj=1)
    trained = train_anomaly(options, materials_of(labelled(), gauge=SteppingGauge()))
    assert len(trained.candidates) == 3


@pytest.mark.parametrize(
    ("options", "table", "says"),
    [
        ({"false_alarms": 0.0}, rows(), "false_alarms is 0: it is a share of the usual rows"),
        ({"false_alarms": 0.6}, rows(), "at most 0.5"),
        ({"algorithm": "magic"}, rows(), "algorithm 'magic' is unknown: take auto, pca"),
        ({"lags": 0}, rows(), "lags is 0: look back at 1 to"),
        ({"lags": 2, "algorithm": "ecod"}, rows(), "ecod judges single rows"),
        ({"lags": 50}, rows(40), "50 usual rows that follow each other|50 lags need"),
        ({"columns": ["a", "nope"]}, rows(), "no column 'nope'"),
        ({"columns": ["a", "word"]}, {"word": np.array(["x"] * 600, dtype=object)}, "holds text"),
        ({"label": "word"}, {"word": np.array(["x"] * 600, dtype=object)}, "holds text"),
        ({"label": "a"}, rows(), "it must be 1 or true where a row is anomalous"),
        ({"label": "all"}, {"all": np.ones(600)}, "calls every row anomalous"),
        ({"columns": ["a"], "label": "a"}, rows(), "name it once"),
        ({"exclude": ["a", "b", "c", "d"]}, rows(), "no column of numbers to look at"),
        ({}, {name: np.full(600, 1.0) for name in NAMES}, "constant"),
        ({}, {name: values[:1] for name, values in rows().items()}, "constant"),
        ({}, rows(50), "50 usual rows cannot tell a false-alarm rate of 0.01: give at least 99"),
        ({"train_until": datetime(2026, 1, 1, tzinfo=UTC)}, rows(), "no time column"),
        ({"budget_nj": 0}, rows(), "the energy budget is 0 J"),
        ({"search": 0}, rows(), "search is 0"),
        ({"cv": 1}, rows(), "cv is 1"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_a_sentence_that_says_what_to_do(
    materials_of: MaterialsOf, options: dict[str, Any], table: Arrays, says: str
) -> None:
    count = len(next(iter(table.values())))
    whole = {**rows(count), **table} if set(table) - set(NAMES) else table
    with pytest.raises(InvalidInput, match=says):
        train_anomaly(asked(**options), materials_of(whole))


def test_with_more_columns_than_rows_usual_rows_still_alarm_seldom(
    materials_of: MaterialsOf,
) -> None:
    random = np.random.default_rng(12)
    fresh = random.normal(size=(400, 150))
    seen = random.normal(size=(100, 150))
    options = asked(algorithm="pca", false_alarms=0.1)
    trained = train_anomaly(
        options, materials_of({f"x{at:03}": values for at, values in enumerate(seen.T)})
    )
    found = answers(trained, {f"x{at:03}": values for at, values in enumerate(fresh.T)})
    assert found["anomaly"].mean() < 0.2


@pytest.mark.parametrize("algorithm", ["pca", "ecod"])
def test_more_columns_than_rows_can_be_trained_on(
    materials_of: MaterialsOf, algorithm: str
) -> None:
    random = np.random.default_rng(4)
    wide = {f"x{at:03}": random.normal(size=60) for at in range(201)}
    trained = train_anomaly(asked(algorithm=algorithm, false_alarms=0.1), materials_of(wide))
    found = answers(trained, {name: values[:5] for name, values in wide.items()})
    assert "contribution" not in found
    assert np.isfinite(found["score"]).all()


@dataclass
class SteppingGauge:
    """Every look costs one joule more: a budget runs out at a known place."""

    looks: int = 0

    @property
    def ng(self) -> int:
        return self.looks

    def spent(self) -> EnergyFigure:
        self.looks += 1
        nj = Nanojoules(self.looks * 1_000_000_000)
        return EnergyFigure(nj, nj, nj, Method.MODELLED, "stepping")


@dataclass
class Dying:
    """Dies after so many checkpoints; what it kept stays."""

    saves_left: int
    kept: dict[str, bytes] = field(default_factory=dict)
    cancelled: bool = False
    wants_checkpoint: bool = False

    def report(self, progress: Progress) -> None:
        """Nobody looks."""

    def save(self, name: str, body: bytes) -> None:
        self.kept[name] = body
        self.saves_left -= 1
        if not self.saves_left:
            raise KeyboardInterrupt

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)
