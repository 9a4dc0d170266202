"""Every command and every line of Python in the README and the guides works as written."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
JOURNEYS = ("README.md", "docs/tutorials/first-forecast.md")


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text()) if name == language]


def commands(page: Path) -> list[str]:
    """The `lichen` commands of a page, in order, without those that start the platform."""
    lines = [line for body in blocks(page, "sh") for line in body.splitlines()]
    return [
        line.partition(" #")[0].strip()
        for line in lines
        if line.startswith("lichen ") and not line.startswith("lichen up")
    ]


@pytest.fixture(params=JOURNEYS)
def journey(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Path, dict[str, str]]]:
    """A page, and the environment of a fresh platform that runs while its commands are run."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "LICHEN_HOME": str(tmp_path / "home"),
        "LICHEN_RUNTIME": str(tmp_path / "runtime"),
        "LICHEN_HTTP": "0",
        "LICHEN_GRPC": "0",
        "LICHEN_CONTROL": "0",
    }
    process = subprocess.Popen(["lichen", "up"], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("data plane")
    yield ROOT / request.param, environment
    process.terminate()
    assert process.wait(60) == 0
    process.stdout.close()


@pytest.mark.slow
def test_the_commands_of_a_page_work_as_written(
    journey: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    page, environment = journey
    (tmp_path / "src").symlink_to(ROOT / "src")
    for command in commands(page):
        done = subprocess.run(
            shlex.split(command),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout or done.stderr, command
    for script in blocks(page, "python"):
        environment = {**environment, "HOME": str(tmp_path)}
        home = f"connect(home={environment['LICHEN_HOME']!r})"
        ran = subprocess.run(
            [sys.executable, "-c", script.replace("connect()", home)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        assert "nJ" in ran.stdout


@pytest.mark.parametrize("script", blocks(ROOT / "docs/how-to/meter-your-own-code.md", "python"))
def test_the_metering_guide_runs_without_a_server(script: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_both_readmes_show_the_same_commands_and_code() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert commands(english) == commands(chinese)
    assert blocks(english, "python") == blocks(chinese, "python")
    assert blocks(english, "") == blocks(chinese, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []
