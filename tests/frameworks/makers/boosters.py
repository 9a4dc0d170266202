"""Boosters of XGBoost and LightGBM, fitted on scikit-learn's own data: `boosters.py FOLDER`.

For each its file, and in `NAME-asked.npz` 1000 rows, some of their cells missing, and what its
library answers to them.
"""

import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost
from sklearn.datasets import load_diabetes, load_digits

ROWS = 1000
LIGHTGBM = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}


def rows_of(table: np.ndarray) -> np.ndarray:
    """Rows of the table, each cell that of any of them, with gaps."""
    random = np.random.default_rng(11)
    drawn = random.integers(0, len(table), (ROWS, table.shape[1]))
    rows = np.take_along_axis(table, drawn, axis=0).astype(np.float32)
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows


def keep(folder: Path, name: str, rows: np.ndarray, answers: Any) -> None:
    outputs = np.asarray(answers, dtype=np.float32).reshape(len(rows), -1)
    np.savez(folder / f"{name}-asked.npz", x=rows, prediction=outputs)


def of_lightgbm(folder: Path) -> None:
    digits, number = load_digits(), load_diabetes(scaled=False)
    many = {"objective": "multiclass", "num_class": 10, **LIGHTGBM}
    for name, options, data, named in (
        ("lightgbm-digits", many, digits, []),
        ("lightgbm-categories", {"objective": "poisson", **LIGHTGBM}, number, [1]),
    ):
        table = data.data.astype(np.float32)
        held = lightgbm.Dataset(
            table, data.target, categorical_feature=named, params={**options, "max_bin": 63}
        )
        booster = lightgbm.train({**options, "max_bin": 63}, held, 20)
        booster.save_model(folder / f"{name}.txt")
        rows = rows_of(table)
        keep(folder, name, rows, booster.predict(rows, num_threads=1))


def of_xgboost(folder: Path) -> None:
    digits, number = load_digits(), load_diabetes(scaled=False)
    for name, suffix, options, data in (
        ("xgboost-digits", "ubj", {"objective": "multi:softprob", "num_class": 10}, digits),
        ("xgboost-diabetes", "json", {"objective": "reg:squarederror"}, number),
    ):
        table = data.data.astype(np.float32)
        held = xgboost.DMatrix(table, data.target)
        booster = xgboost.train({"nthread": 1, "seed": 0, **options}, held, 20)
        booster.save_model(folder / f"{name}.{suffix}")
        rows = rows_of(table)
        keep(folder, name, rows, booster.predict(xgboost.DMatrix(rows)))


if __name__ == "__main__":
    of_lightgbm(Path(sys.argv[1]))
    of_xgboost(Path(sys.argv[1]))
