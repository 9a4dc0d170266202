"""LightGBM in the portfolio: trees grown leaf by leaf on histograms."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.boosting import library, sums_of
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.boosted_core import boosted_core
from lichen.frameworks.estimators.boosting import SHARED, Plan, planned
from lichen.frameworks.estimators.parting import Places
from lichen.frameworks.estimators.rows import Rows, check_settings, checked, number_in, whole_in

_OWN = ("leaves", "rows_in_leaf", "feature_share", "row_share", "l1", "l2", "bins", "smoothing")

ROW_SHARE, FEATURE_SHARE = 0.8, 0.7
"""What a tree sees: trees that differ err less together, and cost less."""


class LightGbm:
    """Gradient boosting (Ke et al., 2017). NaN goes where it lowers the loss; codes are numbers.

    Settings: `trees`, `learning_rate`, `patience`, `held_out`, `monotone`, `quantile` (see
    `boosting.Plan`); `leaves` of a tree; `rows_in_leaf` at least; `feature_share` and `row_share`
    that each tree sees; `l1`, `l2` on leaves; `bins` of a histogram; `smoothing` of a leaf towards
    its parent, in rows.
    """

    name = "lightgbm"
    takes_missing = True

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
            Unavailable: LightGBM is not installed.
        """
        check_settings(settings, (*SHARED, *_OWN))
        rows = checked(examples, takes_missing=True)
        plan = planned(rows, settings, seed, self.name)
        parameters = _parameters(rows, plan, settings, seed)
        grown = _grown(rows, plan, parameters, pause)
        return boosted_core(rows, sums_of(grown), partial(_sums, grown))


def _sums(booster: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: ANN401 - LightGBM's own
    return np.asarray(booster.predict(features, raw_score=True, num_threads=1), dtype=np.float64)


def _grown(rows: Rows, plan: Plan, parameters: dict[str, object], pause: Pause) -> Any:  # noqa: ANN401 - LightGBM's own
    """The booster: of so many trees as the rows kept aside call for."""
    lightgbm = library()

    def step(_: object) -> None:
        pause()

    def data(places: Places, like: object = None) -> Any:  # noqa: ANN401 - LightGBM's own
        weights = rows.weights
        whole = len(places) == len(rows.target)
        return lightgbm.Dataset(
            rows.features if whole else rows.features[places],
            rows.target[places],
            weight=None if weights is None else weights[places],
            reference=like,
            params=parameters,
        )

    train: Callable[..., Any] = partial(lightgbm.train, parameters)
    fitted = data(plan.fitted)
    if not len(plan.aside):
        return train(fitted, num_boost_round=plan.trees, callbacks=[step])
    stop = lightgbm.early_stopping(plan.patience, first_metric_only=True, verbose=False)
    kept = train(
        fitted,
        num_boost_round=plan.trees,
        valid_sets=[data(plan.aside, fitted)],
        callbacks=[step, stop],
    )
    best = max(1, kept.best_iteration)
    if plan.is_refitted:
        every = data(np.arange(len(rows.target)))
        return train(every, num_boost_round=best, callbacks=[step])
    return lightgbm.Booster(model_str=kept.model_to_string(num_iteration=best))


def _parameters(rows: Rows, plan: Plan, settings: Settings, seed: int) -> dict[str, object]:
    count = len(rows.target)
    row_share = min(number_in(settings, "row_share", ROW_SHARE, 0.01), 1.0)
    chosen = {
        **_objective(rows, plan),
        "learning_rate": plan.learning_rate,
        "num_leaves": whole_in(settings, "leaves", 31, 2),
        "min_data_in_leaf": whole_in(settings, "rows_in_leaf", default_rows_in_leaf(count)),
        "feature_fraction": min(number_in(settings, "feature_share", FEATURE_SHARE, 0.01), 1.0),
        "bagging_fraction": row_share,
        "bagging_freq": int(row_share < 1),
        "lambda_l1": number_in(settings, "l1", 0.0),
        "lambda_l2": number_in(settings, "l2", 1.0),
        "max_bin": min(whole_in(settings, "bins", 255, 2), 65535),
        "path_smooth": number_in(settings, "smoothing", 0.0),
        "min_sum_hessian_in_leaf": 1e-3,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        "feature_pre_filter": False,
    }
    if plan.monotone:
        chosen["monotone_constraints"] = list(plan.monotone)
    return chosen


def default_rows_in_leaf(rows: int) -> int:
    """Few where rows are few, 20 where there are thousands."""
    return int(np.clip(rows // 50, 2, 20))


def _objective(rows: Rows, plan: Plan) -> dict[str, object]:
    if plan.quantile is not None:
        return {"objective": "quantile", "alpha": plan.quantile, "metric": "quantile"}
    if not rows.classes:
        return {"objective": "regression", "metric": "l2"}
    if rows.fitted_outputs == 1:
        return {"objective": "binary", "metric": "binary_logloss"}
    return {
        "objective": "multiclass",
        "num_class": len(rows.present),
        "metric": "multi_logloss",
    }
