"""Boosters with all that they may have answer as their library; the same bytes each time."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.conversion import convert_lightgbm, convert_xgboost
from lichen.frameworks.importing.boosted.recognition import is_lightgbm, is_xgboost
from lichen.frameworks.importing.comparison import check_faithful
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.source import Source, laid_out
from lichen.serving.forms import predictor_of

_RANDOM = np.random.default_rng(0)
ROWS = _RANDOM.normal(size=(200, 3)).astype(np.float32)
ROWS[:, 2] = _RANDOM.integers(0, 8, 200)
NUMBER = ROWS[:, 0] * 2 + (ROWS[:, 2] == 3) + 2.0 * (ROWS[:, 2] == 5)
TARGETS = {
    "number": NUMBER,
    "positive": np.exp(NUMBER / 4),
    "flag": (NUMBER > 0).astype(np.float64),
    "share": 1 / (1 + np.exp(-NUMBER)),
    "class": np.digitize(NUMBER, [0, 2]).astype(np.float64),
}
CATEGORIES = {"min_data_per_group": 5, "cat_smooth": 1.0}
Settings = dict[str, Any]


def source(folder: Path, name: str, content: bytes) -> Source:
    (folder / name).write_bytes(content)
    return laid_out(folder, name)


def proven(conversion: Conversion) -> Conversion:
    predictor = predictor_of(conversion.files, conversion.signature)
    assert check_faithful(predictor, conversion).inputs == 1000
    return conversion


def lightgbm_text(target: str, more: Settings, **data: Any) -> bytes:  # noqa: ANN401
    plain = {"verbosity": -1, "num_threads": 1, "num_leaves": 5, "min_data_in_leaf": 5}
    made = lightgbm.Dataset(ROWS, TARGETS[target], **data)
    return lightgbm.train({**plain, **more}, made, 4).model_to_string().encode()


@pytest.mark.parametrize(
    ("target", "more", "data"),
    [
        ("number", {}, {}),
        ("number", CATEGORIES, {"categorical_feature": [2]}),
        ("class", {"objective": "multiclass", "num_class": 3, "linear_tree": True}, {}),
        ("number", {"zero_as_missing": True}, {}),
        ("positive", {"reg_sqrt": True}, {}),
        ("share", {"objective": "cross_entropy_lambda"}, {}),
    ],
    ids=["plain", "categories", "linear leaves", "zero is missing", "roots", "lambda"],
)
def test_lightgbm_answers_as_at_home(
    tmp_path: Path, target: str, more: Settings, data: Settings
) -> None:
    given = source(tmp_path, "model.txt", lightgbm_text(target, more, **data))
    assert is_lightgbm(given)
    first = proven(convert_lightgbm(given, Wishes()))
    assert set(first.files) == {"model.onnx", "model.txt"}
    assert convert_lightgbm(given, Wishes()).files == first.files


@pytest.mark.parametrize(
    ("target", "more", "has_categories"),
    [
        ("number", {}, False),
        ("number", {"max_cat_to_onehot": 1}, True),
        ("number", {"booster": "dart", "max_cat_to_onehot": 1}, True),
        ("flag", {"booster": "gblinear", "objective": "binary:logistic"}, False),
        ("class", {"objective": "multi:softmax", "num_class": 3}, False),
        ("flag", {"objective": "binary:hinge"}, False),
        ("positive", {"objective": "survival:cox"}, False),
    ],
    ids=["plain", "categories", "dart", "linear", "classes", "hinge", "survival"],
)
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_answers_as_at_home(
    tmp_path: Path, target: str, more: Settings, form: str, *, has_categories: bool
) -> None:
    types = ["q", "q", "c"] if has_categories else None
    data = xgboost.DMatrix(
        ROWS, TARGETS[target], nthread=1, feature_types=types, enable_categorical=has_categories
    )
    trained = xgboost.train({"nthread": 1, "verbosity": 0, **more}, data, 4)
    given = source(tmp_path, f"model.{form}", bytes(trained.save_raw(form)))
    assert is_xgboost(given)
    first = proven(convert_xgboost(given, Wishes()))
    assert convert_xgboost(given, Wishes()).files == first.files


def test_columns_and_gaps_stand_in_the_signature(tmp_path: Path) -> None:
    text = lightgbm_text("number", {}, feature_name=["warmth", "wind", "hour"])
    conversion = convert_lightgbm(
        source(tmp_path, "model.txt", text.replace(b"\n", b"\r\n")), Wishes()
    )
    assert conversion.signature is not None
    taken = conversion.signature.inputs[0]
    assert (taken.columns, taken.missing) == (("warmth", "wind", "hour"), True)
    assert (conversion.algorithm, conversion.task) == ("lightgbm", "regression")


def test_files_that_lie_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="XGBoost does not read it"):
        convert_xgboost(source(tmp_path, "a.json", b'{"learner": []}'), Wishes())
    (tmp_path / "a.json").unlink()
    with pytest.raises(InvalidInput, match="it was cut short"):
        convert_lightgbm(source(tmp_path, "b.txt", b"tree\nversion=v4\n"), Wishes())


def test_leaves_of_vectors_are_refused_by_name(tmp_path: Path) -> None:
    data = xgboost.DMatrix(ROWS, np.column_stack([NUMBER, -NUMBER]), nthread=1)
    settings = {"multi_strategy": "multi_output_tree", "tree_method": "hist", "nthread": 1}
    content = bytes(xgboost.train(settings, data, 2).save_raw("json"))
    with pytest.raises(InvalidInput, match="its leaves hold vectors"):
        convert_xgboost(source(tmp_path, "m.json", content), Wishes())
