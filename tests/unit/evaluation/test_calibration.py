"""Calibration makes confidence what it says; it never diverges."""

import numpy as np
import pytest

from lichen.evaluation.calibration import calibration_error, fit_scaling, unflattered
from lichen.evaluation.conformal import set_threshold, sets


def softmax(scores: np.ndarray) -> np.ndarray:
    risen = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=1, keepdims=True))


def test_scores_too_sure_of_themselves_are_brought_down() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 1.5, (3000, 3))
    truth = np.array([generator.choice(3, p=row) for row in softmax(scores)])
    scaling = fit_scaling(4 * scores, truth)
    assert scaling.slopes == pytest.approx((0.25, 0.25, 0.25), abs=0.04)
    given = scaling.probability(4 * scores)
    right = given.argmax(axis=1) == truth
    before = softmax(4 * scores)
    assert calibration_error(given.max(axis=1), right) < 0.03
    assert calibration_error(before.max(axis=1), before.argmax(axis=1) == truth) > 0.1


def test_of_two_classes_one_column_is_scaled_by_platt() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(0, 2, (4000, 1))
    truth = (generator.random(4000) < 1 / (1 + np.exp(-(0.5 * scores[:, 0] - 1)))).astype(np.int64)
    scaling = fit_scaling(scores, truth)
    assert scaling.slopes == pytest.approx((0.5,), abs=0.05)
    assert scaling.offsets == pytest.approx((-1.0,), abs=0.1)


def test_classes_that_are_parted_perfectly_do_not_run_away() -> None:
    scores = np.r_[np.full(50, -30.0), np.full(50, 30.0)][:, None]
    scaling = fit_scaling(scores, np.r_[np.zeros(50), np.ones(50)].astype(np.int64))
    assert np.isfinite([*scaling.slopes, *scaling.offsets]).all()
    assert abs(scaling.slopes[0]) < 10


def test_many_classes_share_one_slope() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 40, 400)
    scaling = fit_scaling(2 * np.eye(40)[truth] + generator.normal(0, 1, (400, 40)), truth)
    assert len(set(scaling.slopes)) == 1
    assert set(scaling.offsets) == {0.0}


def test_sets_by_calibrated_probabilities_cover_where_classes_are_many_and_rows_few() -> None:
    covered = []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        truth = generator.integers(0, 10, 1100)
        scores = 2.0 * (generator.normal(0, 1, (1100, 10)) + np.eye(10)[truth])
        fitted, fresh = slice(0, 100), np.arange(100, 1100)
        shown = unflattered(scores[fitted], truth[fitted])
        threshold = set_threshold(shown[np.arange(100), truth[fitted]], 0.9)
        scaling = fit_scaling(scores[fitted], truth[fitted])
        held = sets(scaling.probability(scores[fresh]), threshold)
        covered.append(held[np.arange(1000), truth[fresh]].mean())
    assert np.mean(covered) > 0.9  # by the rows that the scaling was fitted on it is 0.87
