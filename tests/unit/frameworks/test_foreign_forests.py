"""LightGBM's and XGBoost's own files: as ONNX they answer as their library does, or are refused."""

from collections.abc import Mapping

import lightgbm
import numpy as np
import pytest
import xgboost
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.foreign_forest import ForeignForest, rows_for
from lichen.frameworks.forest_writer import INPUT, OUTPUT, forest_model
from lichen.frameworks.importing.comparison import compared
from lichen.frameworks.importing.conversion import Trial
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.xgboost import read_xgboost

Settings = Mapping[str, object]
ROUNDS = 6


def largest_difference(forest: ForeignForest) -> float:
    """Of the forest as ONNX from its library, as a share of the largest answer."""
    rows = rows_for(forest.tables, len(forest.features))
    expected = {OUTPUT: forest.predict(rows).reshape(len(rows), -1)}
    trial = Trial(inputs={INPUT: rows}, outputs=expected, tolerance=1e-5)
    predictor = OnnxPredictor(forest_model(forest.tables, len(forest.features)))
    return compared(trial, predictor.predict(Batch(trial.inputs))).largest_difference


def table() -> tuple[NDArray[np.float32], dict[str, NDArray[np.float64]]]:
    """Rows with holes, and a target of each kind."""
    random = np.random.default_rng(11)
    rows = random.normal(size=(300, 4)).astype(np.float32)
    rows[:, 3] = random.integers(0, 6, 300)
    rows[random.random(rows.shape) < 0.1] = np.nan
    total = np.nan_to_num(2 * rows[:, 0] + rows[:, 1]).astype(np.float64)
    targets = {
        "number": total,
        "positive": np.exp(total / 4),
        "flag": (total > 0).astype(np.float64),
        "class": np.digitize(total, [-1, 1]).astype(np.float64),
    }
    return rows, targets


def lightgbm_file(objective: str, target: str, more: Settings | None = None) -> bytes:
    rows, targets = table()
    settings = {"objective": objective, "num_leaves": 7, "min_data_in_leaf": 5, "verbosity": -1}
    if target == "class":
        settings["num_class"] = 3
    made = lightgbm.Dataset(rows, targets[target], feature_name=["a", "b", "c", "d"])
    settings |= {"num_threads": 1, **(more or {})}
    return lightgbm.train(settings, made, ROUNDS).model_to_string().encode()


def xgboost_file(
    objective: str, target: str, more: Settings | None = None, form: str = "json"
) -> bytes:
    rows, targets = table()
    settings = {"objective": objective, "nthread": 1, "verbosity": 0}
    if target == "class":
        settings["num_class"] = 3
    made = xgboost.DMatrix(rows, targets[target], nthread=1, feature_names=["a", "b", "c", "d"])
    trained = xgboost.train({**settings, **(more or {})}, made, ROUNDS)
    return bytes(trained.save_raw(form))


@pytest.mark.parametrize(
    ("objective", "target", "more", "link"),
    [
        ("regression", "number", {}, "none"),
        ("regression", "number", {"use_missing": False}, "none"),
        ("regression", "number", {"boosting": "dart"}, "none"),
        (
            "regression",
            "number",
            {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
            "none",
        ),
        ("regression", "number", {"num_leaves": 2, "min_data_in_leaf": 1000}, "none"),
        ("quantile", "number", {"alpha": 0.9}, "none"),
        ("poisson", "positive", {}, "exponential"),
        ("binary", "flag", {"sigmoid": 2.0}, "logistic"),
        ("multiclass", "class", {}, "softmax"),
        ("multiclassova", "class", {}, "logistic"),
    ],
)
def test_lightgbm_answers_are_kept(objective: str, target: str, more: Settings, link: str) -> None:
    forest = read_lightgbm(lightgbm_file(objective, target, more))
    assert largest_difference(forest) <= 1e-5
    assert (forest.features, forest.objective) == (("a", "b", "c", "d"), objective)
    assert forest.tables.link == link
    assert forest.library == f"lightgbm {lightgbm.__version__}"


@pytest.mark.parametrize(
    ("objective", "target", "more", "link"),
    [
        ("reg:squarederror", "number", {}, "none"),
        ("reg:squarederror", "number", {"booster": "dart", "rate_drop": 0.5}, "none"),
        ("reg:squarederror", "number", {"num_parallel_tree": 2}, "none"),
        ("reg:quantileerror", "number", {"quantile_alpha": [0.1, 0.9]}, "none"),
        ("count:poisson", "positive", {}, "exponential"),
        ("binary:logistic", "flag", {"base_score": 0.3}, "logistic"),
        ("binary:logitraw", "flag", {}, "none"),
        ("multi:softprob", "class", {}, "softmax"),
    ],
)
def test_xgboost_answers_are_kept(objective: str, target: str, more: Settings, link: str) -> None:
    forest = read_xgboost(xgboost_file(objective, target, more))
    assert largest_difference(forest) <= 1e-5
    assert (forest.features, forest.objective) == (("a", "b", "c", "d"), objective)
    assert forest.tables.link == link
    assert forest.library == f"xgboost {xgboost.__version__}"


def test_both_forms_of_an_xgboost_file_give_the_same_onnx() -> None:
    models = {
        forest_model(read_xgboost(xgboost_file("reg:squarederror", "number", form=form)).tables, 4)
        for form in ("json", "ubj")
    }
    assert len(models) == 1


@pytest.mark.parametrize(
    ("objective", "more", "why"),
    [
        ("regression", {"linear_tree": True}, "linear_tree=false"),
        ("regression", {"zero_as_missing": True}, "zero_as_missing=false"),
        ("regression", {"reg_sqrt": True}, "its objective is 'regression sqrt'"),
        ("cross_entropy_lambda", {}, "its objective is 'cross_entropy_lambda"),
    ],
)
def test_lightgbm_models_that_onnx_cannot_say_are_refused(
    objective: str, more: Settings, why: str
) -> None:
    target = "flag" if objective == "cross_entropy_lambda" else "number"
    with pytest.raises(InvalidInput, match=why):
        read_lightgbm(lightgbm_file(objective, target, more))


def test_lightgbm_splits_on_categories_are_refused() -> None:
    rows, targets = table()
    kinds = np.nan_to_num(rows[:, 3:])
    made = lightgbm.Dataset(kinds, targets["number"], categorical_feature=[0])
    settings = {"min_data_per_group": 5, "cat_smooth": 0, "num_threads": 1, "verbosity": -1}
    content = lightgbm.train(settings, made, 2).model_to_string().encode()
    with pytest.raises(InvalidInput, match="splits on categories"):
        read_lightgbm(content)


@pytest.mark.parametrize(
    ("objective", "target", "more", "why"),
    [
        ("multi:softmax", "class", {}, "train with one of .*multi:softprob"),
        ("reg:squarederror", "number", {"booster": "gblinear"}, r"no trees \(its booster"),
    ],
)
def test_xgboost_models_that_onnx_cannot_say_are_refused(
    objective: str, target: str, more: Settings, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_xgboost(xgboost_file(objective, target, more))


def test_xgboost_splits_on_categories_are_refused() -> None:
    rows, targets = table()
    made = xgboost.DMatrix(
        np.nan_to_num(rows[:, 3:]),
        targets["number"],
        nthread=1,
        feature_types=["c"],
        enable_categorical=True,
    )
    settings = {"nthread": 1, "max_cat_to_onehot": 1, "verbosity": 0}
    content = bytes(xgboost.train(settings, made, 2).save_raw("json"))
    with pytest.raises(InvalidInput, match="splits on categories"):
        read_xgboost(content)


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_lightgbm, b"tree\nversion=v4\nnonsense"),
        (read_lightgbm, b"tree\n\xff\xfe"),
        (read_xgboost, b'{"learner": {}}'),
        (read_xgboost, b"{L\x00broken"),
    ],
)
def test_files_that_their_library_cannot_read_are_refused(read, content) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(InvalidInput, match="save the booster again"):
        read(content)


def test_a_lightgbm_file_cut_short_or_damaged_is_refused_and_ends_no_process() -> None:
    content = lightgbm_file("regression", "number")
    middle = content.index(b"Tree=3")
    with pytest.raises(InvalidInput, match="save the booster again"):
        read_lightgbm(content[: middle + 60])
    with pytest.raises(InvalidInput, match="save the booster again"):
        read_lightgbm(content.replace(b"leaf_value=", b"leaf_valve="))


def test_rows_for_the_check_stand_on_thresholds_beside_them_and_are_missing() -> None:
    forest = read_lightgbm(lightgbm_file("regression", "number")).tables
    rows = rows_for(forest, 4)
    whole = rows[: len(rows) // 2]
    assert np.isfinite(whole).all()
    assert np.isnan(rows).any()
    for feature in np.unique(forest.feature[forest.feature >= 0]).tolist():
        splits = forest.threshold[forest.feature == feature]
        assert np.isin(whole[:, feature], splits).mean() > 0.15
        assert np.isin(whole[:, feature], np.nextafter(splits, np.float32(np.inf))).any()
