"""Random forests and extremely randomised trees."""

from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.boosting import monotone_signs
from lichen.frameworks.estimators.forest_core import ForestCore
from lichen.frameworks.estimators.rows import Rows, check_settings, checked, number_in, whole_in

LARGEST_WORK = 1_000_000_000
"""Rows x features looked at x trees: growing more takes minutes."""
_TREES_AT_ONCE = 10


class Forest:
    """Averaged trees (Breiman, 2001; Geurts, Ernst and Wehenkel, 2006).

    Settings: `kind`, `extra` (the default: splits drawn at random, cheaper) or `random`; `trees`;
    `feature_share` looked at for a split (0: the root of their number for classes, all of `extra`
    and a third of `random` for numbers); `rows_in_leaf` at least (1; of numbers more where
    there are thousands of rows: a forest of single rows is large and no better); `monotone`: for
    each feature 1, 0 or -1, parted by commas, where nothing is missing.
    """

    name = "forest"
    takes_missing = True

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("kind", "trees", "feature_share", "rows_in_leaf", "monotone"))
        rows = checked(examples, takes_missing=True)
        kind = settings.get("kind", "extra")
        if kind not in ("extra", "random"):
            raise InvalidInput(f"setting kind is {kind!r}: give extra or random")
        trees = whole_in(settings, "trees", 100)
        share = number_in(settings, "feature_share", 0.0) or _default_share(rows, kind == "extra")
        if rows.features.size * min(share, 1.0) * trees > LARGEST_WORK:
            raise InvalidInput(
                f"{self.name} of {trees} trees on {len(rows.target)} rows of "
                f"{rows.features.shape[1]} features takes minutes: give fewer trees, or lightgbm"
            )
        model = _model(rows, str(kind))(
            n_estimators=min(_TREES_AT_ONCE, trees),
            max_features=min(share, 1.0),
            min_samples_leaf=whole_in(settings, "rows_in_leaf", default_rows_in_leaf(rows)),
            random_state=seed % 2**32,
            n_jobs=1,
            warm_start=True,
            monotonic_cst=_signs(rows, settings),
        )
        while True:
            pause()
            model.fit(rows.features, rows.target, sample_weight=rows.weights)
            if model.n_estimators == trees:
                break
            model.n_estimators = min(model.n_estimators + _TREES_AT_ONCE, trees)
        trees_ = tuple(one.tree_ for one in model.estimators_)
        return ForestCore(trees_, rows.features.shape[1], rows.present, rows.classes)


def _signs(rows: Rows, settings: Settings) -> tuple[int, ...] | None:
    signs = monotone_signs(settings, rows.features.shape[1])
    if signs and not np.isfinite(rows.features).all():
        raise InvalidInput(
            "a forest keeps monotone constraints only where nothing is missing: ask for lightgbm"
        )
    return signs or None


def default_rows_in_leaf(rows: Rows) -> int:
    """1 for classes; of numbers 1 under 8,000 rows, and 5 of 20,000."""
    return 1 if rows.classes else int(np.clip(len(rows.target) / 4000, 1, 10))


def _default_share(rows: Rows, is_extra: bool) -> float:  # noqa: FBT001 - one of two kinds
    if rows.classes:
        return float(1 / np.sqrt(rows.features.shape[1]))
    return 1.0 if is_extra else 1 / 3


def _model(rows: Rows, kind: str) -> Any:  # noqa: ANN401 - scikit-learn's own
    from sklearn import ensemble

    trees = "ExtraTrees" if kind == "extra" else "RandomForest"
    return getattr(ensemble, trees + ("Classifier" if rows.classes else "Regressor"))
