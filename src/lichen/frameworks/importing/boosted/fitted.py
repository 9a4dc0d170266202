"""Boosters in memory, and their wrappers for scikit-learn, by the bytes that they save."""

from dataclasses import replace
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.conversion import (
    PROBABILITIES,
    lightgbm_conversion,
    xgboost_conversion,
)
from lichen.frameworks.importing.conversion import Conversion


def fitted_lightgbm(model: Any) -> Conversion:  # noqa: ANN401 - LightGBM's own
    """A `Booster`, or a wrapper, as a version.

    Raises:
        InvalidInput: it is not fitted, or nothing here writes what it holds.
    """
    booster = model if hasattr(model, "model_to_string") else getattr(model, "booster_", None)
    if booster is None:
        raise InvalidInput("the LightGBM model is not fitted: call its fit first")
    return _labelled(lightgbm_conversion(booster.model_to_string().encode()), model)


def fitted_xgboost(model: Any) -> Conversion:  # noqa: ANN401 - XGBoost's own
    """A `Booster`, or a wrapper, as a version: with the trees that a wrapper answers by.

    Raises:
        InvalidInput: it is not fitted, or nothing here writes what it holds.
    """
    if not hasattr(model, "get_booster"):
        return xgboost_conversion(bytes(model.save_raw("ubj")))
    if not model.__sklearn_is_fitted__():
        raise InvalidInput("the XGBoost model is not fitted: call its fit first")
    booster, best = model.get_booster(), getattr(model, "best_iteration", None)
    kept = booster if best is None else booster[: best + 1]
    return _labelled(xgboost_conversion(bytes(kept.save_raw("ubj"))), model)


def _labelled(made: Conversion, model: Any) -> Conversion:  # noqa: ANN401 - of either library
    """With the classes of a wrapper, where the answers are their probabilities."""
    labels = tuple(str(one) for one in getattr(model, "classes_", ()))
    (given,) = made.signature.outputs if made.signature else ()
    targets = given.shape[1]
    fits = given.description in PROBABILITIES and len(labels) in (targets, targets + 1)
    return replace(made, labels=labels) if fits else made
