"""What each algorithm of the tables' portfolio does beyond the shared contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, Settings, no_pause
from lichen.frameworks.estimators.portfolio import estimator, left_out, portfolio
from lichen.frameworks.estimators.spaces import search_space
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_trees import read_forest
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

TREES: Settings = {"trees": 10, "patience": 0}


def numbers(rows: int = 200, width: int = 3, seed: int = 0) -> Examples:
    random = np.random.default_rng(seed)
    features = random.standard_normal((rows, width)).astype(np.float32)
    return Examples(features=features, target=3 * features[:, 0] + random.standard_normal(rows))


def classes_of(rows: Examples, classes: int = 2) -> Examples:
    edges = np.quantile(rows.target, np.arange(1, classes) / classes)
    target = np.searchsorted(edges, rows.target).astype(np.float64)
    return replace(rows, target=target, classes=classes)


def test_the_portfolio_goes_from_cheap_to_dear() -> None:
    assert [one.name for one in portfolio(0)][:3] == ["linear", "lasso", "elastic-net"]
    assert portfolio(2)[0].name == "logistic"
    assert {"svm", "lightgbm", "xgboost", "forest"} <= {one.name for one in portfolio(3)}


def test_every_algorithm_is_explained() -> None:
    page = Path(__file__).parents[3] / "docs" / "explanation" / "algorithms-of-tables.md"
    said = page.read_text(encoding="utf-8")
    names = {one.name for classes in (0, 2) for one in portfolio(classes)}
    assert [name for name in sorted(names) if f"`{name}`" not in said] == []


def test_an_algorithm_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInput, match="no algorithm 'oracle': there are linear, "):
        estimator("oracle")


def test_what_is_left_out_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.frameworks.estimators.portfolio.find_spec", lambda _: None)
    assert left_out(2)["mlp"] == "algorithm mlp needs torch: install lichen[torch]"
    assert "xgboost" not in {one.name for one in portfolio(2)}
    with pytest.raises(InvalidInput, match=r"install lichen\[xgboost\]"):
        estimator("xgboost")


@pytest.mark.parametrize(("name", "classes"), [("linear", 2), ("logistic", 0), ("lasso", 3)])
def test_a_target_of_the_other_kind_is_refused(name: str, classes: int) -> None:
    rows = classes_of(numbers(), classes) if classes else numbers()
    with pytest.raises(InvalidInput, match="predicts"):
        estimator(name).fit(rows, {}, 0, no_pause)


@pytest.mark.parametrize(
    ("name", "limit", "rows", "width"),
    [
        ("linear", "linear.LARGEST_SIDE", 60, 60),
        ("lasso", "shrinking.LARGEST_WIDTH", 20, 60),
        ("elastic-net", "shrinking.LARGEST_WIDTH", 20, 60),
        ("svm", "svm.LARGEST_KERNEL", 10, 1),
        ("linear-svm", "linear_svm.LARGEST_WORK", 30, 2),
        ("lightgbm", "boosting.LARGEST_WORK", 30, 1),
        ("xgboost", "boosting.LARGEST_WORK", 30, 1),
        ("forest", "forest.LARGEST_WORK", 30, 1),
    ],
)
def test_what_would_take_minutes_is_refused(
    name: str, limit: str, rows: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"lichen.frameworks.estimators.{limit}", 50)
    with pytest.raises(InvalidInput, match=r"takes? minutes"):
        estimator(name).fit(numbers(rows, width), {}, 0, no_pause)
    monkeypatch.setattr("lichen.frameworks.estimators.logistic.LARGEST_WORK", 50)
    with pytest.raises(InvalidInput, match=r"takes minutes: choose logistic-sgd"):
        estimator("logistic").fit(classes_of(numbers()), {}, 0, no_pause)


@pytest.mark.parametrize(
    "name", ["linear", "linear-svm", "linear-sgd", "lightgbm", "xgboost", "forest", "svm"]
)
def test_ten_thousand_columns_are_coped_with(name: str) -> None:
    rows = numbers(30, 10_000)
    settings: Settings = {"trees": 2} if name in ("lightgbm", "xgboost", "forest") else {}
    core = estimator(name).fit(rows, settings, 0, no_pause)
    assert np.isfinite(core.raw(rows.features)).all()


def test_ten_thousand_columns_of_classes_are_coped_with() -> None:
    rows = classes_of(numbers(30, 10_000), 3)
    for name in ("logistic", "logistic-sgd"):
        core = estimator(name).fit(rows, {}, 0, no_pause)
        assert np.mean(core.raw(rows.features).argmax(axis=1) == rows.target) > 0.9


def test_least_squares_of_more_features_than_rows_passes_through_them() -> None:
    rows = numbers(10, 40)
    core = estimator("linear").fit(rows, {"l2": 0.0}, 0, no_pause)
    assert np.allclose(core.raw(rows.features)[:, 0], rows.target, atol=1e-4)


def test_the_penalty_is_chosen_larger_where_there_is_more_noise() -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((60, 30)).astype(np.float32)
    signal = features @ random.standard_normal(30)
    slopes = []
    for noise in (0.1, 30.0):
        rows = Examples(features=features, target=signal + noise * random.standard_normal(60))
        said = estimator("linear").fit(rows, {}, 0, no_pause).raw(features)[:, 0]
        slopes.append(np.std(said) / np.std(rows.target))
    assert slopes[0] > 0.99
    assert slopes[1] < 0.9


def test_lasso_leaves_out_what_says_nothing() -> None:
    rows = numbers(300, 20)
    raw = estimator("lasso").fit(rows, {"strength": 0.2}, 0, no_pause)
    one, other = np.zeros((1, 20), np.float32), np.zeros((1, 20), np.float32)
    other[0, 1:] = 100
    assert raw.raw(one)[0, 0] == pytest.approx(raw.raw(other)[0, 0])
    one[0, 0] = 1
    assert raw.raw(one)[0, 0] > raw.raw(other)[0, 0] + 1


def test_l1_makes_a_logistic_regression_leave_out_what_says_nothing() -> None:
    rows = classes_of(numbers(300, 20))
    core = estimator("logistic").fit(rows, {"l1": 0.05}, 0, no_pause)
    still, moved = np.zeros((1, 20), np.float32), np.zeros((1, 20), np.float32)
    moved[0, 1:] = 100
    assert core.raw(still) == pytest.approx(core.raw(moved))


@pytest.mark.parametrize("name", ["linear", "lightgbm", "xgboost"])
@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_a_quantile_has_its_share_of_fresh_rows_under_it(name: str, quantile: float) -> None:
    rows, fresh = numbers(1500, seed=1), numbers(1500, seed=2)
    settings: Settings = {"quantile": quantile}
    if name != "linear":
        settings = {**settings, "trees": 60, "patience": 0, "learning_rate": 0.2}
        settings = {**settings, **({"leaves": 6} if name == "lightgbm" else {"depth": 2})}
    core = estimator(name).fit(rows, settings, 0, no_pause)
    under = np.mean(fresh.target <= core.raw(fresh.features)[:, 0])
    assert under == pytest.approx(quantile, abs=0.06)


@pytest.mark.parametrize("name", ["linear", "lightgbm", "xgboost"])
def test_a_quantile_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="quantile"):
        estimator(name).fit(numbers(), {"quantile": 1.0}, 0, no_pause)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_monotone_feature_never_lowers_the_answer(name: str) -> None:
    rows = numbers(300)
    rows = replace(rows, target=np.sin(4 * rows.features[:, 0]) + rows.features[:, 1])
    core = estimator(name).fit(rows, {**TREES, "monotone": "1,0,0"}, 0, no_pause)
    line = np.zeros((200, 3), np.float32)
    line[:, 0] = np.linspace(-3, 3, 200)
    assert (np.diff(core.raw(line)[:, 0]) >= 0).all()
    with pytest.raises(InvalidInput, match="monotone is '1,2': give 1, 0 or -1 for each of 3"):
        estimator(name).fit(rows, {"monotone": "1,2"}, 0, no_pause)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosting_ends_when_rows_kept_aside_score_no_better(name: str) -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((300, 3)).astype(np.float32)
    noise = Examples(features=features, target=random.standard_normal(300))
    stopped = estimator(name).fit(noise, {"trees": 200, "patience": 5}, 0, no_pause)
    forest = read_forest(stopped.onnx())
    assert forest is not None
    assert forest.tree.max() < 20


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "forest"])
@pytest.mark.parametrize("classes", [0, 2])
def test_trees_of_one_output_can_be_served_in_the_compiled_form(name: str, classes: int) -> None:
    rows = classes_of(numbers(), classes) if classes else numbers()
    forest = read_forest(estimator(name).fit(rows, {"trees": 5}, 0, no_pause).onnx())
    assert forest is not None
    assert len(forest.base) == 1


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosted_trees_of_several_classes_can_too(name: str) -> None:
    rows = classes_of(numbers(), 3)
    forest = read_forest(estimator(name).fit(rows, TREES, 0, no_pause).onnx())
    assert forest is not None
    assert len(forest.base) == 3


def test_a_vector_machine_scores_classes_by_the_margins_of_all_pairs() -> None:
    features, target = load_iris(return_X_y=True)
    rows = Examples(
        features=features.astype(np.float32), target=target.astype(np.float64), classes=3
    )
    core = estimator("svm").fit(rows, {}, 0, no_pause)
    assert np.mean(core.raw(rows.features).argmax(axis=1) == target) > 0.96


def test_a_descent_that_runs_away_is_told_so() -> None:
    with pytest.raises(InvalidInput, match="ran away"), np.errstate(all="ignore"):
        estimator("linear-gd").fit(numbers(), {"learning_rate": 1e6}, 0, no_pause)
    with pytest.raises(InvalidInput, match="ran away"), np.errstate(all="ignore"):
        estimator("linear-sgd").fit(numbers(), {"learning_rate": 1e6}, 0, no_pause)


@pytest.mark.parametrize("said", ["ten", True, -1.0, float("nan")])
def test_a_setting_that_is_no_number_is_refused(said: float | str) -> None:
    with pytest.raises(InvalidInput, match="setting l2 is"):
        estimator("linear").fit(numbers(), {"l2": said}, 0, no_pause)
    with pytest.raises(InvalidInput, match="give a whole number"):
        estimator("lightgbm").fit(numbers(), {"leaves": 7.5}, 0, no_pause)


@pytest.mark.parametrize("name", [one.name for one in (*portfolio(0), *portfolio(2))])
def test_defaults_lie_in_the_space_that_is_searched(name: str) -> None:
    for rows, width in ((20, 1), (2000, 30), (200_000, 3000)):
        for one in search_space(name, rows, width):
            if one.choices:
                assert one.default in one.choices
            elif one.default is not None:
                assert one.low <= float(one.default) <= one.high
            assert one.choices or one.low < one.high


def held_out_score(name: str, rows: Examples) -> float:
    """R2, or the share of right classes, of a fifth of the rows that were not fitted on."""
    order = np.random.default_rng(0).permutation(len(rows.target))
    fitted, scored = order[len(order) // 5 :], order[: len(order) // 5]
    part = Examples(
        features=rows.features[fitted], target=rows.target[fitted], classes=rows.classes
    )
    core = estimator(name).fit(part, {}, 0, no_pause)
    raw, truth = core.raw(rows.features[scored]), rows.target[scored]
    if not rows.classes:
        return float(1 - np.mean((raw[:, 0] - truth) ** 2) / np.var(truth))
    said = raw.argmax(axis=1) if rows.classes > 2 else raw[:, 0] > 0
    return float(np.mean(said == truth))


def test_defaults_do_well_on_real_sets() -> None:
    cancer = load_breast_cancer(return_X_y=True)
    wine = load_wine(return_X_y=True)
    diabetes = load_diabetes(return_X_y=True)
    of_cancer, of_wine, of_diabetes = (
        Examples(
            features=features.astype(np.float32), target=target.astype(np.float64), classes=classes
        )
        for (features, target), classes in ((cancer, 2), (wine, 3), (diabetes, 0))
    )
    for name in ("logistic", "linear-svm", "svm", "lightgbm", "xgboost"):
        assert held_out_score(name, of_cancer) >= 0.93
        assert held_out_score(name, of_wine) >= 0.9
    for name in ("linear", "lasso", "elastic-net", "linear-gd", "linear-sgd"):
        assert held_out_score(name, of_diabetes) > 0.35


def test_a_core_takes_features_and_gives_raw_of_any_number_of_rows() -> None:
    predictor = OnnxPredictor(estimator("linear").fit(numbers(), {}, 0, no_pause).onnx())
    for rows in (0, 1, 1000):
        found = predictor.predict(Batch({INPUT: np.zeros((rows, 3), np.float32)}))
        assert found[OUTPUT].shape == (rows, 1)
    predictor.close()
