"""A training that is paused, killed and resumed: no byte differs, no joule counts twice."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.client.connection import Lichen
from lichen.core.errors import Conflict, LichenError, Unavailable
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.training import ForecastTraining

SEED = 20261122
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=24, algorithm="ridge-calendar")
VICTIMS = ("job", "worker", "controlplane", "supervisor")
BUSY_THREADS = 2
"""A job has one, and for moments another."""
STANDING = (JobState.PAUSED, JobState.SUCCEEDED)
COMPARED = ("model.onnx", "forecast.json", "quantiles.npy")


class Running(Protocol):
    home: Path

    def up(self) -> None: ...
    def kill_supervisor(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


Until = Callable[[Callable[[], bool]], None]


def test_pauses_and_kills_change_no_byte_and_every_attempt_is_paid_once(
    stopped: Running, load_csv: Path, until: Until
) -> None:
    stopped.up()
    client = stopped.client()
    client.data.add("load", load_csv)
    alone = submit(client)
    until(lambda: has_begun(client, alone))
    began_s = time.monotonic()
    client.jobs.wait(alone)
    lasts_s = time.monotonic() - began_s
    jobs = [alone, *pause_once(client, until), *kill_among_pauses(stopped, client, lasts_s, until)]
    versions = [one.version for one in client.models.versions("load")]
    assert versions == list(range(1, len(jobs) + 1))
    assert all(files(client, version) == files(client, 1) for version in versions)


def submit(client: Lichen) -> str:
    return client.jobs.submit(JobKind.TRAIN, TRAINING).id


def has_begun(client: Lichen, job_id: str) -> bool:
    """Whether some of its first attempt is kept; or it has ended."""
    job = shown(client, job_id)
    return job.progress is not None or job.state.final


def pause_once(client: Lichen, until: Until) -> list[str]:
    """The attempt ends at a checkpoint, and all that it cost is in the receipt and the ledger.

    The jobs: one that came to its end first, on a quick machine, is followed by another.
    """
    jobs = [submit(client)]
    while not is_paused(client, jobs[-1], until):
        client.jobs.wait(jobs[-1])
        jobs.append(submit(client))
    paused = client.jobs.show(jobs[-1])
    assert (paused.attempt, len(paused.segments)) == (0, 1)
    assert client.jobs.resume(paused.id).state is JobState.QUEUED
    done = client.jobs.wait(paused.id)
    assert (done.attempt, len(done.segments)) == (1, 2)
    assert done.segments[0] == paused.segments[0]
    cost_nj = check_segments(done)
    with pytest.raises(Conflict, match="succeeded already"):
        client.jobs.pause(done.id)
    until(lambda: booked(client, done.id) == cost_nj)
    return jobs


def is_paused(client: Lichen, job_id: str, until: Until) -> bool:
    until(lambda: client.jobs.show(job_id).state is not JobState.QUEUED)
    try:
        told = client.jobs.pause(job_id)
    except Conflict:
        return False
    assert (told.state, told.pausing) == (JobState.RUNNING, True)
    until(lambda: client.jobs.show(job_id).state in STANDING)
    return client.jobs.show(job_id).state is JobState.PAUSED


def kill_among_pauses(running: Running, client: Lichen, lasts_s: float, until: Until) -> list[str]:
    """Each process is killed once at a random moment, more often than not while it pauses.

    The jobs: one that ended before anything came in its way is followed by another.
    """
    chance = random.Random(SEED)  # noqa: S311 - the same moments each time
    jobs, longest_s = [submit(client)], min(1.0, lasts_s)
    disturb(running, client, jobs[-1], lambda: chance.uniform(0.2, 1.0) * longest_s, chance, until)
    while len((done := client.jobs.wait(jobs[-1])).segments) == 1:
        jobs.append(submit(client))
        disturb(running, client, jobs[-1], lambda: 0.0, chance, until)
    cost_nj = check_segments(done)
    assert len({one.fence for one in done.segments}) == len(done.segments)
    watts = cost_nj / sum(one.cpu_ns or 0 for one in done.segments)
    # the killed supervisor took the second that was open with it (L3)
    lost_nj = watts * BUSY_THREADS * longest_gap_ns(running)
    until(lambda: booked(client, done.id) >= cost_nj - lost_nj)
    return jobs


def disturb(
    running: Running,
    client: Lichen,
    job_id: str,
    wait_seconds: Callable[[], float],
    chance: random.Random,
    until: Until,
) -> None:
    until(lambda: has_begun(client, job_id))
    for victim in chance.sample(VICTIMS, len(VICTIMS)):
        time.sleep(wait_seconds())
        was_paused = chance.random() < 0.7 and ask(lambda: client.jobs.pause(job_id))
        time.sleep(wait_seconds() / 3)
        kill(running, victim)
        until(lambda: ask(lambda: client.jobs.show(job_id)))
        if was_paused:
            until(lambda: shown(client, job_id).state in STANDING)
            ask(lambda: client.jobs.resume(job_id))


def longest_gap_ns(running: Running) -> float:
    """From the last second that was booked before a kill to the next life."""
    entries = LedgerReader(running.home / "ledger.db").entries()
    return max(
        (one.ended_at - one.started_at).total_seconds() * 1e9
        for one in entries
        if one.kind == "gap"
    )


def check_segments(job: Job) -> int:
    """They follow one another and sum to the receipt, to the nanojoule; which is how much."""
    assert job.receipt is not None
    assert job.receipt.carbon is not None
    assert job.receipt.energy.nj == sum(one.nj for one in job.segments)
    assert job.receipt.energy.nj_low == sum(one.nj_low for one in job.segments)
    assert job.receipt.carbon.ng == sum(one.ng or 0 for one in job.segments)
    for one, following in zip(job.segments, job.segments[1:], strict=False):
        assert one.started_at <= one.ended_at <= following.started_at
        assert one.zone == "DE"
    return job.receipt.energy.nj


def shown(client: Lichen, job_id: str) -> Job:
    while True:
        with suppress(Unavailable):
            return client.jobs.show(job_id)
        time.sleep(0.05)


def ask(call: Callable[[], object]) -> bool:
    """Whether the platform did it; not while it is away, nor of a job that has ended."""
    try:
        call()
    except LichenError:
        return False
    return True


def files(client: Lichen, version: int) -> dict[str, str]:
    made = client.models.show(f"load@{version}")
    return {one.name: one.sha256 for one in made.files if one.name in COMPARED}


def booked(client: Lichen, job_id: str) -> int:
    """What the ledger holds of a job, once its last window is closed."""
    accounts = client.ledger().accounts
    return sum(one.nj for one in accounts if f"/{job_id}/" in one.account)


def kill(running: Running, victim: str) -> None:
    if victim == "supervisor":
        running.kill_supervisor()
        running.up()
        return
    with suppress(ProcessLookupError, KeyError):
        os.kill(running.pids()[victim], signal.SIGKILL)
