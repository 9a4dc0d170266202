"""FLAML's side, in its own environment: `flaml_side.py FOLDER SECONDS`. Knows nothing of Lichen."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import flaml
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from tables.exchange import JOULES_A_CPU_SECOND, columns_of, read_task, write_answer

TERMS = 2000
ROUNDS = 30


def cpu_s() -> float:
    """Of this process and the children that ended."""
    own, its = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + its.ru_utime + its.ru_stime


def frame(columns: dict[str, Any]) -> pd.DataFrame:
    """Texts of few values as categories."""
    return pd.DataFrame(
        {
            name: pd.Categorical(column) if column.dtype.kind == "U" else column
            for name, column in columns.items()
        }
    )


def texts_as_terms(fit: dict[str, Any], score: dict[str, Any]) -> tuple[Any, Any]:
    """FLAML takes no texts on tables: they are TF-IDF for it, of as many terms as Lichen takes."""
    vectoriser = TfidfVectorizer(
        max_features=TERMS, ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )
    made = vectoriser.fit_transform(fit["text"]).toarray()
    names = [f"t{at}" for at in range(made.shape[1])]
    asked = vectoriser.transform(score["text"]).toarray()
    return pd.DataFrame(made, columns=names), pd.DataFrame(asked, columns=names)


def main(folder: Path, seconds: float) -> None:
    """Train and answer."""
    time.time = time.process_time  # its budget in CPU-seconds: a busy machine does not shorten it
    task, arrays = read_task(folder)
    fit, score = columns_of(arrays, "fit"), columns_of(arrays, "score")
    began = cpu_s()
    known, asked = texts_as_terms(fit, score) if "text" in fit else (frame(fit), frame(score))
    metric = {"R2": "r2", "ROC-AUC": "roc_auc", "accuracy": "accuracy"}[task["metric"]]
    options: dict[str, Any] = {}
    if "fit groups" in arrays:
        _, groups = np.unique(arrays["fit groups"], return_inverse=True)
        options = {"split_type": "group", "groups": groups}
    elif "fit times" in arrays:
        options = {"split_type": "time"}
    automl = flaml.AutoML()
    automl.fit(
        X_train=known,
        y_train=arrays["fit target"],
        task="classification" if task["is_classes"] else "regression",
        metric=metric,
        time_budget=seconds,
        n_jobs=1,
        seed=task["seed"] + 1,
        verbose=0,
        **options,
    )
    spent = cpu_s() - began
    predict = automl.predict_proba if task["is_classes"] else automl.predict
    answers = np.asarray(predict(asked), dtype=np.float64)
    one = asked.iloc[:1]
    costs = []
    for _ in range(ROUNDS):
        before = time.process_time()
        predict(one)
        costs.append(time.process_time() - before)
    said = {
        "algorithm": automl.best_estimator,
        "cpu_s": spent,
        "joules": spent * JOULES_A_CPU_SECOND,
        "nj_per_prediction": int(min(costs) * JOULES_A_CPU_SECOND * 1e9),
        "version": flaml.__version__,
        "explained": json.dumps(automl.best_config, default=str),
    }
    write_answer(folder, said, answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
