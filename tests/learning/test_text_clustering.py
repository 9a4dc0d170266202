"""The task `clustering`: a table or a column of texts becomes an endpoint with two commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.datasets import load_iris

from lichen.evaluation.clusters import adjusted_rand

Command = Callable[..., Any]
Ask = Callable[[str, list[dict[str, Any]]], dict[str, Any]]


@pytest.fixture
def ask(platform: Any) -> Ask:  # noqa: ANN401 - a record of the conftest beside this
    """Raw rows to a deployment's plain door."""
    key = (platform.home / "admin.key").read_text().strip()

    def post(deployment: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        answer = httpx.post(
            f"{platform.http}/predict/{deployment}",
            json={"rows": rows},
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()["y_pred"]
        return said

    return post


def test_flowers_of_a_csv_are_grouped_and_new_ones_told_their_group(
    command: Command, ask: Ask, tmp_path: Path
) -> None:
    iris = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    rows = [dict(zip(names, map(float, row), strict=True)) for row in iris.data]
    lines = [",".join(names), *(",".join(map(str, row.values())) for row in rows)]
    path = tmp_path / "iris.csv"
    path.write_text("\n".join(lines) + "\n")
    command("data", "add", "iris", path)
    trained = command("train", "clustering", "--data", "iris", "--clusters", "3")
    command("deploy", "iris@1", "--name", "iris")
    said = ask("iris", rows)
    assert adjusted_rand(said["prediction"], iris.target) > 0.55  # two of the species run together
    assert trained["job"]["receipt"]["energy"]["nj"] > 0
    assert {one["name"] for one in trained["version"]["metrics"]} >= {"silhouette", "stability"}


@pytest.mark.timeout(1200)
def test_real_texts_are_grouped_under_topics(command: Command, ask: Ask, shared_data: Path) -> None:
    command("data", "add", "sentences", shared_data / "environmental_claims_dev.jsonl")
    options = ("--text", "text", "--clusters", "5", "--algorithm", "k-means")
    command("train", "clustering", "--data", "sentences", *options)
    command("deploy", "sentences@1", "--name", "sentences")
    said = ask("sentences", [{"text": "We reduced our greenhouse gas emissions and energy use."}])
    about = {"environmental", "climate", "emissions", "energy"}
    assert about & set(said["topic"][0].split(", "))
    assert sum(said["membership"][0]) == pytest.approx(1.0, abs=1e-5)
