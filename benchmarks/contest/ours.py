"""Our data plane as the supervisor starts it: key, metrics and receipts on."""

import os
import socket
import sys
from pathlib import Path

import msgspec

import lichen
from contest.models import Model
from contest.processes import HOST, Address, Server, launch
from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.onnx import check_model
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

RATE = Rate(3.8, 1.61, 5.18, Method.MODELLED, "benchmark", 1)
"""What the meters' owner would publish; without a rate there is no receipt."""
SOURCE = Path(lichen.__file__).parents[1]
"""The code that prepares the home is the code that serves it."""


def start(model: Model, models: Path, folder: Path) -> Server:
    """Register and deploy the model in a home in `folder`, then start the data plane on it."""
    settings = load({"home": folder / "home", "runtime": folder / "run", "zone": "DE"}, {})
    key = _prepared(settings, model, model.file(models).read_bytes())
    listening = socket.create_server((HOST, 0), backlog=512)
    read_end, write_end = os.pipe()
    arguments = as_arguments({"http": listening.fileno()}, write_end)
    headers = f"Authorization: Bearer {key}\r\n"
    server = launch(
        [sys.executable, "-m", "lichen.server.dataplane", *arguments],
        Address(listening.getsockname()[1], f"/v2/models/{model.name}/infer", headers),
        folder,
        {**as_environment(settings), "PYTHONPATH": str(SOURCE)},
        [listening.fileno(), write_end],
    )
    os.close(write_end)
    server.closing = [read_end, listening.detach()]
    return server


def _prepared(settings: Settings, model: Model, content: bytes) -> str:
    """A home with the model deployed; the key of a caller who may predict."""
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    settings.runtime.mkdir()
    PageWriter(settings.runtime).publish(PageContent(1, 1, 2, 1, 0, 1, RATE))
    documents = SqliteDocuments(home.documents)
    draft = Draft(model.name, "regression", model.name, check_model(content), "benchmark")
    Catalog(documents, LocalBlobs(home.blobs), clock).register(draft, {"model.onnx": content})
    deployed = msgspec.json.encode(Deployment(model.name, model.name, 1))
    documents.commit([Change(DEPLOYMENTS, model.name, deployed)])
    caller = Principal("benchmark", DEFAULT_TENANT, Role.PREDICTOR)
    key = Keys(documents, clock).create(caller).token
    documents.close()
    return key
