"""Kill any process at any time: no accepted job is lost, no result counts twice, all comes back."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lichen.client.connection import Lichen
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.training import ForecastTraining


class Running(Protocol):
    def up(self) -> None: ...
    def down(self) -> int: ...
    def kill_supervisor(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


KILLS = 5
SEED = 20261121
JOBS = 2
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=24, algorithm="ridge")
VICTIMS = ("job", "worker", "supervisor", "controlplane", "dataplane")


def test_five_random_kills(stopped: Running, load_csv: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same kills each time
    stopped.up()
    client = stopped.client()
    client.data.add("load", load_csv)
    accepted = [client.jobs.submit(JobKind.TRAIN, TRAINING).id for _ in range(JOBS)]
    for victim in chance.sample(VICTIMS, KILLS):
        time.sleep(chance.uniform(0.2, 1.2))
        kill(stopped, victim)
    done = [client.jobs.wait(job_id) for job_id in accepted]
    assert sorted((job.result or {})["version"] for job in done) == [1, 2]
    assert [one.version for one in client.models.versions("load")] == [1, 2]
    check_everything(client, accepted)
    assert stopped.down() == 0
    stopped.up()
    assert client.deployments.show("load").state in ("pending", "loading", "ready")
    check_everything(client, accepted)


def kill(running: Running, victim: str) -> None:
    if victim == "supervisor":
        running.kill_supervisor()
        running.up()
        return
    with suppress(ProcessLookupError, KeyError):
        os.kill(running.pids()[victim], signal.SIGKILL)


def check_everything(client: Lichen, accepted: list[str]) -> None:
    jobs = {job.id: job for job in client.jobs.ls()}
    assert all(jobs[job_id].state is JobState.SUCCEEDED for job_id in accepted)
    for version in client.models.versions("load"):
        assert client.models.verify(f"load@{version.version}").sound
    deployment = client.deployments.deploy("load@1")
    assert deployment.state == "ready"
    assert len(client.predict("load").outputs["mean"][0]) == 24
    books = client.ledger()
    assert sum(one.nj for one in books.accounts) == 0
    assert all(one.nj >= 0 for one in books.accounts if one.account.startswith("overhead/"))
    assert client.verify_ledger().sound
