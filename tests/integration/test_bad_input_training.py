"""Trainings that cannot be: one sentence naming column or option, and no version of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest


class Ended(Protocol):
    code: int
    sentence: str


Cli = Callable[..., Ended]
BASE = ("train", "forecast", "--name", "never")


@pytest.fixture
def data(served: object, cli: Cli, tmp_path: Path) -> Cli:
    """Datasets `hollow`, whose load is NaN throughout, and `brief`, beside `good`."""
    assert served
    hours = [f"2026-01-0{day}T{hour:02}:00:00Z" for day in range(1, 4) for hour in range(24)]
    for name, cell in (("hollow", "NaN"), ("brief", "1.5")):
        if cli("data", "show", name).code == 3:
            file = tmp_path / f"{name}.csv"
            rows = hours[:20] if name == "brief" else hours
            file.write_text("time,load\n" + "".join(f"{hour},{cell}\n" for hour in rows))
            assert cli("data", "add", name, file).code == 0
    return cli


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--data good --target nope --horizon 24", "no column 'nope': it has time, load, warmth"),
        ("--data good --target load --horizon 0", "horizon is 0: ask for at least 1 step"),
        (
            "--data brief --target load --horizon 24",
            "there are 20 rows, fewer than the 48 of one context (24) and one horizon (24): add",
        ),
        ("--data hollow --target load --horizon 24", "target 'load' holds no number at all: name"),
        ("--data good --target load --horizon 24 --budget-joules 0", "the energy budget is 0 J"),
        (
            "--data good --target load --horizon 24 --train-until 2027-01-01",
            "train_until (2027-01-01T00:00Z) is after the last row: state a time up to 2026-01-22",
        ),
        (
            "--data good --target load --horizon 24 --algorithm magic",
            "algorithm 'magic' is unknown",
        ),
        ("--data good --target load --horizon 24 --name ../x", "model name '../x' is not usable"),
        ("--data good --target load --horizon x", "'x' is not a valid integer"),
        ("--data good --target load", "Missing option '--horizon'"),
        ("--data good@x --target load --horizon 24", "'good@x' names no version"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_remedy(
    data: Cli, options: str, says: str
) -> None:
    ended = data(*BASE, *options.split())
    assert ended.code == 2
    assert says in ended.sentence


@pytest.mark.parametrize("name", ["absent", "good@9"])
def test_training_on_data_that_is_not_there_is_not_found(data: Cli, name: str) -> None:
    ended = data(*BASE, "--data", name, "--target", "load", "--horizon", "24")
    assert (ended.code, "good" in ended.sentence) == (3, True)


def test_none_of_them_left_a_version(data: Cli) -> None:
    assert data("models", "show", "never").code == 3
