"""Load by wrk from the other core, in a closed loop: as many requests as there are connections."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from contest.asking import WrongAnswer
from contest.processes import CLIENT_CORE, HOST, Server

SCRIPT = Path(__file__).parent / "load.lua"


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
    command = ["taskset", "--cpu-list", CLIENT_CORE, "wrk", "--threads", "1"]
    command += ["--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    command += ["--timeout", "30s", "--script", str(SCRIPT)]
    command += [f"http://{HOST}:{server.address.port}{server.address.path}", "--", str(requests)]
    pids, before = server.pids(), server.cpu_ns()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_ns() - before
    if server.pids() != pids:
        raise WrongAnswer(f"its processes changed under load: {server.log.read_text()[-2000:]}")
    figures = said.rpartition("FIGURES ")[2].split()
    count, took_us, failed, p50_us, p99_us = (float(one) for one in figures)
    if failed or not count:
        raise WrongAnswer(f"{failed:.0f} of {count:.0f} requests failed")
    return Load(count / took_us * 1e6, p50_us / 1e3, p99_us / 1e3, spent / count / 1e6)
