"""What a prediction costs the data plane, beside a bare echo on the same HTTP stack.

    python benchmarks/serving.py

An MLP of 100-128-64-1 in ONNX, 256 distinct bodies in JSON, key, receipts and ledger counters on.
Server CPU-microseconds a request by the server process's own clock, medians of 3 interleaved
passes, so that other work on the machine slows both alike. Exit code 1 when a limit is missed.
"""

import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.counters import process_clock_ns
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.onnx import check_model
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.server.inheritance import as_arguments
from lichen.server.settings import as_environment, load
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

LAYERS = (100, 128, 64, 1)
BODIES, PASSES = 256, 3
POINTS = ((1, 1, 2000), (1, 16, 8000), (1, 64, 8000), (32, 16, 600))
"""Rows a request, connections, requests a pass."""
MOST_TIMES_ECHO = 6.0
MOST_OF_JSON = 0.5
_HEADER_END = b'"binary_data_output": true}}'
MOST_RESIDENT_MB, MOST_START_CPU_S, MOST_IDLE_PERCENT = 150.0, 1.0, 1.0
IDLE_SECONDS = 5.0
PATH = "/v2/models/mlp/infer"
ECHO = """
import asyncio, socket, sys, uvicorn, uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n%b"

class Echo(HttpToolsProtocol):
    def on_message_begin(self):
        self.url, self.headers, self.parts = b"", [], []

    def on_headers_complete(self):
        pass

    def on_body(self, body):
        self.parts.append(body)

    def on_message_complete(self):
        body = b"".join(self.parts)
        self.transport.write(HEAD % (len(body), body))
        self.on_response_complete()

async def nothing(scope, receive, send):
    pass

config = uvicorn.Config(nothing, http=Echo, ws="none", lifespan="off", interface="asgi3",
                        log_config=None, access_log=False, proxy_headers=False)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(uvicorn.Server(config).serve([socket.socket(fileno=int(sys.argv[1]))]))
"""


@dataclass(frozen=True)
class Running:
    """A server under load, and what to send it."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    head: str

    def cpu_ns(self) -> int:
        return process_clock_ns(self.process.pid)


@dataclass(frozen=True)
class Load:
    """One pass of requests: what the server spent on each, and how long callers waited."""

    cpu_us: float
    a_second: float
    p50_ms: float
    p99_ms: float


def mlp() -> bytes:
    random = np.random.default_rng(0)
    nodes, kept, name = [], [], "x"
    for number, (wide, narrow) in enumerate(pairwise(LAYERS)):
        weights = (random.normal(size=(wide, narrow)) / np.sqrt(wide)).astype(np.float32)
        bias = np.zeros(narrow, dtype=np.float32)
        kept += [numpy_helper.from_array(weights, f"w{number}")]
        kept += [numpy_helper.from_array(bias, f"b{number}")]
        last = number == len(LAYERS) - 2
        out = "y" if last else f"h{number}"
        nodes.append(helper.make_node("Gemm", [name, f"w{number}", f"b{number}"], [out]))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"{out}r"]))
        name = f"{out}r"
    forms = (("x", LAYERS[0]), ("y", LAYERS[-1]))
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in forms
    )
    graph = helper.make_graph(nodes, "mlp", [given], [made], kept)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


def bodies(rows: int) -> list[bytes]:
    random = np.random.default_rng(rows)
    tensor = {"name": "x", "datatype": "FP32", "shape": [rows, LAYERS[0]]}
    drawn = random.normal(size=(BODIES if rows == 1 else 32, rows * LAYERS[0])).astype(np.float32)
    return [
        json.dumps({"inputs": [{**tensor, "data": [float(str(v)) for v in one]}]}).encode()
        for one in drawn
    ]


def binary_bodies(rows: int) -> list[bytes]:
    """The same values as `bodies`, in the binary form."""
    told = {"name": "x", "datatype": "FP32", "shape": [rows, LAYERS[0]]}
    size = {"binary_data_size": rows * LAYERS[0] * 4}
    header = {"inputs": [{**told, "parameters": size}], "parameters": {"binary_data_output": True}}
    written = json.dumps(header).encode()
    values = [json.loads(body)["inputs"][0]["data"] for body in bodies(rows)]
    return [written + np.array(one, dtype="<f4").tobytes() for one in values]


def start_echo() -> Running:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    number = listening.fileno()
    process = subprocess.Popen([sys.executable, "-c", ECHO, str(number)], pass_fds=[number])
    host, port = listening.getsockname()
    return Running(process, (host, port), "")


def start_ours(folder: Path) -> Running:
    settings = load({"home": folder / "home", "runtime": folder / "run", "zone": "DE"}, {})
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    settings.runtime.mkdir()
    writer = PageWriter(settings.runtime)
    rate = Rate(3.8, 1.61, 5.18, Method.MODELLED, "benchmark", 1)
    writer.publish(PageContent(1, 1, 2, 1, 0, 1, rate))
    documents = SqliteDocuments(home.documents)
    content = mlp()
    draft = Draft("mlp", "regression", "mlp", check_model(content), "benchmark")
    Catalog(documents, LocalBlobs(home.blobs), clock).register(draft, {"model.onnx": content})
    deployed = msgspec.json.encode(Deployment("mlp", "mlp", 1))
    documents.commit([Change(DEPLOYMENTS, "mlp", deployed)])
    caller = Principal("benchmark", DEFAULT_TENANT, Role.PREDICTOR)
    key = Keys(documents, clock).create(caller).token
    documents.close()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    read_end, write_end = os.pipe()
    arguments = as_arguments({"http": listening.fileno()}, write_end)
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.dataplane", *arguments],
        env={**kept, **as_environment(settings), **threads},
        pass_fds=[listening.fileno(), write_end],
    )
    os.close(write_end)
    if os.read(read_end, 1) != b"1":
        sys.exit("the data plane did not start")
    host, port = listening.getsockname()
    return Running(process, (host, port), f"Authorization: Bearer {key}\r\n")


def drive(server: Running, asked: Sequence[bytes], connections: int, count: int) -> Load:
    requests = [
        f"POST {PATH} HTTP/1.1\r\nHost: here\r\n{server.head}"
        f"{form(body)}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for body in asked
    ]
    selector = selectors.DefaultSelector()
    opened = [socket.create_connection(server.address) for _ in range(connections)]
    sent_at: dict[socket.socket, int] = {}
    by_number: dict[int, socket.socket] = {}
    for number, one in enumerate(opened):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(one, selectors.EVENT_READ)
        by_number[one.fileno()] = one
        sent_at[one] = time.perf_counter_ns()
        one.sendall(requests[number % len(requests)])
    waited, cpu, started = [], server.cpu_ns(), time.perf_counter_ns()
    while len(waited) < count:
        for ready, _ in selector.select():
            one = by_number[ready.fd]
            receive(one)
            now = time.perf_counter_ns()
            waited.append(now - sent_at[one])
            sent_at[one] = now
            one.sendall(requests[len(waited) % len(requests)])
    took, spent = time.perf_counter_ns() - started, server.cpu_ns() - cpu
    for one in opened:
        one.close()
    waited.sort()
    return Load(
        spent / len(waited) / 1e3,
        len(waited) / took * 1e9,
        waited[len(waited) // 2] / 1e6,
        waited[len(waited) * 99 // 100] / 1e6,
    )


def form(body: bytes) -> str:
    """Type, and where the JSON ends when raw values follow it."""
    end = body.find(_HEADER_END) + len(_HEADER_END)
    if end < len(_HEADER_END):
        return "Content-Type: application/json\r\n"
    return f"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {end}\r\n"


def receive(one: socket.socket) -> None:
    received = one.recv(2**20)
    while True:
        end = received.find(b"\r\n\r\n")
        if end >= 0:
            head = received[:end].lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r")[0])
            if len(received) >= end + 4 + length:
                break
        received += one.recv(2**20)
    if not received.startswith(b"HTTP/1.1 200"):
        sys.exit(received.decode())


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def beside_json(ours: Running) -> float:
    """The CPU of binary bodies over that of our own JSON, at 32 rows; printed as well."""
    rows, connections, count = POINTS[-1]
    asked = {"json": bodies(rows), "binary": binary_bodies(rows)}
    loads: dict[str, list[Load]] = {name: [] for name in asked}
    for one in asked.values():
        drive(ours, one, connections, count // 10)
    for _ in range(PASSES):
        for name, one in asked.items():
            loads[name].append(drive(ours, one, connections, count))
    costs = {name: median(of, "cpu_us") for name, of in loads.items()}
    print()
    for name, of in loads.items():
        print(
            f"{rows} rows in {name:6} {costs[name]:9.1f} us {median(of, 'a_second'):8.0f} a second"
        )
    return costs["binary"] / costs["json"]


def median(loads: Sequence[Load], name: str) -> float:
    return statistics.median(getattr(load, name) for load in loads)


def compare(echo: Running, ours: Running) -> float:
    """Print the table; the ratio at one row and 16 connections."""
    told = 0.0
    print("rows conns   echo us   ours us  ratio   ours/s   p50 ms   p99 ms")
    for rows, connections, count in POINTS:
        asked = bodies(rows)
        loads: dict[str, list[Load]] = {"echo": [], "ours": []}
        drive(echo, asked, connections, count // 10)
        drive(ours, asked, connections, count // 10)
        for _ in range(PASSES):
            loads["echo"].append(drive(echo, asked, connections, count))
            loads["ours"].append(drive(ours, asked, connections, count))
        bare, cost = median(loads["echo"], "cpu_us"), median(loads["ours"], "cpu_us")
        waits = [median(loads["ours"], name) for name in ("a_second", "p50_ms", "p99_ms")]
        print(f"{rows:4} {connections:5} {bare:9.1f} {cost:9.1f} {cost / bare:6.2f}", end=" ")
        print("{:8.0f} {:8.2f} {:8.2f}".format(*waits), flush=True)
        if (rows, connections) == (1, 16):
            told = cost / bare
    return told


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        ours = start_ours(Path(folder))
        start_s = ours.cpu_ns() / 1e9
        echo = start_echo()
        try:
            ratio = compare(echo, ours)
            binary = beside_json(ours)
            resident = resident_mb(ours.process.pid)
            before = ours.cpu_ns()
            time.sleep(IDLE_SECONDS)
            idle = (ours.cpu_ns() - before) / 1e9 / IDLE_SECONDS * 100
        finally:
            echo.process.kill()
            ours.process.terminate()
            ours.process.wait()
            echo.process.wait()
    limits = (
        ("CPU at 1 row, 16 connections, over the echo's", ratio, MOST_TIMES_ECHO, "times"),
        ("CPU of binary at 32 rows, over our JSON's", binary, MOST_OF_JSON, "times"),
        ("start to ready", start_s, MOST_START_CPU_S, "CPU-s"),
        ("resident memory after load", resident, MOST_RESIDENT_MB, "MB"),
        ("idle", idle, MOST_IDLE_PERCENT, "% of a core"),
    )
    print()
    for what, value, limit, unit in limits:
        print(f"{what}: {value:.2f} {unit} (limit {limit:g})", "" if value <= limit else "MISSED")
    return int(any(value > limit for _, value, limit, _ in limits))


if __name__ == "__main__":
    sys.exit(main())
