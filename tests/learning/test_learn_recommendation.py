"""The task `recommendation`: a CSV of clicks becomes an endpoint with two commands."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import pytest

USERS, ITEMS, EACH = 150, 45, 9


class Platform(Protocol):
    """Where it runs."""

    home: Path
    http: str


@pytest.fixture(params=["texts", "numbers"])
def clicks_csv(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Users of three tastes, named by texts or by numbers; each likes every third item."""
    random = np.random.default_rng(3)
    path = tmp_path / f"clicks-{request.param}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "minutes"])
        for user in random.permutation(USERS):
            chances = np.where(np.arange(ITEMS) % 3 == user % 3, 15.0, 1.0)
            for item in random.choice(ITEMS, EACH, replace=False, p=chances / chances.sum()):
                name = f"u{user}" if request.param == "texts" else user
                writer.writerow([name, f"film {item}", random.integers(1, 90)])
    return path


def test_a_csv_of_clicks_becomes_an_endpoint_of_items_with_two_commands(
    command: Callable[..., Any], platform: Platform, clicks_csv: Path
) -> None:
    name = clicks_csv.stem
    command("data", "add", name, clicks_csv)
    trained = command(
        "train", "recommendation", "--data", name, "--user", "user", "--item", "item",
        "--strength", "minutes", "--search", "2", "--top", "5",
    )  # fmt: skip
    command("deploy", f"{name}@1", "--name", name)
    with clicks_csv.open() as file:
        rows = list(csv.DictReader(file))
    known = 2 if name.endswith("numbers") else "u2"
    stranger = 10**6 if name.endswith("numbers") else "nobody"
    key = (platform.home / "admin.key").read_text().strip()
    answer = httpx.post(
        f"{platform.http}/predict/{name}",
        json={"rows": [{"user": known}, {"user": stranger}]},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    offered, popular = answer.json()["y_pred"]["items"]
    taken = {row["item"] for row in rows if row["user"] == str(known)}
    assert not taken & set(offered)
    assert sum(int(item.split()[1]) % 3 == 2 for item in offered) >= 3
    assert len(set(popular)) == 5
    asked = clicks_csv.with_name("asked.csv")
    asked.write_text(f"user\n{known}\n")
    why = command("explain", name, "--input", asked)
    assert why["explanation"]["method"] == "past-items"
    assert why["explanation"]["largest_error"] < 1e-6
    (row,) = why["explanation"]["rows"]
    assert {part["value"] for part in row["parts"]} == taken
    assert [one["output"] for one in row["attributions"]] == offered
    assert why["receipt"]["energy"]["nj"] > 0
    figures = {one["name"]: one for one in trained["version"]["metrics"]}
    assert figures["recall@5"]["low"] > figures["recall@5 of the most popular"]["value"]
    assert trained["job"]["receipt"]["energy"]["nj"] > 0
