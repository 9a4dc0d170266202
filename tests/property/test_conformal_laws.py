"""Conformal intervals and sets hold the truth as often as they say, whatever was predicted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.evaluation.conformal import half_width, set_threshold, sets
from lichen.pipeline.declaration import Classes
from lichen.pipeline.heads import answer

ROWS = 400


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.floats(0.1, 3.0))
def test_intervals_of_exchangeable_residuals_cover(
    seed: int, confidence: float, tail: float
) -> None:
    generator = np.random.default_rng(seed)
    residuals = generator.standard_t(1 + tail, 2 * ROWS)
    half = half_width(residuals[:ROWS], confidence)
    assert half is not None
    covered = float(np.mean(np.abs(residuals[ROWS:]) <= half))
    assert covered > confidence - 5 * np.sqrt(2 * confidence * (1 - confidence) / ROWS)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.integers(2, 6))
def test_sets_of_exchangeable_rows_cover(seed: int, confidence: float, classes: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, 2 * ROWS)
    scores = generator.normal(0, 1, (2 * ROWS, classes)) + np.eye(classes)[truth]
    given_ = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    of_truth = given_[np.arange(2 * ROWS), truth]
    threshold = set_threshold(of_truth[:ROWS], confidence)
    held = sets(given_[ROWS:], threshold)
    covered = float(held[np.arange(ROWS), truth[ROWS:]].mean())
    assert covered > confidence - 5 * np.sqrt(2 * confidence * (1 - confidence) / ROWS)
    assert held.any(axis=1).all()


@settings(max_examples=25)
@given(st.lists(st.floats(0.01, 0.99), min_size=30, max_size=60))
def test_ties_stay_in_the_set_whatever_precision_they_are_served_in(said: list[float]) -> None:
    shown = np.array(said, dtype=np.float32).astype(np.float64)  # what thresholds are taken from
    threshold = set_threshold(shown, 0.9)
    promised = int(np.sum(shown >= threshold))
    served = answer(
        Classes(labels=["a", "b"], link="probability", set_threshold=threshold),
        np.array(said)[:, None],
    )
    assert int(served["in_set"][:, 1].sum()) >= promised


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_few_residuals_promise_nothing(residuals: list[float]) -> None:
    assert half_width(np.array(residuals), 0.95) is None
    assert set_threshold(np.abs(residuals), 0.95) == 0.0
