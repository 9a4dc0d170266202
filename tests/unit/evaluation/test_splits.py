"""Folds hold each row back once and keep what they are to keep."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.splits import (
    folds_of,
    forward_folds,
    grouped_positions,
    held_out,
    random_positions,
    stratified_positions,
    timed_positions,
)


def test_each_row_is_held_back_once() -> None:
    folds = folds_of(random_positions(103, 7), 5)
    held = np.concatenate([fold.held for fold in folds])
    assert sorted(held) == list(range(103))
    assert all(len(np.intersect1d(fold.fit, fold.held)) == 0 for fold in folds)


def test_each_class_has_its_share_of_each_fold() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    for fold in folds_of(stratified_positions(labels, 1), 5):
        assert int(labels[fold.held].sum()) == 2


def test_no_group_stands_on_both_sides() -> None:
    groups = np.repeat(np.arange(12), 9)
    for fold in (
        *folds_of(grouped_positions(groups, 2), 4),
        held_out(grouped_positions(groups, 2), 0.2),
    ):
        assert not set(groups[fold.fit]) & set(groups[fold.held])


def test_time_is_scored_by_what_stands_before_it_alone() -> None:
    times = np.array(["2026-01-01"] * 3, dtype="datetime64[s]") + np.arange(3)
    times = np.tile(times, 20) + np.repeat(np.arange(20) * 60, 3)
    for fold in (*forward_folds(timed_positions(times), 4), held_out(timed_positions(times), 0.2)):
        assert times[fold.fit].max() < times[fold.held].min()


def test_the_seed_decides_the_rows() -> None:
    assert (random_positions(50, 1) == random_positions(50, 1)).all()
    assert (random_positions(50, 1) != random_positions(50, 2)).any()


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(InvalidInput, match="3 rows cannot be parted into 5 folds"):
        folds_of(random_positions(3, 0), 5)
    with pytest.raises(InvalidInput, match="1 folds are no cross-validation"):
        folds_of(random_positions(3, 0), 1)
