"""What columns matter over many rows: planted ones first, in figures and in pictures."""

import xml.etree.ElementTree as ET  # of our own writing

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.columns import Column, columns_of
from lichen.explain.dependence import curve
from lichen.explain.permutation import importances
from lichen.explain.pictures.overall import drawn_overall, ticks
from lichen.explain.truth import truth_of
from lichen.protocol.explaining_data import Curve, DataExplanation, Importance

NUMBERS = Signature(
    (TensorSpec("x", Datatype.FP64, (-1, 4), columns=("strong", "weak", "none", "twice")),),
    (TensorSpec("y", Datatype.FP64, (-1,), unit="MW"),),
)
CLASSES = Signature(
    NUMBERS.inputs,
    (
        TensorSpec("prediction", Datatype.BYTES, (-1,)),
        TensorSpec("probability", Datatype.FP32, (-1, 2), columns=("0", "1")),
    ),
)


def rows(count: int = 400) -> Batch:
    return Batch({"x": np.random.default_rng(0).normal(size=(count, 4))})


def planted(x: Array) -> Array:
    return np.asarray(3 * x[:, 0] + 0.5 * x[:, 1] + np.maximum(x[:, 3], 0))


def answer(asked: Batch) -> Batch:
    return Batch({"y": planted(asked["x"])})


def columns() -> tuple[Column, ...]:
    found = columns_of(NUMBERS)
    assert found is not None
    return found


def test_permutation_ranks_planted_columns_first_with_intervals() -> None:
    asked = rows()
    truth = truth_of(NUMBERS, "y", planted(asked["x"]) + 0.1)
    told: list[float] = []
    score, found = importances(answer, asked, columns(), truth, (5, 1), told.append)
    assert (truth.metric, truth.unit) == ("RMSE", "MW")
    assert score == pytest.approx(0.1)
    assert [one.column for one in found] == ["strong", "twice", "weak", "none"]
    assert found[-1] == Importance("none", 0.0, 0.0, 0.0)
    assert found[0].low < found[0].mean < found[0].high
    assert found[0].mean == pytest.approx(3 * np.sqrt(2), rel=0.15)
    assert importances(answer, asked, columns(), truth, (5, 1)) == (score, found)
    assert told == sorted(told)


def test_classes_are_scored_by_their_log_loss() -> None:
    asked = rows(50)
    share = 1 / (1 + np.exp(-planted(asked["x"])))
    said = Batch({"probability": np.stack([1 - share, share], axis=1)})
    meant = (share > 0.5).astype(float)
    truth = truth_of(CLASSES, "kind", meant)
    expected = -np.log(np.where(meant == 1, share, 1 - share)).mean()
    assert truth.error(said) == pytest.approx(expected)
    with pytest.raises(InvalidInput, match="no class of the model"):
        truth_of(CLASSES, "kind", np.array([2.0]))
    with pytest.raises(InvalidInput, match="holds texts"):
        truth_of(NUMBERS, "kind", np.array(["a"], dtype=object))


def test_dependence_is_the_mean_over_rows_and_each_of_some() -> None:
    asked = rows()
    found = curve(lambda one: planted(one["x"]), asked, columns()[0], 7)
    assert found is not None
    slopes = np.diff(found.mean) / np.diff(np.array(found.values, dtype=float))
    assert slopes == pytest.approx(3.0)
    assert len(found.rows) == 20
    assert (np.array(found.low) < found.mean).all()
    constant = Batch({"x": np.zeros((5, 4))})
    assert curve(lambda one: planted(one["x"]), constant, columns()[0], 7) is None


def test_texts_are_set_to_their_most_frequent_values() -> None:
    kinds = np.empty((6, 1), dtype=np.object_)
    kinds[:, 0] = [b"air", b"air", b"fire", b"water", b"water", b"air"]
    column = Column("kind", "texts", 0)
    found = curve(
        lambda one: (one["texts"][:, 0] == b"air") * 1.0, Batch({"texts": kinds}), column, 2
    )
    assert found is not None
    assert (found.values, found.mean) == (["air", "water"], [1.0, 0.0])


def explanation(**more: object) -> DataExplanation:
    said = {"method": "dependence", "model": "m@1", "data": "d@1", "rows": 9, "output": "y"}
    return DataExplanation(**said, **more)  # type: ignore[arg-type]


def a_curve(column: str, values: list[float | str], unit: str | None = None) -> Curve:
    return Curve(
        column=column,
        unit=unit,
        values=values,
        mean=[1.0, 2.0],
        low=[0.0, 1.0],
        high=[2.0, 3.0],
        rows=[[1.0, 1.0]],
    )


def test_pictures_are_documents_with_a_title_numbers_and_units() -> None:
    bars = explanation(
        metric="RMSE", unit="MW", score=1.5, importances=[Importance("a<b", 2.0, 1.5, 2.5)]
    )
    numbers, names = a_curve("heat", [1.0, 2.0], "K"), a_curve("kind", ["air", "water"])
    curves = explanation(unit="MW", curves=[numbers, names])
    for told, words in ((bars, ["a<b", "+2", "RMSE"]), (curves, ["heat (K)", "in MW"])):
        (first, *_) = drawn_overall(told, "svg")
        root = ET.fromstring(first)  # noqa: S314 - of our own writing
        text = " ".join(root.itertext())
        assert all(word in text for word in words)
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert len(drawn_overall(curves, "svg")) == 2
    assert "water" in drawn_overall(curves, "svg")[1]
    assert drawn_overall(curves, None) == []


def test_ticks_are_round_and_hold_the_range() -> None:
    assert ticks(6.3, 74.3) == [0.0, 20.0, 40.0, 60.0, 80.0]
    assert ticks(-0.02, 0.03) == [-0.02, -0.01, 0.0, 0.01, 0.02, 0.03]
    assert ticks(2.0, 2.0)[0] <= 2.0 <= ticks(2.0, 2.0)[-1]
