"""A table becomes a pipeline that takes raw rows: the same bytes each time."""

from collections.abc import Callable

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import WorkFailed
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.files import read_pipeline
from lichen.pipeline.heads import answering
from lichen.protocol.training import ClassificationTraining, RegressionTraining
from lichen.training.result import TrainingResult
from lichen.training.tables.problem import TableProblem
from lichen.training.tables.rows import RawRows
from lichen.training.tables.run import execute
from lichen.training.tables.study import study_of
from lichen.training.watch import EnergyGauge, NoWatch, Progress

SURVIVED = ClassificationTraining(
    data="ship", target="survived", algorithm="logistic", search=2, cv=3
)
FARE = RegressionTraining(data="ship", target="fare", algorithm="linear", cv=3)


def answers(trained: TrainingResult, rows: RawRows) -> dict[str, np.ndarray]:
    """What a deployment of the files answers."""
    pipeline, arrays = read_pipeline(trained.files)
    assert pipeline.head is not None
    features = Encoding(pipeline, arrays).encode(rows.tensors(pipeline))
    predictor = OnnxPredictor(trained.files["model.onnx"])
    raw = predictor.predict(Batch({INPUT: features}))[OUTPUT]
    return answering(pipeline.head).answer(raw)


def test_raw_rows_of_mixed_columns_are_classified(
    ship: RawRows, gauge: EnergyGauge, draw: Callable[..., RawRows]
) -> None:
    trained = execute(study_of(SURVIVED, ship), NoWatch(), gauge)
    said = answers(trained, draw(300, seed=9))
    truth = draw(300, seed=9).columns["survived"]
    assert float(np.mean(said["prediction"] == truth)) > 0.8
    assert said["probability"].sum(axis=1) == pytest.approx(1.0)
    assert float(said["in_set"][np.arange(300), (truth == b"yes").astype(int)].mean()) > 0.8
    named = {(one.name, one.split): one for one in trained.metrics}
    accuracy = named["accuracy", "test"]
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < accuracy.value < accuracy.high
    assert trained.metrics[0].name == "log loss"


def test_a_number_comes_in_its_unit_with_an_interval_that_covers(
    ship: RawRows, gauge: EnergyGauge, draw: Callable[..., RawRows]
) -> None:
    trained = execute(study_of(FARE, ship), NoWatch(), gauge)
    fresh = draw(400, seed=4)
    said = answers(trained, fresh)
    truth = fresh.columns["fare"]
    assert float(np.sqrt(np.mean((said["prediction"] - truth) ** 2))) < 1.5
    assert 0.82 < float(np.mean((said["low"] <= truth) & (truth <= said["high"]))) < 0.97
    assert trained.signature.outputs[0].unit == "GBP"


@pytest.mark.parametrize("asked", [SURVIVED, FARE])
def test_the_same_seed_gives_the_same_bytes(
    asked: ClassificationTraining | RegressionTraining,
    gauge: EnergyGauge,
    draw: Callable[..., RawRows],
) -> None:
    first = execute(study_of(asked, draw()), NoWatch(), gauge)
    again = execute(study_of(asked, draw()), NoWatch(), gauge)
    assert first.files == again.files
    assert first.metrics == again.metrics


class Cancelling(NoWatch):
    """Asks for a checkpoint, and ends the run, after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def wants_checkpoint(self) -> bool:
        return True

    @property
    def cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def report(self, progress: Progress) -> None:
        self.seen.append(progress)


def test_a_run_that_is_cut_off_goes_on_to_the_same_bytes(ship: RawRows, gauge: EnergyGauge) -> None:
    whole = execute(study_of(SURVIVED, ship), NoWatch(), gauge)
    watch = Cancelling(4)
    with pytest.raises(WorkFailed, match="cancelled"):
        execute(study_of(SURVIVED, ship), watch, gauge)
    assert watch.kept
    watch.looks = 10**9
    assert execute(study_of(SURVIVED, ship), watch, gauge).files == whole.files


def test_nested_cross_validation_scores_the_whole_procedure(
    ship: RawRows, gauge: EnergyGauge
) -> None:
    asked = RegressionTraining(
        data="ship", target="fare", algorithm="linear", cv=3, nested=True, test_share=0
    )
    trained = execute(study_of(asked, ship), NoWatch(), gauge)
    assert {one.split for one in trained.metrics} == {"validation", "nested cross-validation"}


def test_what_an_answer_costs_is_of_the_settings_asked_about(
    ship: RawRows, gauge: EnergyGauge
) -> None:
    study = study_of(ClassificationTraining(data="ship", target="survived", cv=2), ship)
    few, many = ({"trees": trees} for trees in (2, 40))
    searched, taken_up = TableProblem(study, gauge), TableProblem(study, gauge)
    for settings in (few, many):  # the last ones are not those that are chosen
        for fold in range(2):
            searched.error("forest", settings, fold, lambda: None)
    cheap = searched.served("forest", few).operations
    assert cheap == taken_up.served("forest", few).operations
    assert cheap < searched.served("forest", many).operations
