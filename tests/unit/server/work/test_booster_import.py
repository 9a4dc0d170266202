"""Files of boosted trees become versions with an ONNX model beside the library's own file."""

import lightgbm
import numpy as np
import pytest
import xgboost

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.onnx_writer import linear_core
from lichen.server.work.booster_import import booster_model

ROWS = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
LABELS = (ROWS[:, 0] > 0).astype(np.float64)


def lightgbm_text() -> bytes:
    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    made = lightgbm.Dataset(ROWS, ROWS[:, 0].copy(), feature_name=["warmth", "wind"])
    return lightgbm.train(settings, made, 3).model_to_string().encode()


def xgboost_saved(form: str) -> bytes:
    made = xgboost.DMatrix(ROWS, LABELS, nthread=1)
    trained = xgboost.train({"objective": "binary:logistic", "nthread": 1}, made, 3)
    return bytes(trained.save_raw(form))


def test_a_lightgbm_file_is_a_regression_with_its_columns() -> None:
    content = lightgbm_text()
    model = booster_model("load", "model.txt", content)
    assert model is not None
    assert (model.algorithm, model.task, model.origin) == ("lightgbm", "regression", "model.txt")
    assert set(model.files) == {"model.onnx", "model.txt"}
    assert model.files["model.txt"] == content
    taken = model.signature.inputs[0]
    assert (taken.name, taken.datatype, taken.shape) == ("x", Datatype.FP32, (-1, 2))
    assert taken.columns == ("warmth", "wind")
    assert taken.missing


@pytest.mark.parametrize(("form", "file"), [("json", "model.json"), ("ubj", "model.ubj")])
def test_an_xgboost_file_is_a_classification_that_answers_probabilities(
    form: str, file: str
) -> None:
    model = booster_model("flag", file, xgboost_saved(form))
    assert model is not None
    assert (model.algorithm, model.task) == ("xgboost", "classification")
    assert set(model.files) == {"model.onnx", file}
    assert model.signature.outputs[0].description == "probability"
    assert model.signature.inputs[0].columns == ("f0", "f1")


def test_windows_line_ends_are_read() -> None:
    model = booster_model("load", "model.txt", lightgbm_text().replace(b"\n", b"\r\n"))
    assert model is not None


def test_other_files_are_left_to_other_readers() -> None:
    assert booster_model("linear", "linear.onnx", linear_core(np.ones((2, 1)))) is None


def test_a_broken_file_is_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidInput, match="XGBoost does not read it"):
        booster_model("flag", "model.json", b'{"learner": []}')
