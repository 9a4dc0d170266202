"""What holds of explanations of trees whatever the row: sums, and nothing from nothing."""

from functools import cache

import lightgbm
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lichen.core.batch import Array
from lichen.explain.grown import GrownTrees, grown, sums_of
from lichen.explain.path_shap import PathShap
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.lightgbm_text import forest_in
from lichen.frameworks.onnx_ensembles import read_ensemble

WIDTH, UNUSED = 5, 4
ROWS = arrays.arrays(
    np.float32,
    (3, WIDTH),
    elements=st.floats(-3, 3, width=32) | st.just(float("nan")),
)


@cache
def trees() -> GrownTrees:
    """Boosted trees of four columns, and one that they do not look at; each row counted once."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(300, WIDTH)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows[:, UNUSED] = 1.0
    target = np.nan_to_num(rows[:, 0]) * np.nan_to_num(rows[:, 1]) + np.nan_to_num(rows[:, 2])
    asked = {"verbosity": -1, "num_threads": 1, "num_leaves": 12, "min_data_in_leaf": 5}
    booster = lightgbm.train(asked, lightgbm.Dataset(rows, target), 12)
    tables, _ = forest_in(booster.model_to_string())
    read = read_ensemble(forest_model(tables, WIDTH))
    assert read is not None
    assert read.cover is not None
    return grown(read, read.cover.astype(np.float64))


@given(rows=ROWS)
@settings(max_examples=25, deadline=None)
def test_base_and_contributions_sum_to_the_answer(rows: Array) -> None:
    found, sums = PathShap(trees(), WIDTH).values(rows)
    assert np.abs(trees().expected + found.sum(axis=2) - sums).max() <= 1e-6
    assert np.abs(sums - sums_of(trees(), rows)).max() <= 1e-9
    assert (found[:, :, UNUSED] == 0).all()


@given(rows=ROWS, background=ROWS)
@settings(max_examples=15, deadline=None)
def test_against_a_background_they_sum_to_the_difference(rows: Array, background: Array) -> None:
    found, sums, base = PathShap(trees(), WIDTH).against(rows, background)
    assert np.abs(base + found.sum(axis=2) - sums).max() <= 1e-6
    same, _, _ = PathShap(trees(), WIDTH).against(rows[:1], rows[:1])
    assert np.abs(same).max() <= 1e-9
