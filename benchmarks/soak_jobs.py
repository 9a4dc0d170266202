"""Pause, resume and kill jobs at random, some of them planned: no byte differs, nothing is lost.

    python benchmarks/soak_jobs.py --jobs 12 --kills 40 --seed 1

One training runs undisturbed. Then the same is submitted again and again, at once or with a
deadline until which the planner may move it, while jobs are paused and resumed at random, and
attempts, the worker, the control plane and the supervisor are killed with SIGKILL. At the end:

- every accepted job has succeeded, and each made exactly one version;
- every version has the bytes of the first;
- the segments of each job follow one another, under fences of their own, and sum to its receipt;
- the ledger sums to 0 nJ and is sound, and holds what the receipts say, but for the second that a
  killed supervisor took with it.

It prints a table and exits 0 only if all holds.
"""

import argparse
import math
import random
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from soak import SETTLE_SECONDS, Killer, Platform, Tally, patiently, settle

from lichen.client.connection import Lichen, connect
from lichen.core.errors import LichenError
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import ForecastTraining

HOURS = 24 * 40
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=4, algorithm="lightgbm")
MODEL_FILES = ("model.onnx", "forecast.json", "quantiles.npy")
SECOND_NJ = 8 * 10**9
"""More than two busy threads of a usual machine draw in a second (M2)."""
LONGEST_STILL_SECONDS = 1.5


class Meddler(threading.Thread):
    """Pauses one of the open jobs every now and then, and lets it go on."""

    def __init__(self, client: Lichen, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._random = random.Random(seed)  # noqa: S311 - a fixed seed is the point
        self.is_over = threading.Event()
        self.pauses = 0

    def run(self) -> None:
        """Until it is over; then everything goes on."""
        while not self.is_over.wait(self._random.uniform(0.2, 1.0)):
            with suppress(LichenError):  # the platform is away, or the job has ended
                self._meddle()
        self._resume_all()

    def _meddle(self) -> None:
        running = self._client.jobs.ls(JobState.RUNNING) or self._client.jobs.ls(JobState.QUEUED)
        if not running:
            return
        job = self._random.choice(running)
        self._client.jobs.pause(job.id)
        self.pauses += 1
        self.is_over.wait(self._random.uniform(0.0, LONGEST_STILL_SECONDS))
        self._resume_all()

    def _resume_all(self) -> None:
        tally = Tally()
        for job in patiently(tally, self._client.jobs.ls):
            if not job.state.final:
                with suppress(LichenError):
                    patiently(tally, lambda job=job: self._client.jobs.resume(job.id))  # type: ignore[misc]


def write_load(path: Path) -> None:
    """Forty days of an hourly load."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["time,load"]
    for row in range(HOURS):
        moment = (start + timedelta(hours=row)).isoformat().replace("+00:00", "Z")
        noise = ((row * 7919) % 101) / 101
        lines.append(f"{moment},{100 + 20 * math.sin(2 * math.pi * row / 24) + noise:.3f}")
    path.write_text("\n".join(lines) + "\n")


def submit(client: Lichen, tally: Tally, jobs: int, seed: int) -> None:
    """As many jobs as asked for, every other one with a deadline some minutes ahead."""
    chance = random.Random(seed)  # noqa: S311 - a fixed seed is the point
    for number in range(jobs):
        schedule = None
        if number % 2:
            deadline = f"{chance.randint(2, 6)}min"
            schedule = ScheduleRequest(deadline=deadline, interruptible=True)
        job = patiently(
            tally,
            lambda schedule=schedule: client.jobs.submit(JobKind.TRAIN, TRAINING, schedule),  # type: ignore[misc]
        )
        tally.trainings.append(job.id)


def findings(client: Lichen, tally: Tally) -> list[str]:
    """Everything that does not stand; empty when nothing was lost."""
    jobs = {job.id: job for job in client.jobs.ls()}
    found = [f"accepted job {one} is gone" for one in tally.trainings if one not in jobs]
    done = [jobs[one] for one in tally.trainings if one in jobs]
    for job in done:
        found += _of_job(job)
    return [*found, *_versions(client, len(done)), *_ledger(client, done, tally)]


def _of_job(job: Job) -> list[str]:
    if job.state is not JobState.SUCCEEDED or job.receipt is None:
        return [f"job {job.id} is {job.state}: {job.error}"]
    found = []
    if job.receipt.energy.nj != sum(one.nj for one in job.segments):
        found.append(f"the segments of {job.id} do not sum to its receipt")
    if len({one.fence for one in job.segments}) != len(job.segments):
        found.append(f"a segment of {job.id} is counted twice")
    return found


def _versions(client: Lichen, expected: int) -> list[str]:
    made = client.models.versions("load")
    files = [
        {one.name: one.sha256 for one in version.files if one.name in MODEL_FILES}
        for version in made
    ]
    found = [
        f"load@{version.version} has other bytes than load@1"
        for version, own in zip(made, files, strict=True)
        if own != files[0]
    ]
    if len(made) != expected:
        found.append(f"{expected} trainings made {len(made)} versions")
    return found


def _ledger(client: Lichen, done: list[Job], tally: Tally) -> list[str]:
    lost_nj = SECOND_NJ * tally.kills["supervisor"]
    give_up = time.monotonic() + 10.0
    while True:
        accounts = client.ledger().accounts
        booked = {
            job.id: sum(one.nj for one in accounts if f"/{job.id}/" in one.account) for job in done
        }
        short = [
            f"the ledger holds {booked[job.id]} nJ of {job.id}, its receipt {job.receipt.energy.nj}"
            for job in done
            if job.receipt is not None and booked[job.id] < job.receipt.energy.nj - lost_nj
        ]
        if not short or time.monotonic() > give_up:
            break
        time.sleep(0.5)  # its last window is not closed yet
    total = sum(one.nj for one in accounts)
    found = [f"ledger: {one}" for one in client.verify_ledger().findings]
    return [*short, *found, *([f"the ledger sums to {total} nJ"] if total else [])]


def soak(scratch: Path, options: argparse.Namespace, tally: Tally) -> tuple[list[str], int]:
    """Everything that was lost, and how often a job was paused."""
    home = scratch / "home"
    platform = Platform(home, scratch / "runtime")
    platform.up()
    rows = scratch / "load.csv"
    write_load(rows)
    with connect(home=home) as client:
        client.data.add("load", rows)
        submit(client, tally, 1, options.seed)
        settle(client, tally)
        meddler = Meddler(client, options.seed)
        killer = Killer(platform, options.kills, options.seed, tally)
        submit(client, tally, options.jobs, options.seed)
        meddler.start()
        killer.start()
        killer.join()
        meddler.is_over.set()
        meddler.join(SETTLE_SECONDS)
        settle(client, tally)
        found = findings(client, tally)
    code = platform.down()
    return [*found, *([f"`lichen up` ended with {code}"] if code else [])], meddler.pauses


def main() -> int:
    """Run the soak; 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lichen-soak-jobs-") as scratch:
        found, pauses = soak(Path(scratch), options, tally)
    killed = ", ".join(f"{name} {count}" for name, count in sorted(tally.kills.items()))
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    print(f"killed       {sum(tally.kills.values())} ({killed})")
    print(f"trainings    {len(tally.trainings)} accepted, paused {pauses} times")
    for one in found:
        print(f"LOST         {one}")
    print("nothing was lost" if not found else f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
