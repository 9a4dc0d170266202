"""Load by wrk from the other core, in a closed loop: as many requests as there are connections."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from contest.asking import WrongAnswer
from contest.processes import CLIENT_CORE, HOST, Server

SCRIPT = Path(__file__).with_name("load.lua")
PACE = Path(__file__).with_name("pace.py")
FEWEST_OF_CONNECTION = 20
"""With fewer answers than this a connection, those cut off at the end would count."""


@dataclass(frozen=True)
class Load:
    """One spell of load: what came back, and what the server spent on it."""

    requests_a_second: float
    p50_ms: float
    p99_ms: float
    cpu_s_per_1000: float


def drive(server: Server, requests: Path, connections: int, seconds: float) -> Load:
    """Load a server with the requests of a file.

    Raises:
        WrongAnswer: a request failed, or one of the server's processes was replaced.
    """
    pids, before = server.pids(), server.cpu_ns()
    count, load = _closed_loop(server, requests, connections, seconds, before)
    if count < FEWEST_OF_CONNECTION * connections:
        before = server.cpu_ns()
        load = _whole_count(server, requests, connections, max(count, 2 * connections), before)
    if server.pids() != pids:
        raise WrongAnswer(f"its processes changed under load: {server.log.read_text()[-2000:]}")
    return load


def _closed_loop(
    server: Server, requests: Path, connections: int, seconds: float, before_ns: int
) -> tuple[int, Load]:
    """By wrk, for some seconds."""
    command = ["taskset", "--cpu-list", CLIENT_CORE, "wrk", "--threads", "1"]
    command += ["--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    command += ["--timeout", "30s", "--script", str(SCRIPT)]
    command += [f"http://{HOST}:{server.address.port}{server.address.path}", "--", str(requests)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_ns() - before_ns
    figures = said.rpartition("FIGURES ")[2].split()
    count, took_us, failed, p50_us, p99_us = (float(one) for one in figures)
    if failed:
        raise WrongAnswer(f"{failed:.0f} of {count:.0f} requests failed")
    each = max(1.0, count)
    load = Load(count / took_us * 1e6, p50_us / 1e3, p99_us / 1e3, spent / each / 1e6)
    return int(count), load


def _whole_count(
    server: Server, requests: Path, connections: int, count: int, before_ns: int
) -> Load:
    """By a client that waits for every answer: so CPU is divided by all that it was spent on."""
    command = ["taskset", "--cpu-list", CLIENT_CORE, sys.executable, str(PACE)]
    command += [str(server.address.port), str(requests), str(connections), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = server.cpu_ns() - before_ns
    if done.returncode:
        raise WrongAnswer(done.stderr[-300:])
    answered, p50, p99, failed, _ = (float(one) for one in done.stdout.split())
    if failed:
        raise WrongAnswer(f"{failed:.0f} of {count} requests failed")
    return Load(answered, p50, p99, spent / count / 1e6)
