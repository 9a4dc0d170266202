"""The options of every verb whose job can wait."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from lichen.cli.schedule_options import schedule_options
from lichen.protocol.scheduling import ScheduleRequest


def asked(*arguments: str) -> tuple[ScheduleRequest | None, bool]:
    heard: dict[str, Any] = {}

    @click.command()
    @click.option("--other", default="")
    @schedule_options
    def verb(**options: object) -> None:
        heard.update(options)

    outcome = CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert set(heard) == {"schedule", "wait", "other"}
    return heard["schedule"], heard["wait"]


def test_without_options_it_runs_at_once_and_is_waited_for() -> None:
    assert asked() == (None, True)
    assert asked("--no-green") == (None, True)
    assert asked("--no-wait") == (None, False)


def test_a_deadline_is_not_waited_for_unless_said() -> None:
    assert asked("--deadline", "6h") == (ScheduleRequest(deadline="6h"), False)
    assert asked("--deadline", "6h", "--wait")[1]


def test_all_of_it_is_sent() -> None:
    words = "--deadline 6h --earliest 1h --no-green --interruptible --priority -2 --zones DE,FR"
    assert asked(*words.split())[0] == ScheduleRequest(
        deadline="6h",
        earliest="1h",
        green=False,
        interruptible=True,
        priority=-2,
        zones=["DE", "FR"],
    )


@pytest.mark.parametrize("word", ["--green", "--interruptible"])
def test_one_word_alone_is_a_schedule(word: str) -> None:
    assert asked(word)[0] is not None
