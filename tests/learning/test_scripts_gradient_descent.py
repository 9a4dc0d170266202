"""A tutorial's gradient descent in NumPy: trained as a script, deployed and called."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

EXAMPLES = Path(__file__).parents[2] / "examples" / "scripts"


def test_gradient_descent_becomes_an_endpoint_that_answers_as_least_squares(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    data = load_diabetes(scaled=False)
    file = tmp_path / "diabetes.csv"
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow([*data.feature_names, "progression"])
        rows.writerows([*row, target] for row, target in zip(data.data, data.target, strict=True))
    command("data", "add", "diabetes", file)
    script = EXAMPLES / "gradient_descent.py"
    asked = ("--data", "diabetes", "--", "progression", "--steps", "4000")
    made = command("train", "script", script, *asked)
    command("deploy", "diabetes@1", "--name", "diabetes")
    tried = tmp_path / "rows.csv"
    lines = [",".join(data.feature_names), *(",".join(map(str, row)) for row in data.data[:3])]
    tried.write_text("\n".join(lines) + "\n")
    answered = command("predict", "diabetes", "--input", tried)
    exact = LinearRegression().fit(data.data, data.target).predict(data.data[:3])
    assert np.ravel(answered["outputs"]["prediction"]) == pytest.approx(exact, rel=0.02)
    course = made["job"]["result"]["metrics"]["mse"]
    assert course[0][1] > 5 * course[-1][1], "the loss of each step is kept with the job"
    assert made["job"]["receipt"]["energy"]["nj"] > 0
    assert made["version"]["metrics"][0]["name"] == "mse"
