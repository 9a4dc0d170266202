"""The command line finds verbs without loading them, and ends with PRODUCT's exit codes."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from lichen.cli.commands import VERBS
from lichen.cli.main import exit_code, run
from lichen.core import errors
from lichen.core.plugins import load_object


@pytest.fixture(autouse=True)
def no_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path))
    monkeypatch.setenv("LICHEN_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setenv("LICHEN_URL", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WorkFailed(""), 1),
        (errors.Unavailable(""), 1),
        (errors.StorageFailed(""), 1),
        (errors.InvalidInput(""), 2),
        (errors.TooLarge(""), 2),
        (errors.NotFound(""), 3),
        (errors.Forbidden(""), 4),
        (errors.OverBudget(""), 4),
    ],
)
def test_each_error_ends_with_its_exit_code(error: errors.LichenError, code: int) -> None:
    assert exit_code(error) == code


def test_help_lists_every_verb_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in VERBS)
    assert "0 done, 1 the work failed, 2 wrong usage, 3 not found, 4 refused" in " ".join(
        shown.split()
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: lichen {verb}")


def leaves(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    found = [command.get_command(context, name) for name in command.list_commands(context)]
    return [leaf for leaf in found if leaf is not None]


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_every_command_takes_json(verb: object) -> None:
    command = load_object(verb.home)  # type: ignore[attr-defined]
    for leaf in leaves(command):
        assert "--json" in [flag for option in leaf.params for flag in option.opts], leaf.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["data", "add", "x"], "Missing argument 'FILE'"),
        (["train", "forecast", "--data", "d", "--target", "t"], "Missing option '--horizon'"),
        (
            ["train", "forecast", "--data", "d@x", "--target", "t", "--horizon", "1"],
            "names no version: write NAME or NAME@2",
        ),
        (
            [
                "train",
                "forecast",
                "--data",
                "d",
                "--target",
                "t",
                "--horizon",
                "1",
                "--budget-joules",
                "nan",
            ],
            "--budget-joules nan is no budget: give a number of joules",
        ),
        (
            [
                "train",
                "forecast",
                "--data",
                "d",
                "--target",
                "t",
                "--horizon",
                "1",
                "--budget-joules",
                "inf",
            ],
            "--budget-joules inf is no budget",
        ),
        (["up", "--http", "abc"], "'abc' is not a valid integer"),
        (
            ["predict", "d", "--start", "0001-01-01T00:00:00+14:00"],
            "'0001-01-01T00:00:00+14:00' is no time: write it as 2026-01-31T00:00:00Z",
        ),
        (
            ["predict", "d", "--start", "soon"],
            "'soon' is no time: write it as 2026-01-31T00:00:00Z",
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("lichen: ")
    assert said.count("\n") == 1
    assert "--help`" in said


@pytest.mark.parametrize(
    "arguments", [["data", "ls"], ["jobs", "ls"], ["models", "ls"], ["ledger"], ["undeploy", "d"]]
)
def test_without_a_platform_the_remedy_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 1
    assert (
        capsys.readouterr().err
        == "lichen: no platform answers at http://127.0.0.1:9: start one with `lichen up`\n"
    )


def test_an_unknown_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LICHEN_ZOME", "DE")
    assert run(["data", "ls"]) == 2
    assert "did you mean 'zone'?" in capsys.readouterr().err


def test_meter_says_what_this_machine_can_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["meter"]) == 0
    shown = capsys.readouterr().out
    assert "chosen: " in shown
    assert "unknowable here: " in shown
    assert run(["meter", "--json"]) == 0
    assert '"chosen"' in capsys.readouterr().out


def test_help_loads_no_client_and_no_numpy() -> None:
    script = (
        "import sys; from lichen.cli.main import run; run(['--help']); "
        "print([m for m in ('httpx', 'numpy', 'lichen.client') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.rstrip().endswith("[]")


def test_a_verb_whose_part_is_not_installed_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "from lichen.cli.main import run; sys.exit(run(['demo', '--exit']))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert shown.returncode == 2
    assert "needs numpy, which is not installed: `pip install 'lichen[all]'`" in shown.stderr


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    script = (
        "import os, sys; from lichen.cli.main import main; "
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1); "
        "sys.argv = ['lichen', '--help']; main()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, "")
