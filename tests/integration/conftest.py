"""A platform as `lichen up` starts it, in a home of its own, and its command line."""

import json
import math
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.cli.main import run
from lichen.client.connection import connect
from lichen.protocol.training import ForecastTraining

STOP_SECONDS = 60.0
ANSWER_SECONDS = 60.0
HOURS = 24 * 21
CONTEXT = 48
HTTP_ONLY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No certificates are read for it, which would take longer than the answer."""
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ended:
    """One command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The error, which must be all that was said."""
        assert self.out == "", self.out
        assert self.err.startswith("lichen: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("lichen: ").rstrip("\n")


Cli = Callable[..., Ended]


@dataclass(frozen=True, slots=True)
class Running:
    """One platform that runs: its folders, addresses and key."""

    home: Path
    runtime: Path
    log: Path
    process: subprocess.Popen[str]
    http: str
    control: str

    @property
    def key(self) -> str:
        """The administrator's."""
        return (self.home / "admin.key").read_text().strip()

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def ask(self, method: str, address: str, content: bytes = b"") -> httpx.Response:
        """One request with the administrator's key."""
        with httpx.Client(verify=HTTP_ONLY, trust_env=False, timeout=ANSWER_SECONDS) as client:
            return client.request(method, address, content=content, headers=self.authorization)

    def wire(self, port_of: str, sent: bytes, *, half: bool = False) -> bytes:
        """What a port says to these bytes until it closes; `half` sends no more after them."""
        address = httpx.URL(port_of)
        there = address.host, address.port
        with socket.create_connection(there, timeout=ANSWER_SECONDS) as line:
            line.sendall(sent)
            if half:
                line.shutdown(socket.SHUT_WR)
            said = b""
            while part := line.recv(65536):
                said += part
        return said


def start(home: Path, runtime: Path, log: Path, *more: str) -> Running:
    """`lichen up` on free ports, ready."""
    free = ["--http", "0", "--grpc", "0", "--control", "0"]
    arguments = ["up", "--home", str(home), *free, "--json", *more]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "lichen.cli.main", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "LICHEN_RUNTIME": str(runtime)},
        )
    assert process.stdout is not None
    said = ""
    while not said.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, log.read_text()
        said += line
    addresses = json.loads(said)
    return Running(home, runtime, log, process, addresses["http"], addresses["control"])


def stop(running: Running) -> int:
    """End it as Ctrl-C does; its exit code."""
    running.process.send_signal(signal.SIGTERM)
    code = running.process.wait(STOP_SECONDS)
    if running.process.stdout is not None:
        running.process.stdout.close()
    return code


def check_books(home: Path) -> None:
    """What every test leaves: a ledger that sums to zero and whose chain holds (L1, L3)."""
    reader = LedgerReader(home / "ledger.db")
    accounts = reader.accounts()
    assert sum(one.nj for one in accounts) == sum(one.ng for one in accounts) == 0
    assert all(one.nj >= 0 for one in accounts if one.account.startswith("overhead/")), accounts
    assert reader.verify() == []


def load_rows(hours: int = HOURS, first: int = 0) -> str:
    """A CSV of an hourly load with a daily swing, and the warmth beside it."""
    lines = ["time,load,warmth"]
    for hour in range(first, first + hours):
        moment = f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
        swing = math.sin(2 * math.pi * hour / 24)
        noise = ((hour * 7919) % 101) / 101
        lines.append(f"{moment},{100 + 20 * swing + noise:.3f},{10 + 5 * swing:.3f}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform for all of these tests; no test of them may bring out a traceback."""
    folder = tmp_path_factory.mktemp("running")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("LICHEN_"):
                patch.delenv(name)
        made = start(folder / "home", folder / "runtime", folder / "log")
    yield made
    assert stop(made) == 0
    assert "Traceback" not in made.log.read_text()
    check_books(made.home)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks of hours."""
    file = tmp_path_factory.mktemp("good") / "good.csv"
    file.write_text(load_rows())
    return file


@pytest.fixture(scope="session")
def served(running: Running, good: Path) -> Running:
    """The platform with dataset `good`, model `m` trained on it, and deployment `d` of `m@1`."""
    with connect(home=running.home) as lichen:
        lichen.data.add("good", good)
        spec = ForecastTraining(
            data="good",
            name="m",
            targets=["load"],
            horizon=24,
            context=CONTEXT,
            algorithm="ridge",
        )
        lichen.train(spec)
        lichen.deployments.deploy("m@1", "d")
    return running


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Running], Cli]:
    """The command line of a running platform, in this process."""

    def of(platform: Running) -> Cli:
        monkeypatch.setenv("LICHEN_HOME", str(platform.home))
        monkeypatch.setenv("LICHEN_RUNTIME", str(platform.runtime))

        def ask(*arguments: str | Path) -> Ended:
            code = run([str(argument) for argument in arguments])
            said = capsys.readouterr()
            return Ended(code, said.out, said.err)

        return ask

    return of


@pytest.fixture
def cli(running: Running, typed: Callable[[Running], Cli]) -> Cli:
    """The command line of the platform that all of these tests share."""
    return typed(running)


@pytest.fixture
def cli_of(tmp_path: Path, typed: Callable[[Running], Cli]) -> Iterator[Callable[..., Cli]]:
    """Starts a platform of one test on a home, and gives its command line.

    `is_sound=False` says that its ledger was damaged on purpose.
    """
    started: list[Running] = []

    damaged: list[Path] = []

    def begin(home: Path, *, is_sound: bool = True) -> Cli:
        started.append(start(home, tmp_path / "runtime-of-one", tmp_path / "log"))
        damaged.extend([] if is_sound else [home])
        return typed(started[-1])

    yield begin
    for platform in started:
        assert stop(platform) == 0
        assert "Traceback" not in platform.log.read_text()
        if platform.home not in damaged:
            check_books(platform.home)
