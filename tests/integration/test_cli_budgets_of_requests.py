"""Budgets of requests as the command line sets them and meets them (B1)."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

PATIENCE_SECONDS = 60.0


class Ended(Protocol):
    code: int
    out: str
    sentence: str


Cli = Callable[..., Ended]


@pytest.fixture
def ask(served: object, cli: Cli) -> Iterator[Cli]:
    """The command line, with deployment `small` of `m@1`; what was made is removed afterwards."""
    assert served
    assert cli("deploy", "m@1", "--name", "small").code == 0
    yield cli
    for words in ("budget rm front", "undeploy large", "undeploy small"):
        cli(*words.split())


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)


def test_a_deployment_names_who_answers_when_its_budget_degrades(ask: Cli) -> None:
    named = ("deploy", "m@1", "--name", "large", "--min-quality", "0.9", "--cheaper")
    assert ask(*named, "ghost").code == 3
    said = ask(*named, "large")
    assert said.code == 2
    assert "cannot stand in for itself" in said.sentence
    said = ask(*named, "small", "--cheaper-quality", "0.5")
    assert (said.code, "min_quality asks for 0.9" in said.sentence) == (2, True)
    said = ask("deploy", "m@1", "--name", "large", "--cheaper-quality", "0.5")
    assert (said.code, "name it" in said.sentence) == (2, True)
    made = json.loads(ask(*named, "small", "--json").out)
    assert (made["cheaper"], made["cheaper_quality"]) == ("small", 1.0)

    front = "budget set front --joules 5 --per 6h --for deployment:large --degrade-from 0%"
    assert ask(*front.split()).code == 0
    until(lambda: json.loads(ask("predict", "large", "--json").out)["model_name"] == "small")

    spent = "budget set front --joules 0.000001 --per 6h --for deployment:large"
    assert ask(*spent.split()).code == 0
    until(lambda: ask("predict", "large").code == 4)
    assert "budget 'front' (deployment:large, 1 µJ per 6h)" in ask("predict", "large").sentence
    assert ask("predict", "small").code == 0
