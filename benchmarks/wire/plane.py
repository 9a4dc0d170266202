"""A data plane in a process of its own, with one small model, as the supervisor starts it."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from contest.ours import RATE, SOURCE

from lichen.core.clock import SystemClock
from lichen.core.ids import DEFAULT_TENANT
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.counters import process_clock_ns
from lichen.energy.page import PageContent, PageWriter
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.server.inheritance import as_arguments
from lichen.server.sections import Settings
from lichen.server.settings import as_environment, load
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

COLUMNS = 4
SIGNATURE = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, COLUMNS)),),
    (TensorSpec("raw", Datatype.FP32, (-1, 1)),),
)


@dataclass
class Plane:
    """A data plane in a process of its own."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    key: str
    log: Path
    logged: int = 0

    def resident_mb(self) -> float:
        """What it has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def open_files(self) -> int:
        """How many descriptors it has."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def cpu_seconds(self) -> float:
        """What it has computed so far."""
        return process_clock_ns(self.process.pid) / 1e9


def start(folder: Path, **flags: float) -> Plane:
    """A home with one model, and the data plane on it; `flags` are settings of its own."""
    places = {"home": folder / "home", "runtime": folder / "run"}
    settings = load({**places, "zone": "DE", **flags}, {})
    key = _prepared(settings)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    read_end, write_end = os.pipe()
    arguments = as_arguments({"http": listening.fileno()}, write_end)
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "lichen.server.dataplane", *arguments],
            env={**os.environ, **as_environment(settings), "PYTHONPATH": str(SOURCE)},
            pass_fds=[listening.fileno(), write_end],
            stderr=said,
        )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        if pipe.read(1) != b"1":
            raise RuntimeError(log.read_text())
    address = listening.getsockname()
    listening.close()
    return Plane(process, address, key, log)


def _prepared(settings: Settings) -> str:
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    settings.runtime.mkdir()
    PageWriter(settings.runtime).publish(PageContent(1, 1, 2, 1, 0, 1, RATE))
    documents = SqliteDocuments(home.documents)
    files = {"model.onnx": linear_core(np.ones((COLUMNS, 1), dtype=np.float32))}
    draft = Draft("m", "regression", "linear", SIGNATURE, "fuzz")
    Catalog(documents, LocalBlobs(home.blobs), clock).register(draft, files)
    documents.commit([Change(DEPLOYMENTS, "d", msgspec.json.encode(Deployment("d", "m", 1)))])
    key = Keys(documents, clock).create(Principal("fuzz", DEFAULT_TENANT, Role.ADMIN)).token
    documents.close()
    return key
