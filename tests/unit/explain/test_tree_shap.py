"""Shapley values of trees: against every subset of features, and against the libraries' own."""

from dataclasses import replace
from itertools import combinations
from math import factorial
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import pytest
import xgboost
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor

from lichen.core.batch import Array, Batch
from lichen.core.clock import ManualClock
from lichen.core.deadline import deadline_in
from lichen.core.errors import DeadlinePassed, InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.compiled_shap import CompiledShap
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.grown import GrownTrees, grown, sums_of
from lichen.explain.path_shap import PathShap
from lichen.explain.tree_shap import tree_explainer
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.importing.scikit.forests import forest_of
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_ensembles import EnsembleTables, read_ensemble
from lichen.frameworks.shap_kernel import shap_kernel
from lichen.frameworks.xgboost import read_xgboost

WIDTH = 4
SECOND_NS = 1_000_000_000
EVERY = (0, 1, 2, 3, 4, 5)
"""All comparisons."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


def random_trees(
    seed: int, modes: tuple[int, ...] = EVERY, *, width: int = WIDTH, thin: int = 0
) -> EnsembleTables:
    """Trees that look at few features often, by some comparisons; some leaves speak for all.

    With `thin` they go so many splits deep, and each of those has a leaf on one side.
    """
    trees, depth, targets = 3, 4 + thin, 2
    random = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, float]] = []
    tree: list[int] = []
    left: list[int] = []
    right: list[int] = []

    def grow(number: int, level: int) -> int:
        at = len(rows)
        is_leaf = level == depth or (level > 1 + thin and random.random() < 0.25)
        feature = -1 if is_leaf else int(random.integers(width))
        rows.append((feature, int(random.choice(modes)), int(random.integers(2)), 0.0))
        tree.append(number)
        left.append(-1)
        right.append(-1)
        if not is_leaf:
            left[at] = grow(number, depth if level < thin else level + 1)
            right[at] = grow(number, level + 1)
        return at

    for number in range(trees):
        grow(number, 0)
    count = len(rows)
    leaf = np.array([one[0] < 0 for one in rows])
    values = random.normal(size=(count, targets)) * leaf[:, None]
    values[np.array(tree) == 0, 1:] = 0  # the first tree speaks for one target alone
    cover = random.integers(1, 50, count).astype(np.float32)
    for at in reversed(range(count)):
        if not leaf[at]:
            cover[at] = cover[left[at]] + cover[right[at]]
    return EnsembleTables(
        tree=np.array(tree),
        left=np.array(left),
        right=np.array(right),
        feature=np.array([one[0] for one in rows]),
        threshold=random.integers(-1, 2, count).astype(np.float32),
        mode=np.array([one[1] for one in rows], dtype=np.uint8),
        missing_left=np.array([one[2] == 1 for one in rows]),
        cover=cover,
        values=values,
        base=np.array([0.5, -1.0])[:targets],
        link="none",
    )


def worth(tables: EnsembleTables, row: Array, known: set[int]) -> Array:
    """What a set of features is worth: where it does not decide, both ways by their cover."""
    cover = tables.cover
    assert cover is not None

    def below(at: int) -> Array:
        if tables.left[at] < 0:
            return np.asarray(tables.values[at])
        x, threshold = row[tables.feature[at]], tables.threshold[at]
        one, other = int(tables.left[at]), int(tables.right[at])
        if tables.feature[at] in known:
            ways = (x <= threshold, x < threshold, x >= threshold, x > threshold, x == threshold)
            goes = (*ways, x != threshold)[tables.mode[at]]
            goes = bool(tables.missing_left[at]) if np.isnan(x) else bool(goes)
            return below(one if goes else other)
        share = float(cover[one]) / (float(cover[one]) + float(cover[other]))
        return np.asarray(share * below(one) + (1 - share) * below(other))

    _, roots = np.unique(tables.tree, return_index=True)
    return np.asarray(tables.base + sum(below(int(root)) for root in roots))


def over_all_subsets(tables: EnsembleTables, row: Array) -> Array:
    """The Shapley values `(targets, features)` by their definition."""
    found = np.zeros((tables.values.shape[1], WIDTH))
    for feature in range(WIDTH):
        others = [one for one in range(WIDTH) if one != feature]
        for size in range(WIDTH):
            weight = factorial(size) * factorial(WIDTH - size - 1) / factorial(WIDTH)
            for chosen in combinations(others, size):
                gain = worth(tables, row, {*chosen, feature}) - worth(tables, row, {*chosen})
                found[:, feature] += weight * gain
    return found


def some_rows(count: int = 6) -> Array:
    random = np.random.default_rng(3)
    rows = random.integers(-2, 3, (count, WIDTH)).astype(np.float32)
    rows[random.random(rows.shape) < 0.15] = np.nan
    return rows


@pytest.mark.parametrize(
    ("seed", "modes"), [(0, EVERY), (1, EVERY), (2, (0,)), (3, (1,)), (4, (3,))]
)
def test_both_forms_give_the_values_over_all_subsets(
    seed: int, modes: tuple[int, ...], folder: Path
) -> None:
    tables, rows = random_trees(seed, modes), some_rows()
    assert tables.cover is not None
    trees = grown(tables, tables.cover.astype(np.float64))
    compiled, in_numpy = (
        CompiledShap(trees, WIDTH, shap_kernel(folder)).values(rows),
        PathShap(trees, WIDTH).values(rows),
    )
    for found, sums in (compiled, in_numpy):
        for at, row in enumerate(rows):
            assert found[at] == pytest.approx(over_all_subsets(tables, row), abs=1e-9)
        assert trees.expected + found.sum(axis=2) == pytest.approx(sums, abs=1e-12)
        assert sums == pytest.approx(sums_of(trees, rows), abs=1e-12)
    assert trees.expected == pytest.approx(worth(tables, rows[0], set()), abs=1e-9)


@pytest.mark.parametrize("thin", [8, 20, 36])
def test_both_forms_agree_on_paths_of_many_features(thin: int, folder: Path) -> None:
    width = 60
    tables = random_trees(7, (0,), width=width, thin=thin)
    assert tables.cover is not None
    trees = grown(tables, tables.cover.astype(np.float64))
    assert trees.features.max() > thin // 2
    rows = np.random.default_rng(8).normal(size=(20, width)).astype(np.float32)
    rows[0, :10] = np.nan
    found, sums = CompiledShap(trees, width, shap_kernel(folder)).values(rows)
    meant, meant_sums = PathShap(trees, width).values(rows)
    assert found == pytest.approx(meant, abs=1e-12)
    assert sums == pytest.approx(meant_sums, abs=1e-12)
    assert trees.expected + found.sum(axis=2) == pytest.approx(sums, abs=1e-12)


def test_values_against_a_background_are_the_mean_over_its_rows() -> None:
    tables, rows = random_trees(5), some_rows()
    assert tables.cover is not None
    trees = grown(tables, tables.cover.astype(np.float64))
    usual = some_rows(9)[6:]
    found, sums, base = PathShap(trees, WIDTH).against(rows, usual)
    for at, row in enumerate(rows):
        meant = np.mean([_between(trees, row, one) for one in usual], axis=0)
        assert found[at] == pytest.approx(meant, abs=1e-12)
    assert base + found.sum(axis=2) == pytest.approx(sums, abs=1e-12)


def _between(trees: GrownTrees, row: Array, usual: Array) -> Array:
    """The Shapley values of taking features of `row` instead of those of `usual`."""

    def value(known: set[int]) -> Array:
        mixed = np.array([row[one] if one in known else usual[one] for one in range(WIDTH)])
        return np.asarray(sums_of(trees, mixed[None].astype(np.float32))[0])

    found = np.zeros((2, WIDTH))
    for feature in range(WIDTH):
        others = [one for one in range(WIDTH) if one != feature]
        for size in range(WIDTH):
            weight = factorial(size) * factorial(WIDTH - size - 1) / factorial(WIDTH)
            for chosen in combinations(others, size):
                found[:, feature] += weight * (value({*chosen, feature}) - value({*chosen}))
    return found


def data(classes: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(4)
    rows = random.normal(size=(400, 6)).astype(np.float32)
    score = 2 * rows[:, 0] + rows[:, 1] * rows[:, 2]
    rows[random.random(rows.shape) < 0.05] = np.nan
    if not classes:
        return rows, score
    return rows, np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def values_of(content: bytes, rows: Array, folder: Path) -> tuple[Array, Array]:
    tables = read_ensemble(content)
    assert tables is not None
    assert tables.cover is not None
    trees = grown(tables, tables.cover.astype(np.float64))
    found, _ = CompiledShap(trees, rows.shape[1], shap_kernel(folder)).values(rows)
    return found, trees.expected


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_values_of_lightgbm_are_its_own(classes: int, folder: Path) -> None:
    rows, target = data(classes)
    objective = {0: "regression", 2: "binary", 3: "multiclass"}[classes]
    asked = {"objective": objective, "verbosity": -1, "num_threads": 1, "num_leaves": 15}
    asked |= {"num_class": 3} if classes == 3 else {}
    booster = lightgbm.train(asked, lightgbm.Dataset(rows, target), 20)
    read = read_lightgbm(booster.model_to_string().encode())
    found, expected = values_of(forest_model(read.tables, 6), rows[:20], folder)
    own = np.asarray(booster.predict(rows[:20], pred_contrib=True, num_threads=1))
    own = own.reshape(20, len(expected), 7)
    assert found == pytest.approx(own[:, :, :-1], abs=1e-6)
    assert expected == pytest.approx(own[0, :, -1], abs=1e-6)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_values_of_xgboost_are_its_own(classes: int, folder: Path) -> None:
    rows, target = data(classes)
    objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[classes]
    asked = {"objective": objective, "nthread": 1, "max_depth": 5}
    asked |= {"num_class": 3} if classes == 3 else {}
    booster = xgboost.train(asked, xgboost.DMatrix(rows, target), 20)
    content = forest_model(read_xgboost(bytes(booster.save_raw("ubj"))).tables, 6)
    found, expected = values_of(content, rows[:20], folder)
    own = booster.predict(xgboost.DMatrix(rows[:20]), pred_contribs=True)
    own = np.asarray(own).reshape(20, len(expected), 7)
    assert found == pytest.approx(own[:, :, :-1], abs=1e-4)  # it computes in float32
    assert expected == pytest.approx(own[0, :, -1], abs=1e-4)


def core_of(forest: object) -> bytes:
    found = forest_of(forest)
    assert found is not None
    return found.core


def test_values_of_forests_sum_to_their_answers(folder: Path) -> None:
    rows, target = data()
    rows = np.nan_to_num(rows)
    forest = RandomForestRegressor(10, random_state=0, n_jobs=1).fit(rows, target)
    found, expected = values_of(core_of(forest), rows[:20], folder)
    assert expected + found.sum(axis=2)[:, 0] == pytest.approx(forest.predict(rows[:20]), abs=1e-6)
    rows, target = np.nan_to_num(data(3)[0]), data(3)[1]
    kinds = ExtraTreesClassifier(10, random_state=0, n_jobs=1).fit(rows, target)
    found, expected = values_of(core_of(kinds), rows[:20], folder)
    assert expected + found.sum(axis=2) == pytest.approx(kinds.predict_proba(rows[:20]), abs=1e-6)


@pytest.mark.parametrize(("usual", "looks"), [(None, 3), (2, 40)])
def test_a_row_is_not_begun_once_the_time_is_over(
    usual: int | None, looks: int, folder: Path
) -> None:
    rows, target = np.nan_to_num(data()[0]), data()[1]
    forest = RandomForestRegressor(2, random_state=0, n_jobs=1, max_depth=3).fit(rows, target)
    content = core_of(forest)
    named = TensorSpec("x", Datatype.FP32, (-1, 6), columns=tuple("abcdef"))
    signature = Signature((named,), OnnxPredictor(content).signature.outputs)
    predictor = OnnxPredictor(content, signature)
    explainer = tree_explainer(LoadedVersion(predictor, {"model.onnx": content}, folder))
    assert explainer is not None
    asked = Batch({"x": rows[:20]})
    background = None if usual is None else Batch({"x": rows[-usual:]})
    clock = Ticking()
    wishes = Wishes(background=background, deadline=deadline_in(clock, looks + 1, "too long"))
    assert len(explainer.explain(asked, wishes).rows) == 20
    assert clock.elapsed_ns == (looks + 1) * SECOND_NS
    with pytest.raises(DeadlinePassed, match="too long"):
        explainer.explain(asked, wishes)


class Ticking(ManualClock):
    """A second goes by with each look at it."""

    def monotonic_ns(self) -> int:
        """Later than the last time."""
        self.elapsed_ns += SECOND_NS
        return self.elapsed_ns


def test_trees_that_are_none_are_refused() -> None:
    tables = random_trees(1)
    tables.left[int(np.flatnonzero(tables.left > 0)[0])] = 0
    with pytest.raises(InvalidInput, match="no trees"):
        grown(tables, np.ones(len(tables.tree)))


def chain(splits: int, features: int) -> EnsembleTables:
    """One tree, each of whose splits has a leaf on one side."""
    count, places = 2 * splits + 1, np.arange(2 * splits + 1)
    is_split = (places % 2 == 0) & (places < count - 1)
    return EnsembleTables(
        tree=np.zeros(count, dtype=np.int64),
        left=np.where(is_split, places + 1, -1),
        right=np.where(is_split, places + 2, -1),
        feature=np.where(is_split, places // 2 % features, -1),
        threshold=np.zeros(count, dtype=np.float32),
        mode=np.zeros(count, dtype=np.uint8),
        missing_left=np.zeros(count, dtype=np.bool_),
        cover=np.ones(count, dtype=np.float32),
        values=np.ones((count, 1)),
        base=np.zeros(1),
        link="none",
    )


@pytest.mark.parametrize(("splits", "features"), [(600, 600), (5_000, 3)])
def test_trees_too_deep_are_left_before_points_are_sought(splits: int, features: int) -> None:
    tables = chain(splits, features)
    with pytest.raises(InvalidInput, match="give method shap"):
        grown(tables, np.ones(len(tables.tree)))
    fewer = chain(600, 500)
    assert grown(fewer, np.ones(len(fewer.tree))).features.max() == 500


def test_paths_too_many_for_numpy_are_refused_before_they_are_laid_out() -> None:
    tables = chain(600, 500)
    trees = grown(tables, np.ones(len(tables.tree)))
    many = replace(trees, left=np.full(110_000, -1))
    with pytest.raises(InvalidInput, match="110,000 leaves"):
        PathShap(many, 500)


@pytest.mark.parametrize("feature", [-1, WIDTH])
def test_the_kernel_is_given_no_split_and_no_row_beside_its_width(
    feature: int, folder: Path
) -> None:
    tables = random_trees(2, (0,))
    trees, kernel = grown(tables, np.ones(len(tables.tree))), shap_kernel(folder)
    whole = CompiledShap(trees, WIDTH, kernel)
    for rows in (np.zeros(WIDTH, np.float32), np.zeros((2, WIDTH - 1), np.float32)):
        with pytest.raises(InvalidInput, match="the trees take"):
            whole.values(rows)
    tables.feature[np.flatnonzero(tables.left >= 0)[0]] = feature
    with pytest.raises(InvalidInput, match="ask for features"):
        CompiledShap(trees, WIDTH, kernel)


def test_more_targets_than_can_be_laid_out_are_left_to_sampling() -> None:
    """So many are stated, whatever the leaves speak for."""
    rows, target = np.nan_to_num(data()[0]), data()[1]
    forest = RandomForestRegressor(2, random_state=0, n_jobs=1, max_depth=3).fit(rows, target)
    model = onnx.load_from_string(core_of(forest))
    for one in model.graph.node[0].attribute:
        if one.name == "n_targets":
            one.i = 10**9
    assert read_ensemble(model.SerializeToString()) is None
