"""Trees of every library, imported, deployed and explained over HTTP, beside the shap library."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.client.connection import Lichen
from lichen.protocol.explaining import ExplainOptions, Explanation
from lichen.protocol.explaining_data import ExplainSpec

TOLERANCE = {"xgboost-classes": 2e-4}
"""XGBoost's sums, which shap starts from, are of float32."""
_USUAL = 1e-5
MODELS = (
    "lightgbm-number.txt",
    "lightgbm-classes.txt",
    "xgboost-classes.json",
    "forest-number.skops",
    "forest-classes.skops",
    "boosted-classes.skops",
    "histogram-number.skops",
)


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    return make("shap_values", "shap")


def explained(lichen: Lichen, name: str, rows: NDArray[Any]) -> Explanation:
    """The rows explained, by the columns that the deployment says it takes."""
    columns = lichen.inference.metadata(name).inputs[0].parameters
    named = (columns or {}).get("columns")
    asked: object = rows.tolist()
    if named:
        cells = [[None if one != one else one for one in row] for row in rows.tolist()]
        asked = [dict(zip(named, row, strict=True)) for row in cells]
    return lichen.explain(name, asked, ExplainOptions(method="tree-shap")).explanation


@pytest.mark.parametrize("file", MODELS)
def test_values_over_http_are_those_of_the_shap_library(
    made: Path, command: Callable[..., Any], lichen: Lichen, file: str
) -> None:
    name = file.partition(".")[0]
    version = command("models", "import", made / file, "--name", name)
    command("deploy", f"{name}@{version['version']}", "--name", name)
    with np.load(made / f"{name}-shap.npz") as kept:
        rows, values, base = kept["rows"], kept["values"], kept["base"]
    found = explained(lichen, name, rows)
    told = np.array([[one.contributions for one in row.attributions] for row in found.rows])
    start = np.array([one.base for one in found.rows[0].attributions])
    if told.shape[1] == 1 and values.shape[1] == 2:  # of two classes it tells both
        values, base = values[:, 1:], base[-1:]
    limit = TOLERANCE.get(name, _USUAL)
    assert np.abs(told - values).max() <= limit, name
    assert np.abs(start - base).max() <= limit, name
    assert found.largest_error <= 1e-6
    command("undeploy", name)


PIPED = ("piped-forest", "piped-classes", "piped-histogram")


@pytest.mark.parametrize("name", PIPED)
def test_values_of_a_pipeline_are_those_of_the_shap_library_summed_by_column(
    made: Path, command: Callable[..., Any], lichen: Lichen, name: str
) -> None:
    version = command("models", "import", made / f"{name}.skops", "--name", name)
    command("deploy", f"{name}@{version['version']}", "--name", name)
    with np.load(made / f"{name}-shap.npz") as kept:
        numbers, texts, values, base = (kept[one] for one in ("numbers", "texts", "values", "base"))
    cells = [[None if one != one else one for one in row] for row in numbers.tolist()]
    found = lichen.explain(name, {"x": cells, "texts": texts.tolist()}).explanation
    told = np.array([[one.contributions for one in row.attributions] for row in found.rows])
    start = np.array([one.base for one in found.rows[0].attributions])
    assert found.method == "tree-shap"
    assert np.abs(told - values).max() <= _USUAL
    assert np.abs(start - base).max() <= _USUAL
    assert found.largest_error <= 1e-6
    command("undeploy", name)


@pytest.fixture(scope="module")
def plant(lichen: Lichen, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset in which use is of heat and wind."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(600, 3))
    use = 4 * rows[:, 0] - rows[:, 1] + 0.1 * random.normal(size=600)
    table = tmp_path_factory.mktemp("plant") / "plant.csv"
    named = "heat,wind,noise,use\n"
    table.write_text(
        named
        + "".join(
            f"{a:.5f},{b:.5f},{c:.5f},{d:.5f}\n" for (a, b, c), d in zip(rows, use, strict=True)
        )
    )
    lichen.data.add("plant", table)
    return "plant"


def test_a_deployment_is_explained_over_a_dataset_by_a_metered_job(
    lichen: Lichen, command: Callable[..., Any], plant: str
) -> None:
    asked = ("--algorithm", "lightgbm", "--search", "1", "--cv", "2")
    signs = ("--monotone", "heat=+1,wind=-1")
    command("train", "regression", "--data", plant, "--target", "use", *asked, *signs)
    command("deploy", "plant@1")
    ranked = lichen.explain_data(
        ExplainSpec(deployment="plant", data="plant", target="use", repeats=3, picture="svg")
    )
    assert [one.column for one in ranked.importances] == ["heat", "wind", "noise"]
    assert ranked.pictures[0].startswith("<svg")
    said = command("explain", "plant", "--data", "plant", "--columns", "heat", "--grid", "5")
    (curve,) = said["explanation"]["curves"]
    assert curve["mean"] == sorted(curve["mean"])
    job = said["job"]
    assert job["receipt"]["energy"]["nj"] > 0
    account = f"work/default/{job['id']}/plant/explain"
    for _ in range(600):
        if account in {one.account for one in lichen.ledger().accounts}:
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"{account} is not in the ledger")


def test_a_version_keeps_usual_rows_and_says_what_it_was_kept_from(
    lichen: Lichen, command: Callable[..., Any], plant: str
) -> None:
    asked = ("--algorithm", "svm", "--search", "1", "--cv", "2", "--ban", "noise")
    command("train", "regression", "--data", plant, "--target", "use", "--name", "curved", *asked)
    command("deploy", "curved@1")
    row = {"heat": 1.0, "wind": 0.5}
    found = lichen.explain("curved", [row]).explanation
    assert found.method == "exact-shap"
    assert "32 background rows" in found.notes[0]
    heat, wind = found.rows[0].attributions[0].contributions
    assert heat > 0 > wind
    assert "constraint_banned`: noise" in lichen.models.card("curved@1")
