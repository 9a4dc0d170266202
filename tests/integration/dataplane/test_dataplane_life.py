"""The process over time: deployments come, change and go; it starts lean, drains and is metered."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

from lichen.core.clock import SystemClock
from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.processes import read_counters
from lichen.protocol.footprint import parse_receipt
from lichen.security.tokens import Keys
from lichen.server.sections import Settings
from lichen.serving.deployment import OBSERVED, Deployment, Observed, State
from lichen.store.documents import DocumentStore

ROW = [[1.0, 2.0, 3.0, 4.0]]
MEGABYTES = 1024.0


class Platform(Protocol):
    settings: Settings
    documents: DocumentStore
    process: subprocess.Popen[bytes]
    url: str
    address: tuple[str, int]
    authorization: dict[str, str]

    def start(self) -> None: ...
    def let_anonymous_in(self) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...
    def undeploy(self, name: str) -> None: ...
    def infer(self, name: str, rows: object) -> httpx.Response: ...
    def until(self, look: Callable[[], bool]) -> None: ...


def answered(platform: Platform, name: str = "d") -> float:
    answer = platform.infer(name, ROW)
    assert answer.status_code == 200, answer.text
    return float(answer.json()["outputs"][0]["data"][0])


def test_deployments_come_change_and_go(fresh: Platform) -> None:
    fresh.register("m", 1.0)
    fresh.register("m", 2.0)
    fresh.start()
    assert fresh.infer("d", ROW).status_code == 404

    assert fresh.deploy(Deployment("d", "m", 1)).state is State.READY
    assert answered(fresh) == 10.0
    assert fresh.deploy(Deployment("d", "m", 2, generation=2)).state is State.READY
    assert answered(fresh) == 20.0

    failed = fresh.deploy(Deployment("d", "m", 9, generation=3))
    assert failed.state is State.FAILED
    assert "no version 9" in failed.message
    assert "version 2 still answers" in failed.message
    assert answered(fresh) == 20.0

    assert fresh.deploy(Deployment("broken", "absent", 1)).state is State.FAILED
    refused = fresh.infer("broken", ROW)
    assert refused.status_code == 503
    assert "absent" in refused.json()["error"]
    assert refused.headers["retry-after"]

    fresh.undeploy("d")
    fresh.until(lambda: fresh.infer("d", ROW).status_code == 404)
    fresh.until(lambda: fresh.documents.get(OBSERVED, "d") is None)


def test_what_receipts_say_is_what_the_counters_hold(fresh: Platform) -> None:
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    receipts = []
    with httpx.Client(headers=fresh.authorization, timeout=60) as client:
        for rows in (1, 3, 200):
            tensor = {"name": "features", "datatype": "FP32", "shape": [rows, 4]}
            body = {"inputs": [{**tensor, "data": [0.5] * 4 * rows}]}
            answer = client.post(f"{fresh.url}/v2/models/d/infer", json=body)
            receipts.append(parse_receipt(answer.headers["lichen-receipt"]))
    (process,) = read_counters(fresh.settings.runtime)
    charged = {charge.account: charge for charge in process.charges}
    account = charged[f"work/{DEFAULT_TENANT}/d/m@1/fp32"]
    assert account.nj == sum(receipt.energy.nj for receipt in receipts)
    assert account.ng == sum(receipt.carbon.ng for receipt in receipts if receipt.carbon)
    assert account.count == len(receipts)
    assert 0 < account.cpu_ns < process.cpu_ns


def test_a_revoked_key_opens_nothing_soon_after(fresh: Platform) -> None:
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    assert answered(fresh) == 10.0
    keys = Keys(fresh.documents, SystemClock())
    keys.revoke(keys.records()[0].id)
    fresh.until(lambda: fresh.infer("d", ROW).status_code == 401)


def test_it_drains_on_sigterm_and_comes_back_after_a_kill(fresh: Platform) -> None:
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    fresh.process.kill()
    fresh.process.wait()
    fresh.start()  # on the same socket, with what was deployed
    assert answered(fresh) == 10.0

    body = json.dumps(
        {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW}]}
    ).encode()
    with socket.create_connection(fresh.address) as half_sent:
        head = (
            f"POST /v2/models/d/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: {fresh.authorization['Authorization']}\r\n\r\n"
        )
        half_sent.sendall(head.encode() + body[:10])
        fresh.until(lambda: answered(fresh) == 10.0)
        fresh.process.terminate()
        half_sent.sendall(body[10:])
        assert half_sent.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert fresh.process.wait(60) == 0


def test_it_is_lean(fresh: Platform) -> None:
    fresh.register("m")
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    answered(fresh)
    status = Path(f"/proc/{fresh.process.pid}/status").read_text()
    resident = int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])
    assert resident / MEGABYTES < 150


def test_it_imports_only_what_it_runs() -> None:
    look = "import sys, lichen.server.dataplane; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True)
    unwanted = {"sklearn", "pandas", "duckdb", "lightgbm", "onnx", "httpx"}
    unwanted |= {f"lichen.{room}" for room in ("training", "control", "data", "client", "cli")}
    assert not unwanted & set(loaded.stdout.decode().split())


def test_anonymous_callers_may_be_let_in(fresh: Platform) -> None:
    fresh.register("m")
    fresh.let_anonymous_in()
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    assert httpx.get(f"{fresh.url}/v2/models/d", timeout=60).status_code == 200
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": ROW}
    answer = httpx.post(f"{fresh.url}/v2/models/d/infer", json={"inputs": [tensor]}, timeout=60)
    assert answer.status_code == 200
