"""The task `text-classification`: a file of texts becomes an endpoint with two commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Command = Callable[..., Any]
Ask = Callable[[str, list[str]], httpx.Response]
COMPLAINTS = Path(__file__).parent / "data" / "complaints_zh.csv"


@pytest.fixture
def ask(platform: Any) -> Ask:  # noqa: ANN401 - a record of the conftest beside this
    """Raw texts to a deployment's plain door."""
    key = (platform.home / "admin.key").read_text().strip()

    def post(deployment: str, texts: list[str]) -> httpx.Response:
        return httpx.post(
            f"{platform.http}/predict/{deployment}",
            json={"rows": [{"text": text} for text in texts]},
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=60,
        )

    return post


def predictions(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert "Lichen-Receipt" in answer.headers
    said: list[str] = answer.json()["y_pred"]["prediction"]
    return said


def f1_of_second(said: list[str], truth: list[str]) -> float:
    hits = sum(one == other == "1" for one, other in zip(said, truth, strict=True))
    return 2 * hits / (said.count("1") + truth.count("1"))


@pytest.mark.timeout(1200)
def test_environmental_claims_are_told_with_f1_of_three_quarters_without_a_transformer(
    command: Command, ask: Ask, shared_data: Path
) -> None:
    command("data", "add", "claims", shared_data / "environmental_claims_train.jsonl")
    options = ("--text", "text", "--target", "label", "--test-share", "0")
    trained = command("train", "text-classification", "--data", "claims", *options)
    command("deploy", "claims@1", "--name", "claims")
    lines = (shared_data / "environmental_claims_dev.jsonl").read_text().splitlines()
    dev = [json.loads(line) for line in lines]
    said = predictions(ask("claims", [one["text"] for one in dev]))
    assert f1_of_second(said, [str(one["label"]) for one in dev]) >= 0.75
    assert trained["job"]["receipt"]["energy"]["nj"] > 0


def test_chinese_complaints_are_told_apart_and_raw_texts_are_answered(
    command: Command, ask: Ask
) -> None:
    command("data", "add", "complaints", COMPLAINTS)
    columns = ("--text", "text", "--target", "label")
    trained = command("train", "text-classification", "--data", "complaints", *columns)
    command("deploy", "complaints@1", "--name", "complaints")
    assert trained["version"]["parameters"]["language"] == "zh"
    metrics = {(one["name"], one["split"]): one for one in trained["version"]["metrics"]}
    assert metrics["F1", "validation"]["value"] > 0.75
    assert metrics["F1", "test"]["low"] <= metrics["F1", "test"]["value"]
    texts = ["自来水又黄又臭，不能喝", "烟囱冒的黑烟呛人", "又停电了，电费还这么高"]
    assert predictions(ask("complaints", texts)) == ["水", "空气", "能源"]
    assert predictions(ask("complaints", ["自来水发黄，" * 60_000])) == ["水"]
    refused = ask("complaints", ["  ", ""])
    assert refused.status_code == 400
    assert "column 'text'" in refused.json()["error"]
