"""Does the memory of an unloaded model come back? A whole platform, loading and unloading.

    python benchmarks/unloading.py --cycles 100 --megabytes 100

`lichen up` serves one model of so many megabytes, which is unloaded and loaded again as many times
through the repository extension, asked once each time. Then two of them take turns under a limit
that holds one, so that every request wakes one and sends the other to sleep. It prints the data
plane's resident memory along the way, and exits 0 only if it ends within 5 % of where it began.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from soak import Platform

from lichen.client.connection import connect
from lichen.core.clock import SystemClock
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.home import Home
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

MOST_GROWTH = 0.05
FLOAT_BYTES, COLUMNS = 4, 64
BODY = b'{"inputs": [{"name": "rows", "datatype": "INT64", "shape": [2], "data": [0, 7]}]}'


def table(megabytes: int) -> bytes:
    """A model that looks rows up in a table of so many megabytes: large, and cheap to ask."""
    rows = megabytes * 10**6 // (FLOAT_BYTES * COLUMNS)
    values = np.random.default_rng(1).standard_normal((rows, COLUMNS)).astype(np.float32)
    node = helper.make_node("Gather", ["table", "rows"], ["found"])
    takes = helper.make_tensor_value_info("rows", TensorProto.INT64, ["n"])
    gives = helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n", COLUMNS])
    kept = [numpy_helper.from_array(values, "table")]
    graph = helper.make_graph([node], "lookup", [takes], [gives], kept)
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def register(home: Path, model: str, megabytes: int) -> None:
    """Register a table of so many megabytes."""
    signature = Signature(
        (TensorSpec("rows", Datatype.INT64, (-1,)),),
        (TensorSpec("found", Datatype.FP32, (-1, COLUMNS)),),
    )
    documents = SqliteDocuments(Home(home).documents)
    draft = Draft(model, "regression", "lookup", signature, "benchmark")
    catalog = Catalog(documents, LocalBlobs(Home(home).blobs), SystemClock())
    catalog.register(draft, {"model.onnx": table(megabytes)})
    documents.close()


def resident_mb(pid: int) -> float:
    """What is resident of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1]) / 1024


class Caller:
    """Asks the data plane, and fails on any answer but 200."""

    def __init__(self, home: Path, address: str) -> None:
        key = Home(home).admin_key.read_text().strip()
        self._client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60.0
        )

    def post(self, path: str, body: bytes = b"") -> None:
        """Ask for something."""
        answer = self._client.post(path, content=body)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}: {answer.text}")

    def infer(self, name: str) -> None:
        """Ask for a prediction."""
        self.post(f"/v2/models/{name}/infer", BODY)

    def reload(self, name: str) -> None:
        """Load, ask, and unload."""
        self.post(f"/v2/repository/models/{name}/load")
        self.infer(name)
        self.post(f"/v2/repository/models/{name}/unload")


def watched(cycles: int, pid: int, cycle: Callable[[], None]) -> list[tuple[int, float]]:
    """Run the cycles; resident memory before the first of them and at every tenth part."""
    seen = [(0, resident_mb(pid))]
    for number in range(1, cycles + 1):
        cycle()
        if number % max(1, cycles // 10) == 0:
            seen.append((number, resident_mb(pid)))
    return seen


def told(title: str, seen: list[tuple[int, float]]) -> bool:
    """Print what was seen; is the end within the bound of the beginning?"""
    print(title)
    for number, megabytes in seen:
        print(f"  {number:5d} cycles  {megabytes:8.1f} MB")
    growth = seen[-1][1] / seen[0][1] - 1
    print(f"  grown by {growth:+.1%}")
    return abs(growth) <= MOST_GROWTH


def main() -> int:
    """Run both; 0 when the memory came back."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--cycles", type=int, default=100)
    options.add_argument("--megabytes", type=int, default=100)
    chosen = options.parse_args()
    os.environ["LICHEN_MODEL_MEMORY_MB"] = str(round(1.5 * chosen.megabytes))
    with tempfile.TemporaryDirectory(prefix="lichen-unloading-") as scratch:
        home = Path(scratch, "home")
        platform = Platform(home, Path(scratch, "runtime"))
        platform.up()
        try:
            return 0 if _all_back(platform, home, chosen.cycles, chosen.megabytes) else 1
        finally:
            platform.down()


def _all_back(platform: Platform, home: Path, cycles: int, megabytes: int) -> bool:
    pid = platform.pids()["dataplane"]
    with connect(home=home) as client:
        for name in ("one", "two"):
            register(home, name, megabytes)
        client.deployments.deploy("one@1", "one")
        caller = Caller(home, client.platform().addresses.http)
        caller.reload("one")  # whatever is made once is there from now on
        seen = watched(cycles, pid, lambda: caller.reload("one"))
        is_back = told(f"load, ask and unload a model of {megabytes} MB; seen while unloaded", seen)
        caller.post("/v2/repository/models/one/load")
        client.deployments.deploy("two@1", "two")

    def take_turns() -> None:
        caller.infer("one")
        caller.infer("two")

    take_turns()
    seen = watched(cycles // 2, pid, take_turns)
    return (
        told("two of them take turns under a limit that holds one; seen while one is loaded", seen)
        and is_back
    )


if __name__ == "__main__":
    sys.exit(main())
