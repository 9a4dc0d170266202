"""Models under a memory limit in a real process: they sleep, wake, and the memory comes back."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import httpx
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.sections import Settings
from lichen.serving.deployment import Deployment, Observed, State

MEGABYTES, LIMIT_MB, COLUMNS = 30, 45, 64
CYCLES = 20
MOST_GROWTH = 0.05


class Platform(Protocol):
    settings: Settings
    catalog: Catalog
    process: subprocess.Popen[bytes]
    url: str
    authorization: dict[str, str]

    def start(self) -> None: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...
    def until(self, look: Callable[[], bool]) -> None: ...


def register(platform: Platform, model: str, value: float, megabytes: int) -> None:
    """A table of equal numbers, large and cheap to ask."""
    rows = megabytes * 10**6 // (4 * COLUMNS)
    table = np.full((rows, COLUMNS), value, dtype=np.float32)
    node = helper.make_node("Gather", ["table", "rows"], ["found"])
    takes = helper.make_tensor_value_info("rows", TensorProto.INT64, ["n"])
    gives = helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n", COLUMNS])
    kept = [numpy_helper.from_array(table, "table")]
    graph = helper.make_graph([node], "lookup", [takes], [gives], kept)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    signature = Signature(
        (TensorSpec("rows", Datatype.INT64, (-1,)),),
        (TensorSpec("found", Datatype.FP32, (-1, COLUMNS)),),
    )
    draft = Draft(model, "regression", "lookup", signature, "test")
    platform.catalog.register(draft, {"model.onnx": made.SerializeToString()})


def resident_mb(platform: Platform) -> float:
    status = Path(f"/proc/{platform.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1]) / 1024


def ask(client: httpx.Client, name: str, **parameters: int) -> httpx.Response:
    tensor = {"name": "rows", "datatype": "INT64", "shape": [2], "data": [0, 7]}
    body = json.dumps({"inputs": [tensor], "parameters": parameters})
    return client.post(f"/v2/models/{name}/infer", content=body)


def value(answer: httpx.Response) -> float:
    assert answer.status_code == 200, answer.text
    return float(answer.json()["outputs"][0]["data"][0])


def test_two_models_take_turns_and_the_memory_comes_back(fresh: Platform) -> None:
    limits = replace(fresh.settings.limits, model_memory_mb=LIMIT_MB)
    fresh.settings = replace(fresh.settings, limits=limits)
    register(fresh, "one", 1.0, MEGABYTES)
    register(fresh, "two", 2.0, MEGABYTES)
    register(fresh, "huge", 3.0, 2 * MEGABYTES)
    fresh.start()
    empty = resident_mb(fresh)
    for name in ("one", "two"):
        assert fresh.deploy(Deployment(name, name, 1)).state is State.READY
    with httpx.Client(base_url=fresh.url, headers=fresh.authorization, timeout=60) as client:
        for name, expected in (("one", 1.0), ("two", 2.0)):  # the first is the loading of libraries
            assert value(ask(client, name)) == expected
        before = resident_mb(fresh)
        for _ in range(CYCLES // 2):
            assert value(ask(client, "one")) == 1.0
            assert value(ask(client, "two")) == 2.0
        assert abs(resident_mb(fresh) / before - 1) < MOST_GROWTH
        assert client.get("/v2/models/one/ready").json() == {"name": "one", "ready": True}
        assert client.get("/v2/models/one").json()["inputs"][0]["name"] == "rows"
        assert ask(client, "one", timeout=1).status_code == 504, "it sleeps, and has no time"
        said = fresh.deploy(Deployment("huge", "huge", 1))
        assert said.state is State.FAILED
        assert "huge@1 takes 57 MiB" in said.message
        assert "may take 45 MiB" in said.message
    assert before - empty < 1.5 * MEGABYTES + 60, "one model is held, once, and the libraries"
