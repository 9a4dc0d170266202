"""`lichen meter run`: the command's own output, code and signals, and what it all cost."""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LICHEN = [sys.executable, "-W", "ignore", "-m", "lichen.cli.main", "meter", "run"]
BURN = "import time\nwhile time.process_time() < {}: pass\n"


@dataclass
class Runner:
    """Runs `lichen meter run` with folders of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        folders = {"LICHEN_RUNTIME": self.folder / "run", "LICHEN_HOME": self.folder / "home"}
        return {**os.environ, **{name: str(path) for name, path in folders.items()}}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*LICHEN, *arguments],
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )

    def report(self, *arguments: str) -> Any:  # noqa: ANN401 - a JSON document
        path = self.folder / "receipt.json"
        self.run("--receipt", str(path), *arguments)
        return json.loads(path.read_text())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_the_commands_output_and_code_are_ours_and_the_receipt_is_on_stderr(
    runner: Runner,
) -> None:
    done = runner.run("--zone", "de", "--", "sh", "-c", "echo out; echo err >&2; exit 7")

    assert done.returncode == 7
    assert done.stdout == "out\n"
    assert done.stderr.startswith("err\nlichen: sh: ")
    assert "modelled" in done.stderr
    assert ", DE), " in done.stderr


def test_options_after_the_command_are_the_commands(runner: Runner) -> None:
    assert runner.run("echo", "--json", "--zone", "nowhere").stdout == "--json --zone nowhere\n"


def test_children_that_ended_at_once_and_in_parallel_are_counted(runner: Runner) -> None:
    one = f'"{sys.executable}" -S -c "{BURN.format(0.1)}"'
    report = runner.report("sh", "-c", f"{one} & {one} & wait; {one}")

    assert 300_000_000 <= report["cpu_ns"] < 1_500_000_000
    assert report["left_running"] == 0
    assert report["booked"] is None
    assert report["receipt"]["energy"]["nj"] >= 300_000_000


def test_an_orphan_that_ends_before_the_command_is_counted(runner: Runner) -> None:
    note = runner.folder / "ended"
    burning = f'"{sys.executable}" -S -c "{BURN.format(0.15)}"; touch {note}'
    daemon = f"(setsid sh -c '{burning}' >/dev/null &) ; while [ ! -e {note} ]; do sleep 0.05; done"
    assert runner.report("sh", "-c", daemon)["cpu_ns"] >= 150_000_000


def test_what_is_left_running_is_told_and_not_waited_for(runner: Runner) -> None:
    done = runner.run("sh", "-c", "exec >/dev/null 2>&1; sleep 20 & exit 3")

    assert done.returncode == 3
    assert "1 of its processes still run, counted up to now" in done.stderr


def test_json_goes_to_stderr_and_is_the_file(runner: Runner) -> None:
    path = runner.folder / "receipt.json"
    done = runner.run("--json", "--name", "n", "--receipt", str(path), "--zone", "FR", "true")

    told = json.loads(done.stderr)
    assert told == json.loads(path.read_text())
    assert (told["name"], told["command"], told["exit_code"]) == ("n", ["true"], 0)
    assert told["receipt"]["carbon"]["zone"] == "FR"
    assert told["counted_by"] in ("control group", "process clocks")


def test_a_receipt_file_that_cannot_be_written_changes_nothing_else(runner: Runner) -> None:
    done = runner.run("--receipt", str(runner.folder / "no" / "r.json"), "sh", "-c", "exit 5")
    assert done.returncode == 5
    assert "r.json could not be read or written (No such file or directory)" in done.stderr


def test_a_row_is_added_for_each_run(runner: Runner) -> None:
    path = runner.folder / "emissions.csv"
    for _ in range(2):
        runner.run("--zone", "DE", "--output", str(path), "--name", "job", "true")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["project_name"] for row in rows] == ["job", "job"]
    assert float(rows[0]["energy_consumed"]) > 0
    assert rows[0]["gpu_energy"] == ""


def test_a_row_that_cannot_be_written_is_told_in_one_sentence(runner: Runner) -> None:
    path = runner.folder / "e.csv"
    done = runner.run("--output", str(path), "--", "mkdir", str(path))

    told, receipt = done.stderr.splitlines()
    assert (done.returncode, path.is_dir()) == (0, True)
    assert told.startswith(f"lichen: no row was added to {path} (")
    assert receipt.startswith("lichen: mkdir: ")


def test_a_name_gives_the_terminal_no_orders(runner: Runner) -> None:
    done = runner.run("--name", "\x1b[31mred\n", "true")
    assert done.stderr.startswith("lichen: \\x1b[31mred\\n: ")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["no-such-command-here"], 127, "there is no command 'no-such-command-here'"),
        (["/etc/passwd"], 126, "cannot run '/etc/passwd': "),
        ([], 2, "Missing argument"),
        (["--zone", "Germany", "true"], 2, "zone 'Germany' is not usable"),
        (["--output", "/nowhere/e.csv", "true"], 2, "cannot write /nowhere/e.csv"),
        (["--account", "a/b", "true"], 2, "'a/b' is no name of an account"),
        (["--account", "a\nb", "true"], 2, "'a\\nb' is no name of an account"),
        (["--account", "\x1b[31m", "true"], 2, "'\\x1b[31m' is no name of an account"),
        (["--account", "a", "true"], 1, "nothing books --account: `lichen up` starts one"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    runner: Runner, arguments: list[str], code: int, sentence: str
) -> None:
    done = runner.run(*arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_signal_that_ends_the_command_ends_us(runner: Runner) -> None:
    done = runner.run("sh", "-c", "kill -KILL $$")
    assert done.returncode == -signal.SIGKILL
    assert "lichen: sh: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_passed_on_and_the_receipt_still_comes(
    runner: Runner, number: signal.Signals
) -> None:
    script = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    former = signal.signal(number, signal.SIG_DFL)  # what a shell runs behind itself ignores some
    process = subprocess.Popen(
        [*LICHEN, sys.executable, "-c", script],
        env=runner.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(number, former)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate()

    assert process.returncode == 9
    assert "modelled" in said


def test_what_was_ignored_stays_ignored(runner: Runner) -> None:
    script = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    done = subprocess.run(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *LICHEN, sys.executable, "-c", script],
        env=runner.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
