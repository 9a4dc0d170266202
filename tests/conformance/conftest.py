"""A data plane that serves identities of every datatype, and the public clients to ask it with."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from onnx import TensorProto, helper

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
from lichen.server.listening import reserve, target_of
from lichen.server.sections import Settings
from lichen.server.settings import as_environment, load
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

CLIENTS = Path(__file__).parents[2] / ".venv-clients/bin/python"
PATIENCE_SECONDS = 300.0
IDENTITIES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
LIMIT_BYTES = 1_000_000


@dataclass(frozen=True)
class Served:
    """A data plane that runs, and keys for it."""

    address: str
    predictor: str
    operator: str
    admin: str
    grpc: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def headers(self, *, operator: bool = False) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.operator if operator else self.predictor}"}


def identity(*datatypes: str) -> bytes:
    """Outputs `y_<datatype>` that are its inputs `x_<datatype>`, of two columns."""
    made = [helper.make_node("Identity", [f"x_{one}"], [f"y_{one}"]) for one in datatypes]
    xs, ys = (
        [
            helper.make_tensor_value_info(f"{side}_{one}", IDENTITIES[one], ["n", 2])
            for one in datatypes
        ]
        for side in "xy"
    )
    graph = helper.make_graph(made, "identity", xs, ys)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


def furnish(settings: Settings) -> tuple[str, str, str]:
    """Deploy an identity of each datatype (`fp32`, ...) and `all`; a key of each role."""
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    settings.runtime.mkdir()
    now = int(datetime.now(UTC).timestamp()) * 10**9
    rate = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)
    PageWriter(settings.runtime).publish(PageContent(1, now - 10**9, now, 1, 0, 1, rate))
    documents = SqliteDocuments(home.documents)
    catalog = Catalog(documents, LocalBlobs(home.blobs), clock)
    models = {one.lower(): identity(one) for one in IDENTITIES} | {"all": identity(*IDENTITIES)}
    for name, content in models.items():
        draft = Draft(name, "regression", "identity", check_model(content), "test")
        catalog.register(draft, {"model.onnx": content})
        deployed = msgspec.json.encode(Deployment(name, name, 1))
        documents.commit([Change(DEPLOYMENTS, name, deployed)])
    keys = Keys(documents, clock)
    predictor, operator, admin = (
        keys.create(Principal(role.value, DEFAULT_TENANT, role)).token
        for role in (Role.PREDICTOR, Role.OPERATOR, Role.ADMIN)
    )
    documents.close()
    return predictor, operator, admin


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real data plane process for all of these tests."""
    folder = tmp_path_factory.mktemp("conformance")
    home, runtime = folder / "home", folder / "run"
    flags: dict[str, Path | str | int] = {"home": home, "runtime": runtime, "zone": "DE"}
    settings = load({**flags, "request_bytes": LIMIT_BYTES}, {})
    keys = furnish(settings)
    listening = socket.create_server(("127.0.0.1", 0))
    read_end, write_end = os.pipe()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("COV", "PYTHON"))}
    held = reserve("127.0.0.1", 0, "--grpc")
    numbers = {"http": listening.fileno(), "grpc": held.fileno()}
    arguments = as_arguments(numbers, write_end)
    with subprocess.Popen(
        [sys.executable, "-m", "lichen.server.dataplane", *arguments],
        env={**kept, **as_environment(settings), "OPENBLAS_NUM_THREADS": "1"},
        pass_fds=[*numbers.values(), write_end],
    ) as process:
        os.close(write_end)
        assert os.read(read_end, 1) == b"1", "the data plane ended before it was ready"
        os.close(read_end)
        address = "{}:{}".format(*listening.getsockname())
        yield Served(address, *keys, target_of(held))
        process.terminate()
    listening.close()
    held.close()


Verdicts = dict[str, str | None]


@pytest.fixture(scope="session")
def verdicts(served: Served) -> Callable[[str], Verdicts]:
    """What the checks of a script say, by name: None where one passed, else what went wrong.

    The script runs once, with the clients' own interpreter.
    """
    known: dict[str, Verdicts] = {}

    def of(script: str) -> Verdicts:
        if not CLIENTS.exists():
            pytest.skip("the clients' environment is not there: make clients")
        if script not in known:
            path = Path(__file__).with_name(script)
            keys = (served.predictor, served.operator, served.admin, served.grpc)
            ended = subprocess.run(
                [CLIENTS, path, served.address, *keys],
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
                env={"PATH": "", "OPENBLAS_NUM_THREADS": "1"},
            )
            assert ended.returncode == 0, ended.stderr
            known[script] = json.loads(ended.stdout.splitlines()[-1])
        return known[script]

    return of
