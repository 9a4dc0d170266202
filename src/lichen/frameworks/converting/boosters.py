"""Boosters of LightGBM and XGBoost as ONNX, by way of the text or binary that they save."""

from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.converting.converted import Converted
from lichen.frameworks.foreign_forest import ForeignForest, verified_model
from lichen.frameworks.xgboost import read_xgboost


def convert_lightgbm(model: Any) -> Converted:  # noqa: ANN401 - LightGBM's own
    """A `Booster`, or one of the wrappers for scikit-learn.

    Raises:
        InvalidInput: it is not fitted, or cannot be served.
    """
    labels = _labels(model)
    booster = model if hasattr(model, "model_to_string") else getattr(model, "booster_", None)
    if booster is None:
        raise InvalidInput("the LightGBM model is not fitted: call its fit first")
    return _converted(read_lightgbm(booster.model_to_string().encode()), "lightgbm", labels)


def convert_xgboost(model: Any) -> Converted:  # noqa: ANN401 - XGBoost's own
    """A `Booster`, or one of the wrappers for scikit-learn.

    Raises:
        InvalidInput: it is not fitted, or cannot be served.
    """
    labels = _labels(model)
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    return _converted(read_xgboost(bytes(booster.save_raw("ubj"))), "xgboost", labels)


def _labels(model: Any) -> tuple[str, ...]:  # noqa: ANN401 - of either library
    return tuple(str(one) for one in getattr(model, "classes_", ()))


def _converted(forest: ForeignForest, algorithm: str, labels: tuple[str, ...]) -> Converted:
    verified = verified_model(forest)
    targets = len(forest.tables.base)
    is_classifier = forest.tables.link in ("logistic", "softmax")
    return Converted(
        content=verified.content,
        algorithm=algorithm,
        task="classification" if is_classifier else "regression",
        columns=forest.features,
        labels=labels if len(labels) in (targets, targets + 1) and is_classifier else (),
        parameters={
            "library": forest.library,
            "objective": forest.objective,
            "onnx_largest_difference": verified.largest_difference,
        },
    )
