import numpy as np
import pytest
from sklearn.metrics import f1_score

from lichen.core.errors import InvalidInput
from lichen.protocol.training import TextClassificationTraining
from lichen.training.texts.measure import (
    best_f1,
    chosen,
    error_of,
    head_of,
    named_metric,
    steady_cut,
)
from lichen.training.texts.rows import TextRows

ASKED = TextClassificationTraining(data="d", target="label", text="text")


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = (random.random(rows) < 0.25).astype(np.int64)
    return random.normal(size=rows) + 1.5 * truth, truth


def of(truth: np.ndarray, classes: int) -> TextRows:
    labels = tuple("abc"[:classes])
    return TextRows(("t",) * len(truth), truth, labels, None, None, None, {})


def test_the_best_f1_is_the_best_of_all_cuts() -> None:
    scores, truth = drawn(200)
    tried = [f1_score(truth, scores >= cut) for cut in scores]
    figure, cut = best_f1(scores, truth, np.ones(200))
    assert figure == pytest.approx(max(tried))
    assert f1_score(truth, scores >= cut) == pytest.approx(figure)


def test_equal_scores_are_never_parted_by_a_cut() -> None:
    scores, truth = np.array([0.5, 0.5, 0.5, 0.1]), np.array([1, 0, 0, 0])
    assert best_f1(scores, truth, np.ones(4))[0] == pytest.approx(0.5)


def test_the_steady_cut_is_as_good_on_new_rows_as_the_best_of_the_old() -> None:
    old, new = drawn(400, 1), drawn(20_000, 2)
    steady = f1_score(new[1], new[0] >= steady_cut(*old, np.ones(400), 0))
    best = f1_score(new[1], new[0] >= best_f1(*old, np.ones(400))[1])
    assert steady >= best - 0.002


def test_the_head_answers_by_the_cut_and_calibrates_in_spite_of_balanced_weights() -> None:
    scores, truth = drawn(4_000)
    head = head_of(of(truth, 2), 3 * scores[:, None] - 4, ASKED, "F1")
    new, said = drawn(4_000, 5)
    answered = chosen(head, 3 * new[:, None] - 4)
    assert f1_score(said, answered) == pytest.approx(
        best_f1(new, said, np.ones(4_000))[0], abs=0.02
    )
    assert len(head.slopes) == len(head.offsets) == 1


def test_of_three_classes_shares_are_cuts_only_where_that_is_better() -> None:
    truth = np.array([0, 1, 2] * 40)
    head = head_of(of(truth, 3), np.eye(3)[truth] * 5, ASKED, "F1")
    assert head.cuts == []
    assert chosen(head, np.eye(3)).tolist() == [0, 1, 2]


def test_a_perfect_score_has_no_error_by_any_metric() -> None:
    truth = np.array([0, 1] * 30)
    for metric in ("F1", "accuracy", "ROC-AUC"):
        assert error_of(metric, 9.0 * truth[:, None] - 4, truth, None) == pytest.approx(0.0)
    assert error_of("log loss", 9.0 * truth[:, None] - 4, truth, None) < 0.2


def test_a_metric_is_known_however_it_is_written_and_another_refused() -> None:
    assert named_metric(None) == "PR-AUC"
    assert named_metric("roc_auc") == "ROC-AUC"
    with pytest.raises(InvalidInput, match="no metric is called 'bleu'"):
        named_metric("bleu")
