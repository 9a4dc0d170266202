"""A platform of its own for the demo: started as `lichen up` would be, ended with it."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lichen.client.connection import Lichen, connect
from lichen.core.errors import WorkFailed
from lichen.server.parentage import tied_to_this_process

STOP_SECONDS = 20.0
USUAL_PORTS = {"--http": 8080, "--grpc": 8081, "--control": 8090}


@contextmanager
def running_platform(home: Path) -> Iterator[Lichen]:
    """A ready platform on `home`, on the usual ports where they are free; it never outlives us.

    Raises:
        WorkFailed: it did not become ready; its own words are on standard error.
    """
    ports = [text for flag, port in USUAL_PORTS.items() for text in (flag, str(free_or_any(port)))]
    command = [sys.executable, "-m", "lichen.cli.main", "up", "--home", str(home), *ports]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=tied_to_this_process(),  # killed, we could not end it
        start_new_session=True,
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise WorkFailed("the platform did not start: its reason is above")
        with connect(home=home) as platform:
            yield platform
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: with what it started."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def free_or_any(port: int) -> int:
    """The port if nothing listens there, else 0, which takes any free one."""
    with closing(socket.socket()) as probe:
        return 0 if probe.connect_ex(("127.0.0.1", port)) == 0 else port


def free_port() -> int:
    """A port that nothing listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
