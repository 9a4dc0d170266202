"""One life of a server: start it, check its answers, load it at each point, stop it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from contest.apps.session import open_session
from contest.asking import ColdStart, WrongAnswer, check, first_answer
from contest.bodies import Body, Form, bodies, drawn, request, written
from contest.load import PACE, drive
from contest.models import INPUT, OUTPUT, Floats, Model
from contest.pace import Paced
from contest.peers import APPS, ECHO, OURS, Peer
from contest.processes import CLIENT_CORE, SERVER_CORE, Server
from contest.results import Lives, Point, Results

CHECKED = 8
WARM_SECONDS = 1.0
IDLE_SECONDS = 2.0
PACED_CONNECTIONS = 64


@dataclass(frozen=True)
class Bench:
    """Where a run keeps its models, and how long a spell of load is."""

    folder: Path
    seconds: float


@cache
def inputs_of(model: Model, rows: int) -> list[Floats]:
    return drawn(model, rows)


@cache
def bodies_of(model: Model, rows: int, form: Form) -> list[Body]:
    return list(bodies(inputs_of(model, rows), form))


@cache
def expected_of(model: Model, folder: Path, rows: int) -> list[Floats]:
    """What ONNX Runtime answers to the first bodies."""
    session = open_session(str(model.file(folder)))
    asked = inputs_of(model, rows)[:CHECKED]
    return [np.asarray(session.run([OUTPUT], {INPUT: one})[0]) for one in asked]


@dataclass(frozen=True)
class Life:
    """A server that answers."""

    peer: Peer
    model: Model
    server: Server
    cold: ColdStart
    bench: Bench

    def requests(self, rows: int, form: Form) -> list[bytes]:
        """What it is sent."""
        address = self.server.address
        asked = bodies_of(self.model, rows, form)
        return [request(address.path, address.headers, body) for body in asked]

    def checked(self, rows: int, form: Form) -> Path:
        """A file of requests whose answers were compared with ONNX Runtime's.

        Raises:
            WrongAnswer: they are others.
        """
        asked = self.requests(rows, form)
        if self.peer.name != ECHO:
            expected = expected_of(self.model, self.bench.folder, rows)
            answers = [check(self.server, *one) for one in zip(asked, expected, strict=False)]
            if self.peer.name == OURS and not all("lichen-receipt" in a.headers for a in answers):
                raise WrongAnswer("our own answers carry no receipt")
        return written(asked, self.server.log.with_name("requests"))


@contextlib.contextmanager
def alive(peer: Peer, model: Model, bench: Bench) -> Iterator[Life]:
    """A server that has given its first answer; stopped at the end."""
    with TemporaryDirectory(prefix=f"contest-{peer.name}-") as folder:
        server = peer.start(model, bench.folder, Path(folder))
        try:
            address = server.address
            first = bodies_of(model, 1, Form.JSON)[0]
            cold = first_answer(server, request(address.path, address.headers, first))
            yield Life(peer, model, server, cold, bench)
        finally:
            server.stop()


def loaded(life: Life, points: Sequence[Point], results: Results) -> None:
    """Load a server at each point; what fails is written down and the others go on."""
    warm = life.checked(1, Form.JSON)
    drive(life.server, warm, 16, WARM_SECONDS)
    for point in points:
        try:
            requests = life.checked(point.rows, point.form)
            load = drive(life.server, requests, point.connections, life.bench.seconds)
        except (WrongAnswer, OSError) as error:
            tried = f"{point.model}, {point.rows} rows at {point.connections} in {point.form}"
            results.failures[life.peer.name, tried] = str(error)
        else:
            results.loads[life.peer.name, point].append(load)
    resident = life.server.resident_mb()
    results.lives[life.peer.name, life.model.name].append(Lives(life.cold, resident, _idle(life)))


def paced(life: Life, rate: int, results: Results) -> None:
    """Ask a server for one row at a fixed rate."""
    requests = life.checked(1, Form.JSON)
    command = ["taskset", "--cpu-list", CLIENT_CORE, sys.executable, str(PACE)]
    command += [str(life.server.address.port), str(requests), str(PACED_CONNECTIONS)]
    command += [str(rate), str(life.bench.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        results.failures[life.peer.name, f"{life.model.name} at {rate}/s"] = done.stderr[-300:]
        return
    answered, p50, p99, failed, late = (float(one) for one in done.stdout.split())
    figures = Paced(answered, p50, p99, int(failed), late)
    if failed:
        results.failures[life.peer.name, f"{life.model.name} at {rate}/s"] = f"{failed:.0f} failed"
    results.paced[life.peer.name, life.model.name, rate].append(figures)


def alone(model: Model, rows: int, bench: Bench, results: Results) -> None:
    """ONNX Runtime without a server, on the servers' core."""
    command = ["taskset", "--cpu-list", SERVER_CORE, sys.executable, str(APPS / "inprocess.py")]
    command += [str(model.file(bench.folder)), str(rows), str(max(0.5, bench.seconds / 2))]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    results.alone[model.name, rows].append(float(said))


def _idle(life: Life) -> float | None:
    """Share of a core that our own server takes when nobody asks."""
    if life.peer.name != OURS:
        return None
    before = life.server.cpu_ns()
    time.sleep(IDLE_SECONDS)
    return (life.server.cpu_ns() - before) / IDLE_SECONDS / 1e7
