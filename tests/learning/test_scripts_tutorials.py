"""Four programs of the kind found in tutorials: each trained as a script, deployed and called."""

import csv
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LinearRegression

EXAMPLES = Path(__file__).parents[2] / "examples" / "scripts"
NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
Command = Callable[..., Any]


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[float]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


class Endpoint:
    """A model that a script trained, deployed: what it says to rows."""

    def __init__(self, command: Command, folder: Path, name: str) -> None:
        self._command, self._folder, self._name = command, folder, name

    def train(
        self,
        script: str,
        names: Sequence[str],
        table: NDArray[np.float64],
        *arguments: str,
    ) -> Any:  # noqa: ANN401 - JSON
        """The version and the job; the last column is the target."""
        file = write(self._folder / "rows.csv", names, table.tolist())
        self._command("data", "add", self._name, file)
        made = self._command(
            "train", "script", EXAMPLES / script, "--data", self._name, "--", names[-1], *arguments
        )
        number = made["version"]["version"]  # others may have trained one of that name before
        self._command("deploy", f"{self._name}@{number}", "--name", self._name)
        assert made["job"]["receipt"]["energy"]["nj"] > 0
        return made

    def ask(self, names: Sequence[str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its answers `(rows, k)` to rows by the names of their columns."""
        file = write(self._folder / "asked.csv", names, rows.tolist())
        answer = self._command("predict", self._name, "--input", file)
        values = answer["outputs"].get("probability", answer["outputs"]["prediction"])
        return np.asarray(values).reshape(len(rows), -1)

    def classes(self) -> list[str]:
        """What it called the rows that it was asked last."""
        answer = self._command("predict", self._name, "--input", self._folder / "asked.csv")
        found: list[str] = answer["outputs"]["prediction"]
        return found


@pytest.fixture
def endpoint(command: Command, tmp_path: Path) -> Callable[[str], Endpoint]:
    return lambda name: Endpoint(command, tmp_path, name)


def metrics(made: Any) -> dict[str, float]:  # noqa: ANN401 - JSON
    return {one["name"]: one["value"] for one in made["version"]["metrics"]}


def test_gradient_descent_in_numpy_answers_as_least_squares(
    endpoint: Callable[[str], Endpoint],
) -> None:
    data = load_diabetes(scaled=False)
    table = np.column_stack([data.data, data.target])
    served = endpoint("diabetes")
    made = served.train(
        "gradient_descent.py", [*data.feature_names, "progression"], table, "--steps", "4000"
    )
    exact = LinearRegression().fit(data.data, data.target).predict(data.data[:3])
    found = served.ask(data.feature_names, data.data[:3])[:, 0]
    assert found == pytest.approx(exact, rel=0.02)
    course = made["job"]["result"]["metrics"]["mse"]
    assert course[0][1] > 5 * course[-1][1], "the loss of each step is kept with the job"


@NEEDS_TORCH
def test_a_keras_style_classifier_of_128_64_1(endpoint: Callable[[str], Endpoint]) -> None:
    data = load_breast_cancer()
    names = [str(one).replace(" ", "_") for one in data.feature_names]
    table = np.column_stack([data.data, 1 - data.target])
    served = endpoint("cancer")
    made = served.train("keras_style_classifier.py", [*names, "malignant"], table, "--epochs", "12")
    assert metrics(made)["accuracy"] > 0.93
    found = served.ask(names, data.data[:60])
    assert found.shape == (60, 2)
    assert ((found[:, 1] > 0.5) == (data.target[:60] == 0)).mean() > 0.93
    named = ["malignant" if share > 0.5 else "other" for share in found[:, 1]]
    assert served.classes() == named


def test_a_dense_network_on_digits(endpoint: Callable[[str], Endpoint]) -> None:
    data = load_digits()
    names = [f"pixel{one}" for one in range(64)]
    table = np.column_stack([data.data, data.target])
    served = endpoint("digits")
    made = served.train("dense_digits.py", [*names, "digit"], table)
    assert metrics(made)["accuracy"] > 0.95
    came = made["version"]["provenance"]
    assert (came["source"], came["inputs"] > 900) == ("dense_digits.py", True)
    assert came["library"].startswith("scikit-learn ")
    assert came["largest_difference"] <= came["tolerance"]
    assert made["version"]["signature"]["outputs"][1]["columns"] == [str(one) for one in range(10)]
    found = served.ask(names, data.data[:40])
    assert (found.argmax(axis=1) == data.target[:40]).mean() > 0.95
    assert served.classes() == [str(one) for one in found.argmax(axis=1)]
    assert found.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)


@NEEDS_TORCH
def test_a_functional_model_of_100_inputs(endpoint: Callable[[str], Endpoint]) -> None:
    random = np.random.default_rng(5)
    x = random.standard_normal((600, 100))
    y = x[:, 0] - 2 * x[:, 1] + np.abs(x[:, 2])
    names = [f"x{one}" for one in range(100)]
    served = endpoint("signal")
    made = served.train(
        "functional_100_inputs.py", [*names, "y"], np.column_stack([x, y]), "--epochs", "15"
    )
    assert metrics(made)["mse"] < 0.5 * y.var()
    found = served.ask(names, x[:50])[:, 0]
    assert np.corrcoef(found, y[:50])[0, 1] > 0.8
