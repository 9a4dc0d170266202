"""What `run.register` takes, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from onnx import load_model_from_string

from lichen.core.errors import InvalidInput
from lichen.frameworks.dense_writer import dense_layer, dense_model
from lichen.training.scripts.models import converted

ONNX = dense_model([dense_layer([[2.0], [1.0]], 0.5)])


def test_onnx_is_taken_as_it_is_in_each_of_its_forms(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(ONNX)
    for given in (ONNX, bytearray(ONNX), file, str(file)):
        assert converted(given).files["model.onnx"] == ONNX
    assert converted(load_model_from_string(ONNX)).algorithm == "onnx"


def test_weights_and_layers_are_taken() -> None:
    assert converted((np.array([2.0, 1.0]), 0.5)).files["model.onnx"] == ONNX
    assert converted([([[2.0], [1.0]], [0.5], "linear")]).files["model.onnx"] == ONNX
    assert converted((np.array([2.0, 1.0]), 0.5)).task == "regression"


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosters_and_their_wrappers_are_taken(library: str) -> None:
    boosting = pytest.importorskip(library)
    random = np.random.default_rng(2)
    x = random.standard_normal((60, 2)).astype(np.float32)
    y = np.digitize(x[:, 0], [-0.4, 0.4])
    kind = boosting.LGBMClassifier if library == "lightgbm" else boosting.XGBClassifier
    more = {"verbose": -1, "min_child_samples": 5} if library == "lightgbm" else {}
    model = kind(n_estimators=3, n_jobs=1, **more)
    model.fit(x, y)
    found = converted(model)
    assert (found.algorithm, found.task) == (library, "classification")
    assert found.labels == ("0", "1", "2")
    booster = model.booster_ if library == "lightgbm" else model.get_booster()
    assert converted(booster).files["model.onnx"] == found.files["model.onnx"]
    assert converted(booster).labels == ()


def test_chains_of_torch_are_written_layer_by_layer() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(), nn.Sequential(nn.Linear(3, 1)))
    found = converted(module)
    assert found.algorithm == "Sequential"
    assert found.parameters["weights"] == 13
    assert found.files["model.onnx"] == converted(module).files["model.onnx"]
    assert converted(nn.Linear(2, 1, bias=False)).algorithm == "Linear"


def test_other_modules_of_torch_need_an_example() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    with pytest.raises(InvalidInput, match=r"run\.register\(model, example=\.\.\.\)"):
        converted(module)
    assert len(converted(module, torch.zeros(2, 2)).files["model.onnx"]) > 100
    with pytest.raises(InvalidInput, match="Sequential fails on its example"):
        converted(module, torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("model.pkl", "a pickle is never loaded"),
        ("absent.onnx", "absent.onnx cannot be read (No such file or directory)"),
        ({"a": 1}, "a builtins.dict cannot be registered: give run.register ONNX bytes"),
        ([1, 2], "has a layer (weights, bias, activation) at each place"),
        (None, "a builtins.NoneType cannot be registered"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(model: object, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        converted(model)
    assert sentence in str(refused.value)


def test_a_booster_that_is_not_fitted_is_refused() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    with pytest.raises(InvalidInput, match="not fitted"):
        converted(lightgbm.LGBMRegressor())
