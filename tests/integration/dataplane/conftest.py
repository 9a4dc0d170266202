"""A data plane process on a home of its own, as the supervisor would start it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import numpy as np
import pytest

from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.core.ids import DEFAULT_TENANT
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.server.inheritance import as_arguments
from lichen.server.listening import reserve, target_of
from lichen.server.sections import Settings
from lichen.server.settings import as_environment, load
from lichen.serving.deployment import DEPLOYMENTS, OBSERVED, Deployment, Observed, State
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

PATIENCE_SECONDS = 60.0
"""A bound for what hangs; a machine that is busy must never reach it."""
FEATURES, OUTPUTS = 4, 2
RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)


def linear_signature() -> Signature:
    return Signature(
        (TensorSpec("features", Datatype.FP32, (-1, FEATURES)),),
        (TensorSpec("raw", Datatype.FP32, (-1, OUTPUTS)),),
    )


@dataclass
class Platform:
    """A home with a store, and the data plane that serves it."""

    settings: Settings
    documents: SqliteDocuments
    catalog: Catalog
    key: str
    listening: socket.socket
    held: socket.socket
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listening.getsockname()
        return str(host), int(port)

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.address)

    @property
    def grpc(self) -> str:
        return target_of(self.held)

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def start(self, *, grpc: bool = False) -> None:
        """Start it, over HTTP alone or with the door of gRPC, which takes longer to load."""
        read_end, write_end = os.pipe()
        numbers = {"http": self.listening.fileno()}
        if grpc:
            numbers["grpc"] = self.held.fileno()
        environment = {"PATH": "", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        kept = ("COV", "PYTHON")
        coverage = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lichen.server.dataplane", *as_arguments(numbers, write_end)],
            env={**environment, **coverage, **as_environment(self.settings)},
            pass_fds=[*numbers.values(), write_end],
        )
        os.close(write_end)
        assert os.read(read_end, 1) == b"1", "the data plane ended before it was ready"
        os.close(read_end)

    def let_anonymous_in(self) -> None:
        security = replace(self.settings.security, anonymous_role="predictor")
        self.settings = replace(self.settings, security=security)

    def until(self, look: Callable[[], bool]) -> None:
        until(lambda: look() or None)

    def register(self, model: str, scale: float = 1.0) -> int:
        weights = np.full((FEATURES, OUTPUTS), scale, dtype=np.float32)
        draft = Draft(model, "regression", "linear", linear_signature(), "test")
        return self.catalog.register(draft, {"model.onnx": linear_core(weights)}).version

    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed | None:
        body = msgspec.json.encode(deployment)
        self.documents.commit([Change(DEPLOYMENTS, deployment.name, body)])
        return self.observed(deployment) if wait else None

    def undeploy(self, name: str) -> None:
        self.documents.commit([Change(DEPLOYMENTS, name, None)])

    def observed(self, deployment: Deployment) -> Observed:
        def settled() -> Observed | None:
            document = self.documents.get(OBSERVED, deployment.name)
            if document is None:
                return None
            said = msgspec.json.decode(document.body, type=Observed)
            is_this = said.generation == deployment.generation
            return said if is_this and said.state is not State.LOADING else None

        return until(settled)

    def infer(self, name: str, rows: object) -> httpx.Response:
        body = json.dumps(request(rows))
        path = f"{self.url}/v2/models/{name}/infer"
        return httpx.post(path, content=body, headers=self.authorization, timeout=PATIENCE_SECONDS)


def request(rows: object) -> dict[str, object]:
    shape = np.asarray(rows).shape
    tensor = {"name": "features", "datatype": "FP32", "shape": list(shape), "data": rows}
    return {"inputs": [tensor]}


Found = TypeVar("Found")


def until(look: Callable[[], Found | None]) -> Found:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)
    return found


def prepare(folder: Path, **flags: int | str) -> Platform:
    """A home with a key and a published meter page, nothing deployed, nothing started."""
    settings = load({"home": folder / "home", "runtime": folder / "run", "zone": "DE", **flags}, {})
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    settings.runtime.mkdir()
    publish(settings.runtime)
    documents = SqliteDocuments(home.documents)
    catalog = Catalog(documents, LocalBlobs(home.blobs), clock)
    caller = Principal("tester", DEFAULT_TENANT, Role.PREDICTOR)
    key = Keys(documents, clock).create(caller).token
    listening = socket.create_server(("127.0.0.1", 0))
    held = reserve("127.0.0.1", 0, "--grpc")
    return Platform(settings, documents, catalog, key, listening, held)


def publish(runtime: Path) -> None:
    """What the owner of the meters would publish."""
    now = int(datetime.now(UTC).timestamp()) * 10**9
    writer = PageWriter(runtime)
    writer.publish(PageContent(1, now - 10**9, now, 1, 0, 1, RATE))
    writer.close()


def close(platform: Platform) -> None:
    if platform.process is not None and platform.process.poll() is None:
        platform.process.terminate()
        platform.process.wait(PATIENCE_SECONDS)
    platform.documents.close()
    platform.listening.close()
    platform.held.close()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A running data plane with `linear` (features -> raw, weights 1) deployed."""
    made = prepare(tmp_path_factory.mktemp("dataplane"), request_bytes=200_000)
    made.register("line")
    made.documents.commit(
        [Change(DEPLOYMENTS, "linear", msgspec.json.encode(Deployment("linear", "line", 1)))]
    )
    made.start()
    yield made
    close(made)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Platform]:
    """A platform of one test, not started."""
    made = prepare(tmp_path)
    yield made
    close(made)
