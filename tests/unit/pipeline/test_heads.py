"""What a core says becomes what is answered."""

import numpy as np
import pytest

from lichen.core.batch import datatype_of
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Alarm, Classes, Groups, Heads, Ranking, Value
from lichen.pipeline.heads import answer, check_columns
from lichen.pipeline.signature import outputs_of

RAW = np.array([[1.0, 3.0], [0.5, -2.0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (Value(half_width=1.0), 1),
        (Classes(labels=["a", "b"], set_threshold=0.2), 1),
        (Classes(labels=["a", "b", "c"]), 3),
        (Alarm(statistics=["t2", "spe"], thresholds=[1.0, 2.0]), 2),
        (Groups(clusters=3, topics=["x", "y", "z"]), 3),
        (Ranking(labels=["x", "y", "z"], top=2), 3),
    ],
)
@pytest.mark.parametrize("rows", [1, 4])
def test_answers_have_the_form_of_the_signature(head: Heads, columns: int, rows: int) -> None:
    raw = np.random.default_rng(1).normal(size=(rows, columns)).astype(np.float32)
    check_columns(head, raw)
    answers = answer(head, raw)
    specs = outputs_of(head)
    assert set(answers) == {spec.name for spec in specs}
    for spec in specs:
        assert datatype_of(answers[spec.name]) is spec.datatype
        assert answers[spec.name].shape == (rows, *spec.shape[1:])


def test_a_value_is_scaled_and_its_interval_is_as_wide_as_said() -> None:
    found = answer(Value(centre=10, scale=2, half_width=3), np.array([[1.0], [2.0]]))
    assert {name: values.tolist() for name, values in found.items()} == {
        "prediction": [12, 14],
        "low": [9, 11],
        "high": [15, 17],
    }


def test_a_logarithm_is_raised_and_never_infinite() -> None:
    found = answer(Value(is_logarithm=True), np.array([[0.0], [1.0], [1e6]]))["prediction"]
    assert found[:2].tolist() == [1.0, np.e]
    assert np.isfinite(found).all()


def test_one_column_is_of_the_second_class() -> None:
    found = answer(Classes(labels=["no", "yes"]), np.array([[0.0], [800.0], [-800.0]]))
    assert found["probability"].tolist() == [[0.5, 0.5], [0, 1], [1, 0]]
    assert found["prediction"].tolist() == [b"no", b"yes", b"no"]


def test_scores_of_several_classes_become_probabilities() -> None:
    found = answer(Classes(labels=["a", "b", "c"]), np.log([[1.0, 2.0, 1.0], [6.0, 1.0, 3.0]]))
    np.testing.assert_allclose(found["probability"], [[0.25, 0.5, 0.25], [0.6, 0.1, 0.3]])
    assert found["prediction"].tolist() == [b"b", b"a"]


def test_probabilities_are_answered_as_they_are() -> None:
    two = answer(Classes(labels=["a", "b"], link="probability"), np.array([[0.25], [0.875]]))
    assert two["probability"].tolist() == [[0.75, 0.25], [0.125, 0.875]]
    three = answer(Classes(labels=["a", "b", "c"], link="probability"), np.array([[1.0, 1, 2]]))
    assert three["probability"].tolist() == [[0.25, 0.25, 0.5]]


def test_calibration_moves_probabilities() -> None:
    head = Classes(labels=["a", "b"], slopes=[2.0], offsets=[np.log(3)])
    assert answer(head, np.array([[0.0]]))["probability"].tolist() == [[0.25, 0.75]]
    of_share = Classes(labels=["a", "b"], link="probability", slopes=[1.0], offsets=[np.log(3)])
    assert answer(of_share, np.array([[0.5]]))["probability"].tolist() == [[0.25, 0.75]]


def test_a_cut_lets_a_rare_class_be_answered() -> None:
    head = Classes(labels=["usual", "rare"], link="probability", cuts=[0.75, 0.25])
    assert answer(head, np.array([[0.3], [0.2]]))["prediction"].tolist() == [b"rare", b"usual"]


def test_a_set_holds_what_is_probable_enough_and_what_is_answered() -> None:
    labels = ["a", "b", "c"]
    head = Classes(labels=labels, link="probability", cuts=[8.0, 1.0, 0.1], set_threshold=0.35)
    found = answer(head, np.array([[0.5, 0.4, 0.1], [0.34, 0.33, 0.33]]))
    assert found["in_set"].tolist() == [[True, True, True], [True, False, True]]


def test_an_alarm_is_raised_by_any_statistic() -> None:
    head = Alarm(statistics=["t2", "spe"], thresholds=[2.0, 4.0])
    found = answer(head, np.array([[1.0, 4.0], [1.0, 5.0]]))
    assert found["score"].tolist() == [[0.5, 1.0], [0.5, 1.25]]
    assert found["anomaly"].tolist() == [False, True]


def test_what_belongs_nowhere_is_of_no_cluster() -> None:
    head = Groups(clusters=2, topics=["air", "water"], least=0.6)
    found = answer(head, np.array([[0.5, 0.5], [0.1, 0.9]]))
    assert found["prediction"].tolist() == [-1, 1]
    assert found["topic"].tolist() == [b"", b"water"]


def test_a_ranking_answers_the_best_first() -> None:
    found = answer(Ranking(labels=["x", "y", "z"], top=2), np.array([[1.0, 3.0, 2.0]]))
    assert found["items"].tolist() == [[b"y", b"z"]]
    assert found["score"].tolist() == [[3.0, 2.0]]


@pytest.mark.parametrize(
    "head",
    [
        Classes(labels=["a"]),
        Classes(labels=["a", "b", "c"], slopes=[1.0], offsets=[0.0]),
        Classes(labels=["a", "b"], cuts=[1.0, 0.0]),
        Alarm(statistics=["t2"], thresholds=[0.0]),
        Groups(clusters=2, topics=["air"]),
        Ranking(labels=["x"], top=2),
    ],
)
def test_a_head_that_contradicts_itself_is_refused(head: Heads) -> None:
    with pytest.raises(InvalidInput, match="train it again"):
        answer(head, RAW)


def test_a_core_that_says_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"the core says \[2\] a row, and its head takes 1"):
        check_columns(Value(), RAW)
