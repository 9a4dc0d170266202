"""The data plane's process: wired by hand, and answering while the other processes are down."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from socket import socket
from threading import Event, Thread

import uvicorn
import uvloop
from starlette.types import ASGIApp

from lichen.api.batches_http import BatchDoor, batch_routes
from lichen.api.configuration_http import configuration_routes
from lichen.api.explain_http import explain_routes
from lichen.api.gate import Gate
from lichen.api.infer_lane import InferProtocol, protocol_for
from lichen.api.oip_http import Door, HttpLimits, application
from lichen.api.plain_http import plain_routes
from lichen.api.repository_http import repository_routes
from lichen.core.clock import SystemClock
from lichen.core.errors import LichenError
from lichen.core.events import Observer
from lichen.energy.counters import ProcessCounters
from lichen.registry.catalog import Catalog
from lichen.security.identity import Role
from lichen.security.tokens import KeyRing
from lichen.server.accepting import EntranceServer, entrance_of
from lichen.server.doors import Doors
from lichen.server.explaining import Explanations
from lichen.server.grpc_door import GrpcDoor, Place
from lichen.server.guests import open_guests
from lichen.server.home import Home
from lichen.server.inheritance import inherit
from lichen.server.pricing import Pricing, pricing
from lichen.server.sections import Settings
from lichen.server.tls import tls_of
from lichen.server.watching import Watching
from lichen.serving.batch_files import BatchFiles
from lichen.serving.batch_records import Batches
from lichen.serving.budgets import Budgets
from lichen.serving.charging import ProcessMetering
from lichen.serving.guests.starting import Guests
from lichen.serving.loader import Loader, settle_memory
from lichen.serving.plane import DataPlane
from lichen.serving.repository import Repository
from lichen.serving.residency.memory import (
    DEFAULT_SHARE,
    MEBIBYTE,
    Memory,
    machine_bytes,
    map_large_blocks,
)
from lichen.serving.residency.watcher import Watcher
from lichen.serving.residency.workshop import BatchLimits, Workshop
from lichen.serving.selector import Selector
from lichen.serving.siblings import among_siblings
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import DocumentStore, SqliteDocuments

POLL_SECONDS = 0.2
_TICKS_PER_SWEEP = 10

_log = logging.getLogger(__name__)


class Poller(Thread):
    """Looks at the store five times a second, and at the carbon rate each minute.

    Keys come first: neither a model that loads for minutes nor a deployment that cannot be brought
    into service keeps a revoked key open.
    """

    def __init__(
        self,
        documents: DocumentStore,
        watcher: Watcher,
        gate: Gate,
        metering: ProcessMetering,
        prices: Pricing,
        on_look: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Make it; `on_look` is called at every look, with whether the store changed."""
        super().__init__(name="poller", daemon=True)
        self._documents = documents
        self._keys_of_revision = -1
        self._watcher = watcher
        self._gate = gate
        self._metering = metering
        self._prices = prices
        self._on_look = on_look
        self._on_first_look: Callable[[], None] = lambda: None
        self._is_failing = False
        self._stop_asked = Event()

    def begin(self, on_first_look: Callable[[], None]) -> None:
        """Start; `on_first_look` is called, in this thread, when all deployments were looked at."""
        self._on_first_look = on_first_look
        self.start()

    def run(self) -> None:
        """Look until told to stop; a store that fails is asked again, and serving goes on."""
        looked = False
        while not self._stop_asked.is_set():
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - serving goes on, whatever happens here
                if not self._is_failing:
                    _log.error("the store cannot be followed: %s", error, exc_info=error)
                self._is_failing = True
            else:
                self._is_failing = False
                if not looked and self._watcher.settle(POLL_SECONDS):
                    looked = True
                    self._on_first_look()
            self._stop_asked.wait(POLL_SECONDS)

    def stop(self) -> None:
        """Stop looking."""
        self._stop_asked.set()
        self.join()
        self._watcher.close()

    def _look(self) -> None:
        self._metering.carbon = self._prices.rate(self._metering.clock.now())
        revision = self._documents.revision()
        changed = revision != self._keys_of_revision
        if changed:
            self._gate.refresh()
            self._keys_of_revision = revision
        self._on_look(changed)
        self._watcher.poll()


class _Server(EntranceServer):
    """The server of the data plane, which also looks after its connections."""

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second, close connections that are stuck."""
        if counter % _TICKS_PER_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, InferProtocol):
                    connection.close_if_stuck(now)
        return await super().on_tick(counter)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What lives as long as the process."""

    settings: Settings
    slot: int
    documents: DocumentStore
    counters: ProcessCounters
    gate: Gate
    metering: ProcessMetering
    prices: Pricing
    guests: Guests
    budgets: Budgets


def open_parts(settings: Settings, slot: int = 0) -> _Parts:
    """Open the store, the counters and the keys of process `slot`.

    Raises:
        StorageFailed, InvalidInput: see the message.
    """
    home, clock = Home(settings.home), SystemClock()
    processes = settings.operation.dataplane_processes
    documents = among_siblings(SqliteDocuments(home.documents), processes, slot)
    counters = ProcessCounters.create(settings.runtime, "dataplane", str(settings.home))
    anonymous = settings.security.anonymous_role
    keys = KeyRing(documents, clock, Role(anonymous) if anonymous else None)
    prices = pricing(settings.carbon, home.intensities)
    metering = ProcessMetering(counters, settings.runtime, prices.rate(clock.now()), clock)
    guests = open_guests(settings, metering)
    budgets = Budgets(documents, home.budgets, clock)
    return _Parts(
        settings, slot, documents, counters, Gate(keys), metering, prices, guests, budgets
    )


async def serve(
    parts: _Parts, listening: socket, announce_ready: Callable[[], None], held: socket | None = None
) -> None:
    """Answer on the socket, and over gRPC on the held port, until SIGTERM or SIGINT; then drain."""
    settings, loop = parts.settings, asyncio.get_running_loop()
    selector = Selector()
    watching = Watching(settings.home, parts.documents, selector, loop)
    workshop = _workshop(parts, loop, watching.metrics)
    watcher = Watcher(parts.documents, selector, workshop)

    def look(changed: bool) -> None:  # noqa: FBT001 - the poller's one question
        parts.budgets.look(changed)
        watching.look(changed)

    poller = Poller(parts.documents, watcher, parts.gate, parts.metering, parts.prices, look)
    looked = asyncio.Event()
    door = Door(
        DataPlane(selector, watching.metrics, parts.budgets),
        parts.gate,
        _limits(settings),
        version("lichen"),
        looked.is_set,
    )

    def on_first_look() -> None:
        selector.end_first_look()
        settle_memory()
        looked.set()

    repository = _repository(parts, selector)
    app = _application(parts, door, repository, watching)
    entrance = entrance_of(settings, parts.slot)
    server = _Server(_uvicorn_config(app, door, settings), entrance)
    grpc = None if held is None else _grpc_door(parts, door, repository, watching, held)
    poller.begin(lambda: _tell(loop, on_first_look))
    try:
        await Doors(server, grpc, looked).answer(listening, announce_ready)
    finally:
        await asyncio.to_thread(poller.stop)
        parts.budgets.close()


def _repository(parts: _Parts, selector: Selector) -> Repository:
    is_alone = parts.settings.operation.dataplane_processes == 1
    return Repository(parts.documents, selector, is_alone=is_alone)


def _grpc_door(
    parts: _Parts, door: Door, repository: Repository, watching: Watching, held: socket
) -> GrpcDoor:
    settings, tls = parts.settings, tls_of(parts.settings.security)
    place = Place(held, tls, settings.operation.drain_seconds, settings.limits.batch_rows)
    return GrpcDoor(door, repository, watching.calls(door), place)


def _application(parts: _Parts, door: Door, repository: Repository, watching: Watching) -> ASGIApp:
    said = parts.settings
    more = [
        *repository_routes(door, repository),
        *watching.routes(door),
        *plain_routes(door),
        *explain_routes(door, _explanations(parts)),
        *configuration_routes(door, said.limits.batch_rows),
        *batch_routes(door, _batch_door(parts)),
    ]
    return application(door, more)


def _explanations(parts: _Parts) -> Explanations:
    said, compiled = parts.settings, Home(parts.settings.home).compiled
    limit_s = said.limits.explanation_seconds
    return Explanations(_catalog(parts), SystemClock(), limit_s, compiled)


def _batch_door(parts: _Parts) -> BatchDoor:
    home, limits, clock = Home(parts.settings.home), parts.settings.limits, SystemClock()
    files = BatchFiles(parts.documents, LocalBlobs(home.blobs), clock, limits.batch_storage_bytes)
    batches = Batches(parts.documents, clock)
    return BatchDoor(files, batches, home.uploads, limits.batch_file_bytes)


def _limits(settings: Settings) -> HttpLimits:
    said = settings.limits
    return HttpLimits(said.request_bytes, said.header_bytes, said.header_seconds, said.idle_seconds)


def _workshop(parts: _Parts, loop: asyncio.AbstractEventLoop, observer: Observer) -> Workshop:
    said = parts.settings.limits
    loader = Loader(_catalog(parts), Home(parts.settings.home).compiled, parts.guests)
    return Workshop(
        loader,
        parts.metering,
        loop,
        BatchLimits(said.batch_rows, said.queue_requests),
        observer,
        files=loader,
        memory=Memory(_model_bytes(parts.settings)),
        patience_seconds=said.load_seconds,
    )


def _model_bytes(settings: Settings) -> int | None:
    """What the models of this process may take in memory: its share of what all may."""
    processes = settings.operation.dataplane_processes
    if settings.limits.model_memory_mb is not None:
        return settings.limits.model_memory_mb * MEBIBYTE // processes
    most = machine_bytes()
    return None if most is None else round(most * DEFAULT_SHARE / processes)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(what)


def _catalog(parts: _Parts) -> Catalog:
    blobs = LocalBlobs(Home(parts.settings.home).blobs)
    return Catalog(parts.documents, blobs, SystemClock())


def _uvicorn_config(app: ASGIApp, door: Door, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol_for(door),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.operation.drain_seconds)),
    )


def main(arguments: Sequence[str]) -> int:
    """The process that the supervisor starts."""
    map_large_blocks()
    try:
        born_with = inherit(arguments)
        logging.basicConfig(level=born_with.settings.operation.log_level.upper())
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every bad request
        parts = open_parts(born_with.settings, born_with.slot)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            held = born_with.socket("grpc") if "grpc" in born_with.sockets else None
            ready = born_with.announce_ready
            runner.run(serve(parts, born_with.socket("http"), ready, held))
    except LichenError as error:
        sys.stderr.write(f"lichen data plane: {error}\n")
        return 1
    parts.guests.close()
    parts.counters.finish()
    parts.documents.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
