"""Model folders of MLflow, and what the models in them answer to 1000 rows."""

import sys
import warnings
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS, FITTED = 1000, 400
PINNED = {"pip_requirements": ["mlflow"]}


def main(folder: Path) -> None:
    """Log each, and ask it."""
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(FITTED, 3)), columns=["a", "b", "c"])
    asked = random.normal(size=(ROWS, 3)).astype(np.float32)
    target = (rows.a + rows.b > 0).astype(int)
    said = {"signature": infer_signature(rows, target), **PINNED}

    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, target)
    for form in ("skops", "cloudpickle"):
        place = str(folder / f"sklearn-{form}")
        mlflow.sklearn.save_model(fitted, place, serialization_format=form, **said)
    frame = pd.DataFrame(asked.astype(np.float64), columns=rows.columns)
    keep(folder, "sklearn-skops", {"numbers": frame.to_numpy()}, probability(fitted, frame))

    boosted = xgboost.XGBClassifier(n_estimators=20, n_jobs=1).fit(rows, target)
    mlflow.xgboost.save_model(boosted, str(folder / "xgboost"), **said)
    second = np.asarray(boosted.get_booster().inplace_predict(asked), dtype=np.float32)
    keep(folder, "xgboost", {"x": asked}, {"prediction": second[:, np.newaxis]})

    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    data = lightgbm.Dataset(rows, rows.a * 2 + rows.b)
    booster = lightgbm.train(settings, data, 20)
    mlflow.lightgbm.save_model(booster, str(folder / "lightgbm"), **said)
    value = np.asarray(booster.predict(asked), dtype=np.float32)
    keep(folder, "lightgbm", {"x": asked}, {"prediction": value[:, np.newaxis]})

    weights = random.normal(size=(3, 2)).astype(np.float32)
    mlflow.onnx.save_model(graph(weights), str(folder / "onnx"), **said)
    keep(folder, "onnx", {"x": asked}, {"y": asked @ weights})


def probability(fitted: Any, frame: Any) -> dict[str, Any]:
    """Of each class."""
    return {"probability": fitted.predict_proba(frame)}


def graph(weights: Any) -> Any:
    """A linear map as ONNX."""
    real = TensorProto.FLOAT
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "line",
        [helper.make_tensor_value_info("x", real, ["n", 3])],
        [helper.make_tensor_value_info("y", real, ["n", 2])],
        initializer=[numpy_helper.from_array(weights, "w")],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9)


def keep(folder: Path, name: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """What was asked and answered."""
    np.savez(folder / f"{name}-inputs.npz", **inputs)
    np.savez(folder / f"{name}-outputs.npz", **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
