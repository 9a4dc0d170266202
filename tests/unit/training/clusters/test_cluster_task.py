"""Small runs of the task `clustering`, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_wine

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.evaluation.clusters import adjusted_rand
from lichen.frameworks.onnx import OnnxPredictor
from lichen.pipeline.declaration import Groups
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.files import read_pipeline
from lichen.pipeline.heads import answer
from lichen.protocol.training import ClusteringTraining
from lichen.training.clusters.task import train_clustering
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.watch import NoGauge, NoWatch

WINE = load_wine()
ENGLISH = ("brown tap water smells", "dirty river water", "black smoke in the air", "dusty air")
CHINESE = ("自来水发黄有味道", "河水又黑又臭", "烟囱冒黑烟空气呛人", "空气里灰尘很大")


def objects(values: Sequence[str | None]) -> NDArray[np.object_]:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = values
    return made


def numbers(columns: dict[str, NDArray[np.float64]]) -> Table:
    return Table(None, tuple(Column(name, Dtype.NUMBER) for name in columns), columns)


def wine() -> Table:
    return numbers({name: WINE.data[:, at] for at, name in enumerate(WINE.feature_names)})


def texts(kinds: Sequence[str], rows: int = 48) -> Table:
    made = [f"{kinds[row % 4]} {chr(97 + row % 5)} {row // 4}" for row in range(rows)]
    return Table(None, (Column("text", Dtype.TEXT),), {"text": objects(made)})


def trained(rows: Table, **asked: Any) -> TrainingResult:  # noqa: ANN401
    def read(columns: Sequence[str] | None, until: object = None) -> Table:
        assert until is None
        return rows if columns is None else _of(rows, columns)

    def no_file() -> Path:
        raise AssertionError("rows are read at once")

    nowhere: Any = None
    materials = Materials(nowhere, read, no_file, NoWatch(), NoGauge(), nowhere)
    return train_clustering(ClusteringTraining(data="d", **asked), materials)


def _of(rows: Table, names: Sequence[str]) -> Table:
    kept = tuple(one for one in rows.columns if one.name in names)
    return Table(None, kept, {one.name: rows.arrays[one.name] for one in kept})


def answered(made: TrainingResult, tensors: dict[str, Any]) -> dict[str, Any]:
    pipeline, arrays = read_pipeline(made.files)
    features = Encoding(pipeline, arrays).encode(tensors)
    raw = OnnxPredictor(made.files["model.onnx"]).predict(Batch({"features": features}))["raw"]
    assert isinstance(pipeline.head, Groups)
    return answer(pipeline.head, raw)


def test_the_three_vineyards_are_found_again_and_served() -> None:
    made = trained(wine())
    said = answered(made, {"numbers": WINE.data})
    assert made.parameters["clusters"] == 3
    assert adjusted_rand(said["prediction"], WINE.target) > 0.85
    metrics = {one.name: one for one in made.metrics}
    assert metrics["silhouette"].value > metrics["silhouette of one cluster"].value
    assert metrics["stability"].value > 0.8
    assert made.files == trained(wine()).files
    msgspec.json.encode((made.metrics, made.parameters, made.candidates))


@pytest.mark.parametrize("algorithm", ["k-means", "gaussian-mixture"])
def test_as_many_clusters_are_made_as_are_asked_for(algorithm: str) -> None:
    made = trained(wine(), clusters=4, algorithm=algorithm)
    assert made.algorithm == algorithm
    assert made.parameters["clusters"] == 4
    assert sum(made.parameters["sizes"]) == len(WINE.data)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("kinds", "words"), [(ENGLISH, ("tap", "smoke")), (CHINESE, ("自来水", "黑烟"))]
)
def test_clusters_of_texts_are_named_by_their_words(
    kinds: Sequence[str], words: Sequence[str]
) -> None:
    made = trained(texts(kinds), text="text", algorithm="k-means")
    head = read_pipeline(made.files)[0].head
    assert isinstance(head, Groups)
    assert len(head.topics) == made.parameters["clusters"]
    for word in words:
        assert any(word in topic for topic in head.topics), head.topics
    cells = objects([kinds[0]])[:, None]
    cells[0, 0] = cells[0, 0].encode()
    assert answered(made, {"texts": cells})["topic"][0].decode() in head.topics


def test_categories_are_compared_as_well_and_what_tells_nothing_is_left_out() -> None:
    rows = 40
    kind = objects(["a" if row % 2 else "b" for row in range(rows)])
    table = Table(
        None,
        (
            Column("kind", Dtype.TEXT),
            Column("name", Dtype.TEXT),
            Column("same", Dtype.NUMBER),
            Column("x", Dtype.NUMBER),
        ),
        {
            "kind": kind,
            "name": objects([f"row {row}" for row in range(rows)]),
            "same": np.ones(rows),
            "x": np.where(np.arange(rows) % 2, 5.0, 1.0) + 0.01 * np.arange(rows),
        },
    )
    made = trained(table, algorithm="k-means")
    assert made.parameters["compared_by"] == ["kind", "x"]
    assert made.parameters["sizes"] == [20, 20]
    assert "'same' left out: it is the same" in " ".join(made.parameters["left_out"])  # type: ignore[arg-type]


CONSTANT = numbers({"x": np.ones(20), "y": np.zeros(20)})
REFUSED: list[tuple[Table, dict[str, Any], str]] = [
    (CONSTANT, {}, "no column is left to compare rows by"),
    (wine(), {"clusters": 1}, "1 clusters tell nothing apart"),
    (numbers({"x": np.arange(5.0)}), {}, "5 rows, 5 of them different, are too few"),
    (numbers({"x": np.arange(8.0) % 2}), {"clusters": 3}, "2 of them different, are too few for 3"),
    (wine(), {"algorithm": "dbscan"}, "no algorithm is called 'dbscan'"),
    (wine(), {"columns": ["alkohol"]}, "no column 'alkohol'"),
    (wine(), {"cv": 5}, "leave out the folds"),
    (wine(), {"text": "alcohol"}, "holds no texts"),
    (texts(ENGLISH), {"text": "text", "exclude": ["x"]}, "leave out columns and exclude"),
    (texts(["", " "] * 2, 4), {"text": "text"}, "different texts"),
]


@pytest.mark.parametrize(("rows", "asked", "said"), REFUSED)
def test_what_cannot_be_grouped_is_refused(rows: Table, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        trained(rows, **asked)
