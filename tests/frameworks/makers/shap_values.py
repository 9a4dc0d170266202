"""Trees of every library, and what the shap library says of them: `shap_values.py FOLDER`.

For each model its file, and in `NAME-shap.npz` 200 rows, `TreeExplainer`'s values `(rows, outputs,
features)` and its base `(outputs,)`, path-dependent, in the space of the sums.
"""

import sys
from pathlib import Path

import lightgbm
import numpy as np
import shap  # type: ignore[import-not-found]  # in the environment of this maker
import skops.io
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS, ASKED, FEATURES = 1500, 200, 8


def data(classes: int = 0, *, missing: bool = True) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    rows = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    score = 2 * rows[:, 0] + rows[:, 1] * rows[:, 2] + np.sin(3 * rows[:, 3])
    if missing:
        rows[random.random(rows.shape) < 0.05] = np.nan
    if not classes:
        return rows, score
    return rows, np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def keep(folder: Path, name: str, model: object, rows: np.ndarray) -> None:
    explainer = shap.TreeExplainer(model)
    values = np.asarray(explainer.shap_values(rows[:ASKED], check_additivity=False))
    values = values[:, None] if values.ndim == 2 else values.transpose(0, 2, 1)
    base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    np.savez(folder / f"{name}-shap.npz", rows=rows[:ASKED], values=values, base=base)


def boosters(folder: Path) -> None:
    shared = {"verbosity": -1, "num_threads": 1, "num_leaves": 31}
    rows, target = data()
    for name, more, goal in (
        ("lightgbm-number", {"objective": "regression"}, target),
        ("lightgbm-classes", {"objective": "multiclass", "num_class": 3}, data(3)[1]),
    ):
        booster = lightgbm.train({**shared, **more}, lightgbm.Dataset(rows, goal), 40)
        booster.save_model(folder / f"{name}.txt")
        keep(folder, name, booster, rows)
    of_two = {"objective": "binary:logistic", "nthread": 1, "max_depth": 6, "base_score": 0.5}
    grown = xgboost.train(of_two, xgboost.DMatrix(rows, data(2)[1]), 40)
    grown.save_model(folder / "xgboost-classes.json")
    keep(folder, "xgboost-classes", grown, rows)


def forests(folder: Path) -> None:
    rows, target = data(missing=False)
    kinds = data(3, missing=False)[1]
    for name, model, goal in (
        ("forest-number", RandomForestRegressor(30, random_state=0, n_jobs=1), target),
        ("forest-classes", RandomForestClassifier(30, random_state=0, n_jobs=1), kinds),
        (
            "boosted-classes",
            GradientBoostingClassifier(n_estimators=40, random_state=0),
            (kinds > 1).astype(int),
        ),
        ("histogram-number", HistGradientBoostingRegressor(max_iter=40, random_state=0), target),
    ):
        fitted = model.fit(rows, goal)
        skops.io.dump(fitted, folder / f"{name}.skops")
        keep(folder, name, fitted, rows)


def pipelines(folder: Path) -> None:
    """Trees after imputing, scaling and one-hot: shap's values of features, summed by column."""
    random = np.random.default_rng(8)
    table = np.empty((ROWS, 3), dtype=object)
    table[:, 0], table[:, 1] = random.normal(size=ROWS), random.normal(size=ROWS) * 40
    table[:, 2] = random.choice(["air", "sea", "sun"], ROWS)
    heat = table[:, 0].astype(float)
    table[::9, 0] = np.nan
    score = 2 * heat + table[:, 1].astype(float) / 30 * (table[:, 2] == "sea")
    steps = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]),
            ("o", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2]),
        ]
    )
    for name, model, goal in (
        ("piped-forest", RandomForestRegressor(30, random_state=0, n_jobs=1), score),
        ("piped-classes", RandomForestClassifier(30, random_state=0, n_jobs=1), score > 0),
        ("piped-histogram", HistGradientBoostingRegressor(max_iter=40, random_state=0), score),
    ):
        fitted = make_pipeline(steps, model).fit(table, goal)
        skops.io.dump(fitted, folder / f"{name}.skops")
        asked = table[:ASKED]
        explainer = shap.TreeExplainer(fitted[-1])
        values = np.asarray(
            explainer.shap_values(fitted[0].transform(asked), check_additivity=False)
        )
        values = values[:, None] if values.ndim == 2 else values.transpose(0, 2, 1)
        folded = np.concatenate([values[..., :2], values[..., 2:].sum(axis=-1)[..., None]], -1)
        base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
        np.savez(
            folder / f"{name}-shap.npz",
            numbers=asked[:, :2].astype(float),
            texts=asked[:, 2:].astype(str),
            values=folded,
            base=base,
        )


if __name__ == "__main__":
    boosters(Path(sys.argv[1]))
    forests(Path(sys.argv[1]))
    pipelines(Path(sys.argv[1]))
