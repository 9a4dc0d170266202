"""`lichen up`: owns the locks, the ports, the meters and the children; if it dies they end.

Standard library and our rooms that need no more: it starts in a moment and idles at next to
nothing. One loop at 10 Hz samples the meters, tends the children and fetches signals.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Protocol

from lichen.core.errors import InvalidInput, LichenError, WorkFailed
from lichen.monitoring.slots import forget
from lichen.server.children import Child, ChildPlan
from lichen.server.home import Home, HomeLock, write_json
from lichen.server.inheritance import inherit
from lichen.server.listening import address_of, listen, reserve, target_of
from lichen.server.metering import open_metering
from lichen.server.parentage import await_signals, next_signal
from lichen.server.sections import Settings
from lichen.server.settings import as_environment, inherited_environment
from lichen.server.tls import scheme, tls_of
from lichen.store.blobs import LocalBlobs

TICK_SECONDS = 0.1
SERVER_SIDE = ("grpc", "numpy", "onnxruntime", "starlette", "uvicorn", "uvloop")
DATAPLANE = "lichen.server.dataplane"
DEATHS_BEFORE_READY = 3
"""A child that dies so often before it was ever ready will not become so by itself."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_QUIET = {"GRPC_VERBOSITY": "ERROR"}
"""gRPC remarks on each process that is started beside it."""

_log = logging.getLogger(__name__)

Addresses = Mapping[str, str]
"""URL by port: `http`, `control`; host and port: `grpc`."""


class Metering(Protocol):
    """Samples the meters and books what they read."""

    def sample(self) -> None:
        """Called at 10 Hz."""
        ...

    def close(self) -> None:
        """Close the open window and the books."""
        ...


class Supervisor:
    """One life of a platform on one home."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._scheme = "http"
        self._environment = {**environment, **_ONE_THREAD, **_QUIET, **as_environment(settings)}
        self._sockets: dict[str, socket.socket] = {}
        self._children: list[Child] = []
        self._metering: Metering | None = None

    def run(self, announce: Callable[[Addresses], None]) -> None:
        """Start, call `announce` once everything is ready, return when told to stop.

        Raises:
            Unavailable: the home or a port is taken.
            StorageFailed: the home cannot be written.
            WorkFailed: a child cannot start.
            InvalidInput: this installation has no server side, or a file of TLS is not usable.
        """
        _check_installation()
        self._scheme = scheme(tls_of(self._settings.security))
        self._home.prepare()
        lock = HomeLock(self._home)
        lock.acquire()
        await_signals()
        try:
            LocalBlobs(self._home.blobs).sweep()
            forget(self._home.metrics)
            self._bind()
            self._metering = open_metering(self._settings)
            self._children = [Child(plan, self._environment) for plan in self._plans()]
            self._serve(announce)
        finally:
            self._stop()
            lock.release()

    @property
    def addresses(self) -> Addresses:
        """Where the planes listen."""
        return {
            name: target_of(each) if name == "grpc" else address_of(each, self._scheme)
            for name, each in self._sockets.items()
        }

    def _bind(self) -> None:
        where = self._settings.addresses
        for name, port in (("http", where.http), ("control", where.control)):
            self._sockets[name] = listen(where.host, port, f"--{name}")
        self._sockets["grpc"] = reserve(where.host, where.grpc, "--grpc")

    def _plans(self) -> Sequence[ChildPlan]:
        answering = {name: self._sockets[name] for name in ("http", "grpc")}
        control = self._sockets["control"]
        return (
            *(
                ChildPlan(f"dataplane-{slot}" if slot else "dataplane", DATAPLANE, answering, slot)
                for slot in range(self._settings.operation.dataplane_processes)
            ),
            ChildPlan("controlplane", "lichen.server.controlplane", {"control": control}),
            ChildPlan("worker", "lichen.server.worker", {}),
        )

    def _serve(self, announce: Callable[[Addresses], None]) -> None:
        announced = False
        while self._turn() not in STOP_SIGNALS:
            changed = [child for child in self._children if child.tend()]
            if not changed:
                continue
            self._refuse_hopeless()
            self._publish(must=not announced)
            if not announced and all(child.ready for child in self._children):
                announced = True
                announce(self.addresses)

    def _turn(self) -> int | None:
        """Sample, then sleep until the next sample is due or a signal comes; that signal."""
        if self._metering is not None:
            self._metering.sample()
        return next_signal(TICK_SECONDS - time.monotonic() % TICK_SECONDS)

    def _refuse_hopeless(self) -> None:
        for child in self._children:
            failed_by_itself = child.last_exit is not None and child.last_exit > 0
            often = child.deaths_in_a_row >= DEATHS_BEFORE_READY
            if failed_by_itself and often and not child.was_ready:
                raise WorkFailed(
                    f"the {child.plan.name} cannot start: it ended {child.deaths_in_a_row} times "
                    f"with code {child.last_exit}; its reason is above"
                )

    def _publish(self, *, must: bool) -> None:
        """Say where the planes listen; later on, a full disk keeps no child from its restart."""
        pids = {child.plan.name: child.pid for child in self._children}
        said = {**self.addresses, "pids": {**pids, "supervisor": os.getpid()}}
        try:
            write_json(self._home.addresses, said)
        except LichenError as error:
            if must:
                raise
            _log.error("the process ids on disk are old ones now: %s", error)

    def _stop(self) -> None:
        """End every child: asked first, killed after the drain; then close the books."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        give_up = time.monotonic() + self._settings.operation.drain_seconds
        while not all(child.stopped() for child in self._children):
            if self._turn() in STOP_SIGNALS or time.monotonic() > give_up:
                break
        for child in self._children:
            child.kill()
        for each in self._sockets.values():
            each.close()
        with suppress(OSError):  # a read-only disk must not keep the books open
            self._home.addresses.unlink(missing_ok=True)
        if self._metering is not None:
            self._metering.close()


def _check_installation() -> None:
    if any(find_spec(needed) is None for needed in SERVER_SIDE):
        raise InvalidInput(
            "this installation is the client alone: `pip install 'lichen[all]'` adds the platform"
        )


def run(settings: Settings, announce: Callable[[Addresses], None]) -> None:
    """Run a platform until SIGTERM or SIGINT; see `Supervisor.run`."""
    Supervisor(settings, inherited_environment()).run(announce)


def main(arguments: Sequence[str]) -> int:
    """A supervisor that another process of ours started; tells it when all is ready."""
    try:
        born_with = inherit(arguments)
        run(born_with.settings, lambda _: born_with.announce_ready())
    except LichenError as error:
        sys.stderr.write(f"lichen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
