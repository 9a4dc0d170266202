"""Kill processes of a working platform at random and show that nothing is lost.

    python benchmarks/soak.py --kills 50 --seed 1

A workload trains, deploys and predicts, again and again, through the public client. Meanwhile a
process is killed with SIGKILL at random moments: data plane, control plane, worker, the job, or
the supervisor itself, which is then started anew as an operator would. At the end everything must
stand:

- every accepted job has succeeded, and each made exactly one version;
- every version has its files, and they verify; each version answers as it always answered;
- the ledger sums to 0 nJ, overhead was never negative, its chain is sound;
- no half-written blob is left.

It prints a table and exits 0 only if all holds.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from lichen.cli.demo_platform import free_port
from lichen.client.connection import Lichen, connect
from lichen.core.errors import LichenError, Unavailable
from lichen.data.samples import VICTORIA_2014
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.training import ForecastTraining

T = TypeVar("T")

VICTIMS = ("dataplane", "controlplane", "worker", "job", "supervisor")
WEIGHTS = (4, 3, 3, 4, 2)
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 2.5
READY_SECONDS = 60.0
SETTLE_SECONDS = 300.0
JOB_MODULE = b"lichen.server.work.job"
TRAINING = ForecastTraining(
    data=VICTORIA_2014.name,
    name="demand",
    targets=["Demand"],
    known=["Temperature"],
    horizon=48,
    algorithm="ridge",
    start_at="00:00",
    timezone="Australia/Melbourne",
)


@dataclass
class Tally:
    """What was accepted, and what was seen."""

    trainings: list[str] = field(default_factory=list)
    answers: int = 0
    retried: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    expected: dict[str, list[float]] = field(default_factory=dict)


class Platform:
    """`lichen up` on one home and fixed ports; started again after its supervisor died."""

    def __init__(self, home: Path, runtime: Path) -> None:
        self.home = home
        self._environment = {**os.environ, "LICHEN_RUNTIME": str(runtime), "LICHEN_ZONE": "DE"}
        self._ports = [str(free_port()) for _ in range(3)]
        self._process: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Start, and wait until it says it is ready."""
        http, control, grpc = self._ports
        command = [sys.executable, "-m", "lichen.cli.main", "up", "--home", str(self.home)]
        command += ["--http", http, "--control", control, "--grpc", grpc]
        process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        self._process = process
        if process.stdout is None or not process.stdout.readline():
            raise SystemExit("the platform did not start")

    def pids(self) -> dict[str, int]:
        """Living processes by name."""
        try:
            written = json.loads((self.home / "run" / "addresses.json").read_text())
        except (OSError, ValueError):
            return {}
        found = {name: pid for name, pid in written["pids"].items() if pid}
        job = _job_under(found.get("worker"))
        return {**found, **({"job": job} if job else {})}

    def up_again(self) -> None:
        """Reap the supervisor that was killed, and start another."""
        if self._process is not None:
            self._process.wait(30)
        self.up()

    def down(self) -> int:
        """Stop cleanly; the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(60)


def _job_under(worker: int | None) -> int | None:
    if worker is None:
        return None
    with suppress(OSError, ValueError):
        for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split():
            if JOB_MODULE in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return None


class Killer(threading.Thread):
    """Kills something every now and then, until it has killed enough."""

    def __init__(self, platform: Platform, kills: int, seed: int, tally: Tally) -> None:
        super().__init__(daemon=True)
        self._platform = platform
        self._left = kills
        self._random = random.Random(seed)  # noqa: S311 - a fixed seed is the point
        self._tally = tally

    def run(self) -> None:
        """Until enough was killed."""
        while self._left:
            time.sleep(self._random.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
            victim = self._random.choices(VICTIMS, WEIGHTS)[0]
            pid = self._platform.pids().get(victim)
            if pid is None:
                continue
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self._left -= 1
                self._tally.kills[victim] += 1
                if victim == "supervisor":
                    self._platform.up_again()


def patiently(tally: Tally, call: Callable[[], T]) -> T:
    """The call's answer, however often the platform was away meanwhile."""
    give_up = time.monotonic() + READY_SECONDS
    while True:
        try:
            return call()
        except Unavailable:
            tally.retried += 1
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def work(platform: Lichen, tally: Tally, busy: threading.Thread) -> None:
    """Train, deploy and predict for as long as something is being killed."""
    patiently(tally, lambda: platform.data.add(VICTORIA_2014.name, VICTORIA_2014.path))
    while busy.is_alive():
        job = patiently(tally, lambda: platform.jobs.submit(JobKind.TRAIN, TRAINING))
        tally.trainings.append(job.id)
        deploy_and_ask(platform, tally, job.id)


def deploy_and_ask(platform: Lichen, tally: Tally, job_id: str) -> None:
    """Wait for the job, serve its version, and compare each answer with that version's first."""
    done = patiently(tally, lambda: platform.jobs.wait(job_id))
    version = (done.result or {})["version"]
    patiently(tally, lambda: platform.deployments.deploy(f"demand@{version}", "demand"))
    asked = patiently(tally, lambda: platform.deployments.newest_input("demand"))
    request = json.dumps(asked.request).encode()
    for _ in range(20):
        answer = patiently(tally, lambda: platform.inference.infer("demand", request))
        tally.answers += 1
        got = [step[0] for step in answer.outputs["mean"][0]]
        if got != tally.expected.setdefault(str(answer.model_version), got):
            tally.wrong.append(f"version {answer.model_version} answered differently")


def findings(platform: Lichen, home: Path, tally: Tally) -> list[str]:
    """Everything that does not stand; empty when nothing was lost."""
    jobs = {job.id: job for job in platform.jobs.ls()}
    lost = [f"accepted job {one} is gone" for one in tally.trainings if one not in jobs]
    unfinished = [
        f"job {job.id} is {job.state}: {job.error}"
        for job in jobs.values()
        if job.state is not JobState.SUCCEEDED
    ]
    halves = [f"half-written {path}" for path in (home / "blobs").rglob(".writing-*")]
    return [*tally.wrong, *lost, *unfinished, *_versions(platform), *_ledger(platform), *halves]


def _versions(platform: Lichen) -> list[str]:
    made = [job for job in platform.jobs.ls() if job.kind is JobKind.TRAIN]
    versions = platform.models.versions("demand")
    found = [
        f"demand@{one.version} is damaged"
        for one in versions
        if not platform.models.verify(f"demand@{one.version}").sound
    ]
    if len(versions) != len(made):
        found.append(f"{len(made)} trainings made {len(versions)} versions")
    return found


def _ledger(platform: Lichen) -> list[str]:
    accounts = platform.ledger().accounts
    found = [f"ledger: {one}" for one in platform.verify_ledger().findings]
    total = sum(one.nj for one in accounts)
    if total:
        found.append(f"the ledger sums to {total} nJ")
    return found + [
        f"{one.account} holds {one.nj} nJ"
        for one in accounts
        if one.account.startswith("overhead/") and one.nj < 0
    ]


def settle(platform: Lichen, tally: Tally) -> None:
    """Wait until no accepted job is open."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < give_up:
        if all(job.state.final for job in patiently(tally, platform.jobs.ls)):
            return
        time.sleep(0.2)


def soak(home: Path, runtime: Path, kills: int, seed: int, tally: Tally) -> list[str]:
    """Everything that was lost."""
    platform = Platform(home, runtime)
    platform.up()
    with connect(home=home) as client:
        killer = Killer(platform, kills, seed, tally)
        killer.start()
        try:
            work(client, tally, killer)
            settle(client, tally)
            found = findings(client, home, tally)
        except LichenError as error:
            found = [f"{type(error).__name__}: {error}"]
    code = platform.down()
    return [*found, f"`lichen up` ended with {code}"] if code else found


def main() -> int:
    """Run the soak; 0 when nothing was lost."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lichen-soak-") as scratch:
        home, runtime = Path(scratch, "home"), Path(scratch, "runtime")
        found = soak(home, runtime, chosen.kills, chosen.seed, tally)
    killed = ", ".join(f"{name} {count}" for name, count in sorted(tally.kills.items()))
    print(f"seed {chosen.seed}, {time.monotonic() - began:.0f} s")
    print(f"killed       {sum(tally.kills.values())} ({killed})")
    print(f"trainings    {len(tally.trainings)} accepted")
    print(f"answers      {tally.answers}; {tally.retried} calls tried again")
    for one in found:
        print(f"LOST         {one}")
    print("nothing was lost" if not found else f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
