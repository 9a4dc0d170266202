"""XGBoost in the portfolio: trees grown level by level on histograms."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.boosted_core import boosted_core
from lichen.frameworks.estimators.boosting import SHARED, Plan, planned
from lichen.frameworks.estimators.lightgbm import FEATURE_SHARE, ROW_SHARE
from lichen.frameworks.estimators.parting import Places
from lichen.frameworks.estimators.rows import Rows, check_settings, checked, number_in, whole_in
from lichen.frameworks.xgboost import library, sums_of

_OWN = ("depth", "weight_in_leaf", "feature_share", "row_share", "l1", "l2", "bins")


class XgBoost:
    """Gradient boosting (Chen and Guestrin, 2016). NaN goes where it lowers the loss.

    Settings: `trees`, `learning_rate`, `patience`, `held_out`, `monotone`, `quantile` (see
    `boosting.Plan`); `depth` of a tree; `weight_in_leaf`, the least curvature of one;
    `feature_share` and `row_share` that each tree sees; `l1`, `l2` on leaves; `bins`.
    """

    name = "xgboost"
    takes_missing = True

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
            Unavailable: XGBoost is not installed.
        """
        check_settings(settings, (*SHARED, *_OWN))
        rows = checked(examples, takes_missing=True)
        plan = planned(rows, settings, seed, self.name)
        parameters = _parameters(rows, plan, settings, seed)
        grown = _grown(rows, plan, parameters, pause)
        return boosted_core(rows, sums_of(grown), partial(_sums, grown))


def _sums(booster: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: ANN401 - XGBoost's own
    sums = booster.inplace_predict(features, predict_type="margin")
    return np.asarray(sums, dtype=np.float64)


def _grown(rows: Rows, plan: Plan, parameters: dict[str, object], pause: Pause) -> Any:  # noqa: ANN401 - XGBoost's own
    """The booster: of so many trees as the rows kept aside call for."""
    xgboost = library()

    class Pausing(xgboost.callback.TrainingCallback):  # type: ignore[misc, name-defined]
        """Asks between two trees."""

        def after_iteration(self, model: object, epoch: int, evals_log: object) -> bool:  # noqa: ARG002
            pause()
            return False

    def data(places: Places, like: object = None) -> Any:  # noqa: ANN401 - XGBoost's own
        weights = rows.weights
        whole = len(places) == len(rows.target)
        return xgboost.QuantileDMatrix(
            rows.features if whole else rows.features[places],
            rows.target[places],
            weight=None if weights is None else weights[places],
            max_bin=parameters["max_bin"],
            nthread=1,
            ref=like,
        )

    train = partial(xgboost.train, parameters, callbacks=[Pausing()], verbose_eval=False)
    fitted = data(plan.fitted)
    if not len(plan.aside):
        return train(fitted, num_boost_round=plan.trees)
    kept = train(
        fitted,
        num_boost_round=plan.trees,
        evals=[(data(plan.aside, fitted), "aside")],
        early_stopping_rounds=plan.patience,
    )
    best = kept.best_iteration + 1
    if plan.is_refitted:
        return train(data(np.arange(len(rows.target))), num_boost_round=best)
    return kept[:best]


def _parameters(rows: Rows, plan: Plan, settings: Settings, seed: int) -> dict[str, object]:
    chosen = {
        **_objective(rows, plan),
        "tree_method": "hist",
        "learning_rate": plan.learning_rate,
        "max_depth": whole_in(settings, "depth", 6),
        "min_child_weight": number_in(settings, "weight_in_leaf", 1.0),
        "colsample_bytree": min(number_in(settings, "feature_share", FEATURE_SHARE, 0.01), 1.0),
        "subsample": min(number_in(settings, "row_share", ROW_SHARE, 0.01), 1.0),
        "reg_alpha": number_in(settings, "l1", 0.0),
        "reg_lambda": number_in(settings, "l2", 1.0),
        "max_bin": min(whole_in(settings, "bins", 256, 2), 65535),
        "seed": seed % 2**31,
        "nthread": 1,
        "verbosity": 0,
    }
    if plan.monotone:
        chosen["monotone_constraints"] = plan.monotone
    return chosen


def _objective(rows: Rows, plan: Plan) -> dict[str, object]:
    if plan.quantile is not None:
        return {"objective": "reg:quantileerror", "quantile_alpha": plan.quantile}
    if not rows.classes:
        return {"objective": "reg:squarederror"}
    if rows.fitted_outputs == 1:
        return {"objective": "binary:logistic", "eval_metric": "logloss"}
    return {
        "objective": "multi:softprob",
        "num_class": len(rows.present),
        "eval_metric": "mlogloss",
    }
