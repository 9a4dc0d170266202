"""A server under load: its process and all under it, their CPU clocks and their memory."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contest.memory import resident_mb
from lichen.energy.counters import process_clock_ns

HOST = "127.0.0.1"
SERVER_CORE, CLIENT_CORE = "0", "1"
START_SECONDS, STOP_SECONDS = 60.0, 20.0
LOOK_SECONDS = 0.002
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Address:
    """Where a server listens and what its requests need."""

    port: int
    path: str
    headers: str = ""


@dataclass
class Server:
    """A server that was started, and where it answers."""

    process: subprocess.Popen[bytes]
    address: Address
    log: Path
    started_ns: int
    closing: Sequence[int] = field(default_factory=list)

    def pids(self) -> list[int]:
        """The process and all under it."""
        return list(_tree(self.process.pid))

    def cpu_ns(self) -> int:
        """CPU nanoseconds of all of them that live."""
        return sum(process_clock_ns(pid) for pid in self.pids())

    def resident_mb(self) -> float:
        """Memory of all of them; what they share counts once, what others share with them whole."""
        return resident_mb(self.pids())

    def stop(self) -> None:
        """End it and all under it, gently first."""
        pids = self.pids()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, 9)
        for descriptor in self.closing:
            os.close(descriptor)


def launch(
    command: Sequence[str],
    address: Address,
    folder: Path,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
) -> Server:
    """Start a server on the servers' core; it is not waited for."""
    log = folder / "log"
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    started = time.monotonic_ns()
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", SERVER_CORE, *command],
            cwd=folder,
            env={**kept, **ONE_THREAD, **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
        )
    return Server(process, address, log, started)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as bound:
        return int(bound.getsockname()[1])


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [one for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))
