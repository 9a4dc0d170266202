"""A small run of the task, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.data.dataset import DatasetVersion
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.frameworks.estimation import no_pause
from lichen.frameworks.onnx import OnnxPredictor
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.files import read_pipeline
from lichen.protocol.training import TextClassificationTraining
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.texts.algorithms import portfolio
from lichen.training.texts.problem import as_cells
from lichen.training.texts.rows import TextColumns, text_rows
from lichen.training.texts.study import TextStudy
from lichen.training.texts.task import train_text_classification
from lichen.training.watch import NoGauge, NoWatch

WATER = [
    "the tap water smells",
    "brown water from the tap",
    "the river is dirty",
    "no water at all",
]
AIR = ["black smoke over the street", "the air is full of dust", "smoke and soot", "dusty air"]


def table(classes: int = 2) -> Table:
    texts, labels = [], []
    for number in range(12):
        for label, kind in (("water", WATER), ("air", AIR), ("power", ["the power went out"])):
            texts.append(f"{kind[number % len(kind)]} since day {number}")
            labels.append(label)
    arrays = {"text": np.array(texts, dtype=object), "label": np.array(labels, dtype=object)}
    made = Table(None, (Column("text", Dtype.TEXT), Column("label", Dtype.TEXT)), arrays)
    return made if classes == 3 else made.where(arrays["label"] != "power")


def asked(**more: Any) -> TextClassificationTraining:  # noqa: ANN401
    return TextClassificationTraining(data="d", target="label", text="text", **more)


def materials(rows: Table) -> Materials:
    def read(columns: Sequence[str] | None, until: object = None) -> Table:
        assert columns == ("text", "label")
        assert until is None
        return rows

    def no_file() -> Path:
        raise AssertionError("texts are read at once")

    nowhere: Any = None
    dataset: DatasetVersion = nowhere
    return Materials(dataset, read, no_file, NoWatch(), NoGauge(), nowhere)


def trained(rows: Table, **more: Any) -> TrainingResult:  # noqa: ANN401
    return train_text_classification(asked(**more), materials(rows))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_files_serve_what_was_fitted(classes: int) -> None:
    rows = table(classes)
    made = trained(rows, algorithm="tfidf-blend", test_share=0.0)
    study = TextStudy(asked(test_share=0.0), text_rows(rows, TextColumns("text", "label")), "en")
    blend = next(one for one in portfolio() if one.name == "tfidf-blend")
    fitted = blend.fit(study, -1, {"looseness": 1.0}, no_pause)
    pipeline, arrays = read_pipeline(made.files)
    features = Encoding(pipeline, arrays).encode({"texts": as_cells(list(study.rows.texts))})
    raw = OnnxPredictor(made.files["model.onnx"]).predict(Batch({"features": features}))["raw"]
    np.testing.assert_allclose(raw, fitted.scores, atol=1e-5)
    msgspec.json.encode((made.metrics, made.parameters, made.candidates))
    assert made.parameters["labels"] == list(study.rows.labels)


@pytest.mark.parametrize("name", [one.name for one in portfolio()])
def test_each_algorithm_tells_water_from_air(name: str) -> None:
    made = trained(table(), algorithm=name, search=1, cv=2, test_share=0.0)
    assert made.algorithm == name
    figures = {one.name: one.value for one in made.metrics if one.split == "validation"}
    assert figures["ROC-AUC"] > 0.9


def test_answers_that_are_all_right_are_not_certain_to_be() -> None:
    made = trained(table(), algorithm="tfidf-logistic", search=1, cv=2, test_share=0.0)
    [accuracy] = [one for one in made.metrics if one.name == "accuracy"]
    assert accuracy.value == 1.0
    assert accuracy.low is not None
    assert accuracy.low < 0.99


@pytest.mark.parametrize("name", ["tfidf-blend", "lsa-logistic"])
def test_equal_texts_give_equal_bytes(name: str) -> None:
    first, second = (trained(table(), algorithm=name, search=2, cv=2) for _ in range(2))
    assert first.files == second.files


@pytest.mark.parametrize(
    "more", [{"nested": True}, {"features": ["x"]}, {"exclude": ["x"]}, {"monotone": {"x": 1}}]
)
def test_what_texts_do_not_know_is_refused_and_not_ignored(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="leave out nested, monotone, features and exclude"):
        trained(table(), **more)


def test_an_algorithm_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no algorithm is called 'bert'"):
        trained(table(), algorithm="bert")
