"""A whole platform for the tests of a process: a conftest takes these fixtures in."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.cli.main import run
from lichen.client.connection import Lichen, connect
from lichen.server.settings import as_environment, inherited_environment, load

PATIENCE_SECONDS = 300.0
"""What comes at all comes within it, also on a slow machine at work on something else."""

Command = Callable[..., Any]
"""One command line: its arguments in, what it says as JSON out; it must end well."""

Given = Mapping[str, str | int | float | Path | None]
"""Settings by their names."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One that runs: its folders, the address of its data plane and its administrator's key."""

    home: Path
    runtime: Path
    http: str
    key: str


def _check_books(home: Path) -> None:
    """Every training's joules are in a ledger that sums to zero and whose chain holds (L1, L3)."""
    reader = LedgerReader(home / "ledger.db")
    accounts = reader.accounts()
    assert sum(one.nj for one in accounts) == sum(one.ng for one in accounts) == 0
    assert reader.verify() == []


@pytest.fixture(scope="session")
def free_port() -> Iterator[Callable[[], int]]:
    """Ports that nobody is given who asks for any, and that a server may listen on all the same.

    Another test would be given them before the server has started.
    """
    with ExitStack() as held:

        def take() -> int:
            one = held.enter_context(socket.socket())
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                one.setsockopt(socket.SOL_SOCKET, option, 1)
            one.bind(("127.0.0.1", 0))
            return int(one.getsockname()[1])

        yield take


@pytest.fixture(scope="session")
def platform_settings() -> Given:
    """What is set of it beside its folders and ports."""
    return {}


@pytest.fixture(scope="session")
def platform(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    platform_settings: Given,
) -> Iterator[Platform]:
    """One platform for all tests of a process; its ledger must close in the end (L1, L3)."""
    folder = tmp_path_factory.mktemp("platform")
    ports = {name: free_port() for name in ("http", "grpc", "control")}
    own: Given = {"home": folder / "home", "runtime": folder / "run", "zone": "DE"}
    settings = load({**own, **ports, **platform_settings}, {})
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
        env={**inherited_environment(), **as_environment(settings)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read(1) == b"1", "the platform did not start"
    key = (settings.home / "admin.key").read_text().strip()
    yield Platform(settings.home, folder / "run", f"http://127.0.0.1:{ports['http']}", key)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    _check_books(settings.home)


@pytest.fixture(scope="session")
def lichen(platform: Platform) -> Iterator[Lichen]:
    """Its administrator."""
    with connect(home=platform.home) as opened:
        yield opened


@pytest.fixture
def command(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command line of the platform, in this process, with `--json`."""
    monkeypatch.setenv("LICHEN_HOME", str(platform.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(platform.runtime))

    def ask(*arguments: str | Path) -> object:
        words = [str(one) for one in arguments]
        own = words.index("--") if "--" in words else len(words)
        code = run([*words[:own], "--json", *words[own:]])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return ask
