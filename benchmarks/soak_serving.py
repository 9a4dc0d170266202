"""Load the data plane of a whole platform for long while its models are swapped and unloaded.

    python benchmarks/soak_serving.py --seconds 1800

`lichen up` serves trees, an MLP and a transformer, asked in one mix, JSON and binary, 1 and 32
rows, by an open loop at 70 % of what it was first seen to answer. Every ten seconds the MLP is
swapped for another version under load, and a fourth deployment is unloaded, loaded and asked. At
the end:

- every request was answered with 200, a sample of them with the numbers of the version it names;
- the data plane's memory is within 5 % of what it was after the first minute;
- the ledger sums to 0 nJ, its chain is sound, no overhead was negative;
- what the receipts of a deployment's version add up to is, to the nanojoule, what it was charged.

It prints a table and exits 0 only if all holds.
"""

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
from contest.apps.session import open_session
from contest.asking import parsed
from contest.bodies import Form, bodies, drawn, request
from contest.memory import resident_mb
from contest.models import INPUT, MODELS, OUTPUT, Floats, mlp
from contest.pace import Pacer, arrivals
from soak import Platform

from lichen.client.connection import Lichen, connect
from lichen.core.errors import LichenError

MODEL = {model.name: model for model in MODELS}
SWAPPED, SPARE = "mlp", "spare"
MIX = (
    ("gbdt", 1, Form.JSON, 120),
    ("gbdt", 32, Form.BINARY, 10),
    ("mlp", 1, Form.JSON, 60),
    ("mlp", 1, Form.BINARY, 40),
    ("mlp", 32, Form.JSON, 10),
    ("transformer", 1, Form.JSON, 4),
)
"""Deployment, rows, form, and how many of them stand in one turn of the mix."""
CONNECTIONS = 32
WARMING = 4000
TRIED, LOOKS = 1000, 3
"""Requests that are asked at once to see how many a second are answered; the looks that count."""
DRAIN_SECONDS = 120.0
ONE_IN = 50
"""Of so many answers the numbers of one are compared."""
MOST_GROWTH, MOST_GROWTH_OF_SHORT = 0.05, 0.15
"""Of memory; a run of under three minutes touches pages of libraries for the first time."""
SHORT_SECONDS = 180.0
BOOKED_SECONDS = 120.0
_RECEIPT = re.compile(rb"lichen-receipt: nj=(\d+)", re.IGNORECASE)
_VERSION = re.compile(rb'"model_version":\s*"(\d+)"')


class Asked(NamedTuple):
    """One request of the mix, and what it must be answered with, by version."""

    deployment: str
    content: bytes
    expected: dict[int, Floats]


@dataclass
class Tally:
    """What was seen."""

    answers: int = 0
    compared: int = 0
    swaps: int = 0
    reloads: int = 0
    nj: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Nanojoules on receipts, by deployment and version."""
    p99_ms: list[float] = field(default_factory=list)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the start, and the data plane's memory."""
    wrong: list[str] = field(default_factory=list)


class Judge:
    """Reads every answer: its receipt always, its numbers now and then."""

    def __init__(self, asked: list[Asked], tally: Tally) -> None:
        self._asked = asked
        self._tally = tally

    def __call__(self, number: int, answer: bytes) -> None:
        """One answer to the request of this number."""
        asked, tally = self._asked[number % len(self._asked)], self._tally
        tally.answers += 1
        receipt, version = _RECEIPT.search(answer), _VERSION.search(answer)
        if receipt is None or version is None:
            tally.wrong.append(f"{asked.deployment} answered {answer[:300]!r}")
            return
        tally.nj[asked.deployment, int(version[1])] += int(receipt[1])
        if number % ONE_IN == 0:
            tally.compared += 1
            values, expected = parsed(answer).values(), asked.expected[int(version[1])]
            if not np.allclose(values, expected.ravel(), rtol=1e-3, atol=1e-4):
                tally.wrong.append(f"{asked.deployment}@{int(version[1])} answered other numbers")


class Swapper(threading.Thread):
    """Swaps the version of one deployment, and unloads and loads another, until told to stop."""

    def __init__(self, client: Lichen, address: str, key: str, pause: float, tally: Tally) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._repository = f"{address}/v2/repository/models/{SPARE}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._pause = pause
        self._tally = tally
        self._is_over = threading.Event()

    def run(self) -> None:
        """Until told to stop; an error ends it, and is a finding."""
        version = 1
        try:
            while not self._is_over.wait(self._pause):
                version = 3 - version
                self._client.deployments.deploy(f"{SWAPPED}@{version}", SWAPPED)
                self._tally.swaps += 1
                self._reload()
        except (LichenError, httpx.HTTPError) as error:
            self._tally.wrong.append(f"swapping: {type(error).__name__}: {error}")

    def stop(self) -> None:
        """Let the swap that runs end."""
        self._is_over.set()
        self.join()

    def _reload(self) -> None:
        for step in ("unload", "load"):
            said = httpx.post(f"{self._repository}/{step}", headers=self._headers, timeout=60)
            said.raise_for_status()
        answer = self._client.predict(SPARE, {INPUT: drawn(MODEL["gbdt"], 1)[0]})
        if answer.receipt is None:
            self._tally.wrong.append(f"{SPARE} answered without a receipt")
        else:
            self._tally.nj[SPARE, 1] += answer.receipt.energy.nj
        self._tally.reloads += 1


def served(client: Lichen, folder: Path) -> dict[str, dict[int, bytes]]:
    """Import and deploy the models; their contents by deployment and version."""
    contents = {name: {1: model.build()} for name, model in MODEL.items()}
    contents[SWAPPED][2] = mlp(seed=2)
    for name, versions in contents.items():
        for version, content in versions.items():
            path = folder / f"{name}-{version}.onnx"
            path.write_bytes(content)
            client.models.import_file(path, name)
        client.deployments.deploy(f"{name}@1", name)
    client.deployments.deploy("gbdt@1", SPARE)
    return contents


def mixed(folder: Path, key: str, contents: dict[str, dict[int, bytes]]) -> list[Asked]:
    """One turn of the mix, shuffled, with what each version must answer."""
    sessions = {
        (name, version): open_session(str(folder / f"{name}-{version}.onnx"))
        for name, versions in contents.items()
        for version in versions
    }
    asked = []
    for name, rows, form, count in MIX:
        inputs = drawn(MODEL[name], rows)[:count]
        for values, body in zip(inputs, bodies(inputs, form), strict=True):
            expected = {
                version: np.asarray(sessions[name, version].run([OUTPUT], {INPUT: values})[0])
                for version in contents[name]
            }
            path = f"/v2/models/{name}/infer"
            content = request(path, f"Authorization: Bearer {key}\r\n", body)
            asked.append(Asked(name, content, expected))
    random.Random(1).shuffle(asked)  # noqa: S311 - a fixed seed is the point
    return asked


def memory_mb(platform: Platform) -> float:
    """Memory of the data plane's processes."""
    pids = platform.pids()
    return resident_mb([pid for name, pid in pids.items() if name.startswith("dataplane")])


def load(pacer: Pacer, platform: Platform, options: argparse.Namespace, tally: Tally) -> float:
    """Ask in an open loop, by spells of some seconds; the requests a second that were offered.

    Each spell begins with a look at what is answered now: other work on the machine comes and goes.
    """
    offered: list[float] = []
    pacer.flood(WARMING, DRAIN_SECONDS)
    began = time.monotonic()
    while (left := options.seconds - (time.monotonic() - began)) > 0.5:
        offered.append(float(options.share) * TRIED / pacer.flood(TRIED, DRAIN_SECONDS))
        pacer.took_ns.clear()
        pacer.late_ns.clear()
        rate = statistics.median(offered[-LOOKS:])
        pacer.run(arrivals(rate, min(left, options.pause)), DRAIN_SECONDS)
        tally.p99_ms.append(sorted(pacer.took_ns)[len(pacer.took_ns) * 99 // 100] / 1e6)
        tally.memory_mb.append((time.monotonic() - began, memory_mb(platform)))
    return statistics.median(offered)


def findings(client: Lichen, pacer: Pacer, tally: Tally, seconds: float) -> list[str]:
    """Everything that does not hold; empty when all does."""
    found = [*tally.wrong[:20], *_ledger(client, tally)]
    if pacer.failed:
        found.append(f"{pacer.failed} requests were not answered with 200")
    before, after = grown(tally, seconds)
    if after > before * (1 + (MOST_GROWTH_OF_SHORT if seconds < SHORT_SECONDS else MOST_GROWTH)):
        found.append(f"the data plane's memory grew from {before:.1f} to {after:.1f} MB")
    if not tally.swaps:
        found.append("no deployment was swapped")
    return found


def grown(tally: Tally, seconds: float) -> tuple[float, float]:
    """Memory after the first minute, or the first third of a short run, and at the end, in MB."""
    first_seconds = min(60.0, seconds / 3)
    settled = [mb for at, mb in tally.memory_mb if at >= first_seconds] or [tally.memory_mb[-1][1]]
    return settled[0], statistics.median(settled[-3:])


def _ledger(client: Lichen, tally: Tally) -> list[str]:
    give_up = time.monotonic() + BOOKED_SECONDS
    while (charged := _charged(client)) != tally.nj and time.monotonic() < give_up:
        time.sleep(0.5)
    found = [
        f"receipts of {name}@{version} add up to {nj} nJ, charged were {charged[name, version]}"
        for (name, version), nj in tally.nj.items()
        if charged[name, version] != nj
    ]
    found += [f"ledger: {one}" for one in client.verify_ledger().findings]
    accounts = client.ledger().accounts
    if total := sum(one.nj for one in accounts):
        found.append(f"the ledger sums to {total} nJ")
    return found + [
        f"{one.account} holds {one.nj} nJ"
        for one in accounts
        if one.account.startswith("overhead/") and one.nj < 0
    ]


def _charged(client: Lichen) -> Counter[tuple[str, int]]:
    """Nanojoules in the ledger, by deployment and version."""
    charged: Counter[tuple[str, int]] = Counter()
    for one in client.ledger().accounts:
        kind, _, rest = one.account.partition("/")
        if kind == "work" and rest.count("/") == 3:
            _, name, reference, _ = rest.split("/")
            if name in {SPARE, *MODEL}:
                charged[name, int(reference.rpartition("@")[2])] += one.nj
    return charged


def soak(folder: Path, options: argparse.Namespace, tally: Tally) -> tuple[list[str], float]:
    """Run it; the findings, and the requests a second that were offered."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the platform inherits it
    platform = Platform(folder / "home", folder / "runtime")
    platform.up()
    os.sched_setaffinity(0, cores[1:] or cores)
    with connect(home=folder / "home") as client:
        key = (folder / "home" / "admin.key").read_text().strip()
        address = client.platform().addresses.http
        asked = mixed(folder, key, served(client, folder))
        port = httpx.URL(address).port or 80
        pacer = Pacer(port, [one.content for one in asked], CONNECTIONS, Judge(asked, tally))
        swapper = Swapper(client, address, key, options.pause, tally)
        swapper.start()
        rate = load(pacer, platform, options, tally)
        swapper.stop()
        found = findings(client, pacer, tally, options.seconds)
        pacer.close()
    code = platform.down()
    return [*found, *([f"`lichen up` ended with {code}"] if code else [])], rate


def main() -> int:
    """Run the soak; 0 when all holds."""
    told = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    told.add_argument("--seconds", type=float, default=1800.0, help="how long it is loaded")
    told.add_argument("--share", type=float, default=0.7, help="of what it was seen to answer")
    told.add_argument("--pause", type=float, default=10.0, help="seconds between two swaps")
    options = told.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="lichen-soak-") as scratch:
        found, rate = soak(Path(scratch), options, tally)
    before, after = grown(tally, options.seconds)
    print(f"loaded       {options.seconds:g} s at {rate:.0f} requests a second")
    print(f"answers      {tally.answers}, the numbers of {tally.compared} compared")
    print(f"swapped      {tally.swaps} times under load; unloaded and loaded {tally.reloads} times")
    p99_ms, worst_ms = statistics.median(tally.p99_ms), max(tally.p99_ms)
    print(f"p99          {p99_ms:.1f} ms, in the worst spell {worst_ms:.1f} ms")
    print(f"memory       {before:.1f} MB, at the end {after:.1f} MB")
    print(f"receipts     {sum(tally.nj.values()) / 1e9:.3f} J")
    for one in found:
        print(f"WRONG        {one}")
    print("all holds" if not found else f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
