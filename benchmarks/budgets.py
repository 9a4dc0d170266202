"""What a budget costs: one reservation, a lease, and a whole answer with and without budgets.

    python benchmarks/budgets.py

CPU time by the thread's own clock. Answers go through the fast lane without a socket, a batch of
one each, in turns, so that neighbours on the machine trouble all kinds alike. Exit code 1 when a
limit is missed.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import thread_time_ns

import msgspec
import uvicorn
from metering import Row, median_us, p99_us
from uvicorn.server import ServerState

from lichen.api.gate import Gate
from lichen.api.infer_lane import InferProtocol, protocol_for
from lichen.api.oip_http import Door, HttpLimits, application
from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.core.batch import Array
from lichen.core.clock import SystemClock
from lichen.core.events import NoObserver
from lichen.core.figures import Method
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.function import FunctionPredictor
from lichen.security.identity import Role
from lichen.security.tokens import KeyRing
from lichen.serving.batcher import Batcher
from lichen.serving.budgets import Budgets
from lichen.serving.charging import ProcessMetering
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served, subject_of
from lichen.store.documents import Change, MemoryDocuments

LIMIT, ESTIMATE, ACTUAL = 10**15, 2_000_000, 1_500_000
ANSWERS, TURNS = 400, 25
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)
KINDS: Mapping[str, tuple[str, ...]] = {
    "no budget at all": (),
    "a budget that does not count for it": ("tenant:other",),
    "one budget": ("tenant:default",),
    "two budgets": ("tenant:default", "deployment:d"),
}


def budget(scope: str) -> Budget:
    """A budget that is not spent while this runs."""
    name = scope.replace(":", "-")
    return Budget(name, Scope.parse(scope), Quantity.JOULES, LIMIT, Period.parse("6h"))


def reserving(folder: Path) -> list[Row]:
    """One batch's reservation and settlement, within a slice; and what a new slice takes."""
    allowance = Allowance.open(folder, budget("tenant:default"), SystemClock())
    account = BudgetAccount.open(folder, budget("tenant:default"), SystemClock())

    def one() -> None:
        allowance.reserve(ESTIMATE)
        allowance.settle(ESTIMATE, ACTUAL)

    def lease() -> None:
        account.hold(1)

    rows = [
        Row("reserve and settle, median", median_us(one), "us", 3, "B2"),
        Row("reserve and settle, p99", p99_us(one), "us", 10, "B2"),
        Row("look at the file under its lock and commit", median_us(lease), "us", None, "B2"),
        Row("standing, as the API asks it", median_us(account.standing), "us", None),
    ]
    allowance.close()
    account.close()
    return rows


class Wire(asyncio.Transport):
    """Takes what is written, which must be an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.is_written = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not bytes(data[:12]).endswith(b" 200"):
            raise SystemExit(f"no answer: {bytes(data)!r}")
        self.is_written.set()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


class Lane:
    """One data plane with its budgets, and a connection to it."""

    def __init__(self, folder: Path, scopes: tuple[str, ...]) -> None:
        clock, documents, selector = SystemClock(), MemoryDocuments(), Selector()
        documents.commit(
            [
                Change(BUDGETS, scope.replace(":", "-"), msgspec.json.encode(budget(scope)))
                for scope in scopes
            ]
        )
        self.budgets = Budgets(documents, folder / "budgets", clock)
        self.budgets.look(changed=True)
        metering = ProcessMetering(ProcessCounters.create(folder, "bench"), folder, None, clock)
        deployment = Deployment("d", "m", 1)
        replica = Replica(FunctionPredictor(SIGNATURE, echo), Stopwatch.of_thread())
        replica.warm()
        loop = asyncio.get_running_loop()
        watched = (subject_of(deployment), NoObserver())
        bill = metering.bill(deployment)
        batcher = Batcher(replica, bill, metering, loop, (64, 64), watched)
        selector.replace({"d": Served(deployment, replica, batcher)}, {})
        plane = DataPlane(selector, budgets=self.budgets)
        gate = Gate(KeyRing(documents, clock, Role.PREDICTOR))
        door = Door(plane, gate, HttpLimits(), "0", lambda: True)
        protocol: type[InferProtocol] = protocol_for(door)
        config = uvicorn.Config(application(door), http=protocol, log_config=None, ws="none")
        config.load()
        self.wire, self.lane = Wire(), protocol(config, ServerState(), {})
        self.lane.connection_made(self.wire)

    async def answer(self, request: bytes) -> float:
        """CPU microseconds of an answer, over some."""
        began = thread_time_ns()
        for _ in range(ANSWERS):
            self.lane.data_received(request)
            await self.wire.is_written.wait()
            self.wire.is_written.clear()
        return (thread_time_ns() - began) / ANSWERS / 1_000


def echo(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """The cheapest model there is."""
    return {"y": inputs["x"]}


def request() -> bytes:
    """One row."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}
    body = json.dumps({"inputs": [tensor]}).encode()
    head = f"POST /v2/models/d/infer HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answering(folder: Path) -> list[Row]:
    """All kinds in turns; each as the median over them, and its ratio to the first."""
    writer = PageWriter(folder)
    rate = Rate(3.8, 1.6, 5.2, Method.MODELLED, "a benchmark", 1)
    writer.publish(PageContent(1, 1, 2, 1, 0, 1, rate))
    lanes = {kind: Lane(folder, scopes) for kind, scopes in KINDS.items()}
    asked = request()
    spans: dict[str, list[float]] = {kind: [] for kind in lanes}
    for _ in range(TURNS):
        for kind, lane in lanes.items():
            spans[kind].append(await lane.answer(asked))
    medians = {kind: statistics.median(found) for kind, found in spans.items()}
    (first, base), *others = medians.items()
    rows = [Row(f"an answer, {first}", base, "us", None)]
    for kind, took_us in others:
        rows.append(Row(f"an answer, {kind}", took_us, "us", None))
        rows.append(Row("  beside none", took_us / base, "times", None))
    for lane in lanes.values():
        lane.budgets.close()
    writer.close()
    return rows


def main() -> int:
    """Print the table; 1 when a limit is missed."""
    with tempfile.TemporaryDirectory() as name:
        rows = reserving(Path(name) / "budgets") + asyncio.run(answering(Path(name)))
    print(f"{'what':<52}{'measured':>10} {'unit':<11}{'limit':>7}  {'':<7}rule")
    for row in rows:
        print(row.line())
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
