"""A hundred callers spend one budget on four processes while these are killed: is it kept (B2)?

    python benchmarks/soak_budgets.py --kills 40 --answers 60000 --seed 1

The callers ask as fast as they are answered; a data plane process is killed with SIGKILL every half
second or so. The budget holds so many answers of one row. It goes on until all have been refused
for a while after the last kill. What was spent is what the ledger says: it counts also what was
computed and never answered, since the processes died. At the end:

- what was spent is within the limit and the dearest batch of each process (their estimates' error);
- what is committed is no less than what was spent, and no more than the limit and that error;
- every receipt that was seen is in the ledger, which sums to 0 nJ and is sound.

It prints a table and exits 0 only if all holds.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Period, Quantity, Scope
from lichen.client.connection import Lichen, connect
from lichen.core.clock import SystemClock
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.budgets import BudgetRequest
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.home import Home
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

PROCESSES, CALLERS = 4, 100
ACCOUNT = "work/default/d/m@1/fp32"
QUIET_SECONDS, LONGEST_SECONDS, MEASURE_SECONDS = 3.0, 900.0, 2.0
SIGNATURE = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 2)),), (TensorSpec("raw", Datatype.FP32, (-1, 1)),)
)
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]}
).encode()


@dataclass
class Seen:
    """What the callers met, and what their receipts add up to."""

    answers: int = 0
    refusals: int = 0
    broken: int = 0
    others: int = 0
    nj: int = 0
    dearest_nj: int = 0
    last_answer: float = 0.0


def deploy(home: Home, lichen: Lichen) -> None:
    """Serve a model of two weights."""
    documents = SqliteDocuments(home.documents)
    catalog = Catalog(documents, LocalBlobs(home.blobs), SystemClock())
    files = {"model.onnx": linear_core(np.full((2, 1), 1.0, dtype=np.float32))}
    catalog.register(Draft("m", "regression", "linear", SIGNATURE, "soak"), files)
    documents.close()
    lichen.deployments.deploy("m@1", "d")


async def call(address: tuple[str, int], key: str, seen: Seen, done: asyncio.Event) -> None:
    """One caller: a connection is made anew when it breaks."""
    head = f"POST /v2/models/d/infer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    while not done.is_set():
        try:
            reader, writer = await asyncio.open_connection(*address)
            while not done.is_set():
                writer.write(request)
                answered = await reader.readuntil(b"\r\n\r\n")
                length = int(answered.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                note(answered, seen)
                if b" 200 " not in answered[:16]:
                    await asyncio.sleep(0.05)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            seen.broken += 1
            await asyncio.sleep(0.05)


def note(answered: bytes, seen: Seen) -> None:
    """Count one answer."""
    status = int(answered[9:12])
    if status == 200:
        nj = int(answered.lower().partition(b"lichen-receipt: nj=")[2].split(b",")[0])
        seen.answers += 1
        seen.nj += nj
        seen.dearest_nj = max(seen.dearest_nj, nj)
        seen.last_answer = time.monotonic()
    elif status == 429:
        seen.refusals += 1
    else:
        seen.others += 1


async def kill(home: Home, kills: int, seed: int) -> None:
    """Kill a process of the data plane every now and then."""
    draw = random.Random(seed)  # noqa: S311 - a fixed seed is the point
    for _ in range(kills):
        await asyncio.sleep(draw.uniform(0.2, 0.8))
        pids = json.loads(home.addresses.read_text())["pids"]
        names = [name for name, pid in pids.items() if name.startswith("dataplane") and pid]
        with suppress(ProcessLookupError):
            os.kill(pids[draw.choice(names)], signal.SIGKILL)


def callers_of(
    home: Home, lichen: Lichen, seen: Seen, done: asyncio.Event
) -> list[asyncio.Task[None]]:
    """All of them, asking."""
    host, _, port = lichen.platform().addresses.http.removeprefix("http://").partition(":")
    key = home.admin_key.read_text().strip()
    address = (host, int(port))
    return [asyncio.create_task(call(address, key, seen, done)) for _ in range(CALLERS)]


async def spend(home: Home, lichen: Lichen, kills: int, seed: int) -> Seen:
    """Until everybody has been refused for a while after the last kill."""
    seen, done = Seen(last_answer=time.monotonic()), asyncio.Event()
    callers = callers_of(home, lichen, seen, done)
    began = time.monotonic()
    await kill(home, kills, seed)
    while time.monotonic() - began < LONGEST_SECONDS:
        refused = seen.refusals
        await asyncio.sleep(QUIET_SECONDS)
        is_quiet = time.monotonic() - seen.last_answer > QUIET_SECONDS
        if is_quiet and seen.refusals > refused + CALLERS:
            break
    done.set()
    await asyncio.gather(*callers)
    return seen


async def measured(home: Home, lichen: Lichen) -> int:
    """What an answer costs under load, in nanojoules."""
    seen, done = Seen(), asyncio.Event()
    callers = callers_of(home, lichen, seen, done)
    await asyncio.sleep(MEASURE_SECONDS)
    done.set()
    await asyncio.gather(*callers)
    return seen.nj // max(1, seen.answers)


def booked(lichen: Lichen) -> int:
    """What the ledger says of the account, once nothing is added to it any more."""
    before = -1
    while True:
        now = {one.account: one.nj for one in lichen.ledger().accounts}.get(ACCOUNT, 0)
        if now == before:
            return now
        before = now
        time.sleep(2.5)


def check(home: Home, budget: Budget, lichen: Lichen, seen: Seen, before_nj: int) -> list[str]:
    """Print the figures; what does not hold."""
    spent = booked(lichen) - before_nj
    allowance = Allowance.open(home.budgets, budget, SystemClock())
    committed = allowance.standing().committed
    allowance.close()
    error = PROCESSES * CALLERS * seen.dearest_nj
    rows = {
        "answers, refusals": f"{seen.answers}, {seen.refusals}",
        "connections broken, other statuses": f"{seen.broken}, {seen.others}",
        "limit": f"{budget.limit} nJ",
        "spent by the ledger": f"{spent} nJ, {spent / budget.limit:.4f} of the limit",
        "of it seen in receipts": f"{seen.nj} nJ",
        "committed": f"{committed} nJ, {committed / budget.limit:.4f} of the limit",
    }
    for what, said in rows.items():
        print(f"{what:<36}{said}")
    sound = lichen.verify_ledger().sound and sum(x.nj for x in lichen.ledger().accounts) == 0
    laws = {
        "spent beyond the limit": spent <= budget.limit + error,
        "spent more than was committed": spent <= committed,
        "committed beyond the limit": committed <= budget.limit + error,
        "receipts that the ledger does not know": seen.nj <= spent,
        "the budget was not spent": committed > budget.limit - 2 * error,
        "the ledger is not sound": sound,
    }
    return [said for said, holds in laws.items() if not holds]


def main() -> int:
    """Run it; 1 when a law does not hold."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=40)
    options.add_argument("--answers", type=int, default=60_000)
    options.add_argument("--seed", type=int, default=1)
    said = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home")
        environment = {
            **os.environ,
            "LICHEN_RUNTIME": f"{name}/runtime",
            "LICHEN_ZONE": "DE",
            "LICHEN_DATAPLANE_PROCESSES": str(PROCESSES),
        }
        command = [sys.executable, "-m", "lichen.cli.main", "up", "--home", str(home.folder)]
        command += ["--http", "0", "--grpc", "0", "--control", "0"]
        up = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        if up.stdout is None or not up.stdout.readline():
            raise SystemExit("the platform did not start")
        try:
            with connect(home=home.folder) as lichen:
                wrong = run(home, lichen, said)
        finally:
            up.terminate()
            up.wait(60)
    print("\n".join(wrong) or "all holds")
    return 1 if wrong else 0


def run(home: Home, lichen: Lichen, said: argparse.Namespace) -> list[str]:
    """Spend it all, and look."""
    deploy(home, lichen)
    limit = said.answers * asyncio.run(measured(home, lichen))
    asked = BudgetRequest(scope="tenant:default", unit="nj", limit=limit, per="6h")
    lichen.budgets.set("soak", asked)
    time.sleep(2.0)  # each process has seen it by then
    before_nj = booked(lichen)
    seen = asyncio.run(spend(home, lichen, said.kills, said.seed))
    scope, period = Scope.parse("tenant:default"), Period.parse("6h")
    budget = Budget("soak", scope, Quantity.JOULES, limit, period)
    return check(home, budget, lichen, seen, before_nj)


if __name__ == "__main__":
    sys.exit(main())
