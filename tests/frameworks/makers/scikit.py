"""Estimators of scikit-learn as skops saves them, and what they answer to 1000 rows."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

ROWS, FITTED = 1000, 600
CITIES, GRADES = ["berlin", "köln", "ulm"], ["low", "mid", "high"]
WORDS = ["water", "Air", "smoke", "river", "ozone", "is", "clean", "bad", "the"]


def households(rows: int, seed: int) -> Any:
    """Numbers and texts, some of them missing."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": random.normal(40, 12, rows).round(1),
            "income": np.exp(random.normal(10, 1, rows)),
            "rooms": random.integers(1, 7, rows).astype(float),
            "city": random.choice(CITIES, rows),
            "grade": random.choice(GRADES, rows),
        }
    )
    table.loc[random.random(rows) < 0.1, "age"] = np.nan
    table.loc[random.random(rows) < 0.1, "city"] = np.nan
    return table


def texts(rows: int, seed: int) -> list[str]:
    """A few words each."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(2, 14))) for _ in range(rows)]


def columns() -> Any:
    """A usual preparation of a table."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "rooms"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (OrdinalEncoder(categories=[GRADES]), ["grade"]),
    )


def main(folder: Path) -> None:
    """Fit, save and ask each."""
    table, asked = households(FITTED, 0), households(ROWS, 1)
    noise = np.random.default_rng(2).normal(size=FITTED)
    prone = table.age.fillna(40) / 20 + (table.city == "ulm") + noise * 0.3
    label = np.select([prone < 1.8, prone < 2.5], ["seldom", "often"], "always")
    cost = table.income / 1e4 + table.rooms + noise
    numbers = ["age", "income", "rooms"]
    own = table.assign(city=table.city.astype("category"), grade=table.grade.astype("category"))
    whole = table.assign(age=table.age.fillna(40))[numbers].astype(np.float32).astype(float)
    asked_whole = asked.assign(age=asked.age.fillna(40))[numbers].astype(np.float32).astype(float)
    boosted = HistGradientBoostingClassifier(max_iter=40, categorical_features="from_dtype")
    stack = StackingClassifier(
        [
            ("line", make_pipeline(columns(), LogisticRegression(max_iter=500))),
            ("trees", make_pipeline(columns(), RandomForestClassifier(20, random_state=0))),
        ],
        final_estimator=LogisticRegression(),
        cv=3,
    )
    machine = make_pipeline(StandardScaler(), SVC())
    models = {
        "histogram": (boosted.fit(own, label), asked),
        "stack": (stack.fit(table, label), asked),
        "forest": (RandomForestClassifier(50, random_state=0).fit(whole, label), asked_whole),
        "boosted": (GradientBoostingRegressor(random_state=0).fit(whole, cost), asked_whole),
        "ridge": (make_pipeline(columns(), Ridge()).fit(table, cost), asked),
        "machine": (machine.fit(whole.to_numpy(), label), asked_whole.to_numpy()),
        "clusters": (KMeans(4, random_state=0).fit(whole), asked_whole),
        "words": (
            make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()).fit(
                texts(FITTED, 3), label
            ),
            texts(ROWS, 4),
        ),
    }
    for name, (model, rows) in models.items():
        skops.io.dump(model, folder / f"{name}.skops")
        np.savez(folder / f"{name}-inputs.npz", **tensors(rows))
        np.savez(folder / f"{name}-outputs.npz", **answers(model, rows))


def tensors(rows: Any) -> dict[str, Any]:
    """The rows as the deployment takes them."""
    if isinstance(rows, list):
        return {"texts": np.array(rows)[:, np.newaxis]}
    if isinstance(rows, np.ndarray):
        return {"x": rows}
    numbers = [name for name in rows if rows[name].dtype.kind == "f"]
    said = {"numbers": rows[numbers].to_numpy()}
    words = [name for name in rows if name not in numbers]
    if words:
        said["texts"] = rows[words].fillna("").to_numpy().astype(str)
    return said


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """What scikit-learn says to them."""
    said = {"prediction": np.asarray(model.predict(rows))}
    if said["prediction"].dtype.kind in "OU":
        said["prediction"] = said["prediction"].astype(str)
    if said["prediction"].dtype.kind == "i":
        said["prediction"] = said["prediction"].astype(np.int64)
    for name, method in {"probability": "predict_proba", "score": "decision_function"}.items():
        if hasattr(model, method) and "probability" not in said:
            said[name] = np.asarray(getattr(model, method)(rows), dtype=np.float64)
    if hasattr(model, "cluster_centers_"):
        said["distance"] = model.transform(rows)
    return said


if __name__ == "__main__":
    main(Path(sys.argv[1]))
