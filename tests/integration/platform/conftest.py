"""A real platform on free ports, with a home and a runtime folder of its own."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen, connect
from lichen.server.settings import as_environment, inherited_environment, load

PATIENCE_SECONDS = 300.0
"""What comes at all comes within it, also on a slow machine at work on something else."""
ROWS = 24 * 40


@dataclass
class Running:
    """One home, and the supervisor that runs on it now."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    opened: list[Lichen] = field(default_factory=list)
    held: list[socket.socket] = field(default_factory=list)

    def up(self) -> None:
        """Start, and wait until all is ready."""
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
            env=self.environment,
            pass_fds=[write_end],
        )
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            assert pipe.read(1) == b"1", "the platform did not start"

    def down(self) -> int:
        """Stop it cleanly; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def kill_supervisor(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pids(self) -> dict[str, int]:
        """The living processes by name; a running job among them."""
        written = json.loads((self.home / "run" / "addresses.json").read_text())
        found = {name: pid for name, pid in written["pids"].items() if pid}
        job = _children_of(found["worker"]) if "worker" in found else []
        return {**found, **({"job": job[0]} if job else {})}

    def client(self) -> Lichen:
        """A client with the admin's key."""
        self.opened.append(connect(home=self.home))
        return self.opened[-1]

    def close(self) -> None:
        """Stop whatever still runs."""
        for client in self.opened:
            client.close()
        if self.process is not None and self.process.poll() is None:
            self.down()
        if self.process is not None:
            self.check_books()
            self.process = None
        for one in self.held:
            one.close()

    def check_books(self) -> None:
        """What every test leaves: a ledger that sums to zero and whose chain holds (L1, L3)."""
        reader = LedgerReader(self.home / "ledger.db")
        accounts = reader.accounts()
        assert sum(one.nj for one in accounts) == sum(one.ng for one in accounts) == 0
        assert all(one.nj >= 0 for one in accounts if one.account.startswith("overhead/"))
        assert reader.verify() == []


def _children_of(pid: int) -> list[int]:
    try:
        said = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in said.split()]


def make(folder: Path) -> Running:
    """A platform that is not started yet; its ports stay the same over its lives."""
    names = ("http", "grpc", "control")
    held = [hold_port() for _ in names]
    ports = {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
    settings = load({"home": folder / "home", "runtime": folder / "run", "zone": "DE", **ports}, {})
    environment = {**inherited_environment(), **as_environment(settings)}
    return Running(settings.home, environment, held=held)


def hold_port() -> socket.socket:
    """A port that nobody is given who asks for any, and that a platform may listen on all the same.

    Between two lives of a platform, and before its first, nobody listens there.
    """
    held = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        held.setsockopt(socket.SOL_SOCKET, option, 1)
    held.bind(("127.0.0.1", 0))
    return held


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Running]:
    """A platform that is not started yet."""
    running = make(tmp_path)
    yield running
    running.close()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform for all tests that leave it as it is."""
    running = make(tmp_path_factory.mktemp("platform"))
    running.up()
    yield running
    running.close()


@pytest.fixture(scope="session")
def lichen(platform: Running) -> Lichen:
    """Its administrator."""
    return platform.client()


@pytest.fixture(scope="session")
def load_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty days of an hourly load with a daily swing."""
    path = tmp_path_factory.mktemp("data") / "load.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["time,load,warmth"]
    for row in range(ROWS):
        moment = (start + timedelta(hours=row)).isoformat().replace("+00:00", "Z")
        swing = math.sin(2 * math.pi * row / 24)
        noise = ((row * 7919) % 101) / 101
        lines.append(f"{moment},{100 + 20 * swing + noise:.3f},{10 + 5 * swing:.3f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for something, and fail when it does not come."""

    def wait(condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up, "it did not happen"
            time.sleep(0.05)

    return wait
