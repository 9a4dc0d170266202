"""The options of every verb whose work can recur."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from lichen.cli.recurring_options import Recurring, recurring_options
from lichen.cli.schedule_options import schedule_options
from lichen.protocol.scheduling import ScheduleRequest


def invoked(*arguments: str) -> tuple[dict[str, Any], str]:
    heard: dict[str, Any] = {}

    @click.command()
    @recurring_options
    @schedule_options
    def verb(**options: object) -> None:
        heard.update(options)

    return heard, CliRunner().invoke(verb, arguments).output


def test_without_every_the_work_is_done_once() -> None:
    heard, _ = invoked("--deadline", "6h")
    assert heard["recurring"] is None
    assert heard["schedule"] == ScheduleRequest(deadline="6h")


def test_every_comes_with_its_clocks_and_its_name_beside_the_schedule_of_each_run() -> None:
    heard, _ = invoked(
        *("--every", "0 3 * * 1-5", "--every-timezone", "Europe/Berlin", "--schedule", "nightly"),
        *("--deadline", "6h", "--interruptible"),
    )
    assert heard["recurring"] == Recurring("0 3 * * 1-5", "Europe/Berlin", "nightly", None)
    assert heard["schedule"] == ScheduleRequest(deadline="6h", interruptible=True)


@pytest.mark.parametrize(("flag", "green"), [("--no-green", False), ("--green", True)])
def test_whether_a_run_waits_for_a_clean_grid_is_heard(flag: str, green: bool) -> None:  # noqa: FBT001
    heard, _ = invoked("--every", "day", flag)
    assert heard["recurring"] == Recurring("day", "UTC", None, green)


@pytest.mark.parametrize("more", [("--schedule", "n"), ("--every-timezone", "Asia/Tokyo")])
def test_what_goes_with_every_is_refused_without_it(more: tuple[str, str]) -> None:
    heard, output = invoked(*more)
    assert heard == {}
    assert "--schedule and --every-timezone go with --every" in output
