"""Recurring work on a whole platform: trained when due, once, whoever is killed."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from lichen.client.connection import Lichen
from lichen.client.schedules import recurring_job
from lichen.control.recurrences import Recurrences
from lichen.core.clock import SystemClock
from lichen.data.dataset import COLLECTION
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.reports import ReportFormat, ReportResult, ReportSpec, Standard
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import ForecastTraining
from lichen.server.home import Home
from lichen.store.documents import Change, SqliteDocuments

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=24, algorithm="ridge")
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path

    def up(self) -> None: ...
    def down(self) -> int: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


def test_a_due_training_runs_once_though_its_keeper_is_killed(
    stopped: Running, load_csv: Path, until: Until
) -> None:
    stopped.up()
    client = stopped.client()
    client.data.add("load", load_csv)
    at_once = ScheduleRequest(green=False)
    client.schedules.create("monthly", "month", recurring_job(JobKind.TRAIN, TRAINING, at_once))
    client.schedules.create("other", "month", recurring_job(JobKind.TRAIN, TRAINING))

    let_be_due(stopped)
    kill_control_plane(stopped, until)
    until(lambda: [state.final for state in trainings(client)] == [True])
    kill_control_plane(stopped, until)
    assert trainings(client) == [JobState.SUCCEEDED]
    assert [run.state for run in client.schedules.show("monthly").runs] == [JobState.SUCCEEDED]
    assert client.models.show("load").version == 1

    lose_dataset(stopped)
    for number in (2, 3):  # a run that fails is recorded, and the next is tried
        let_be_due(stopped)
        wake(client)
        until(lambda: trainings(client)[1:].count(JobState.FAILED) == number - 1)  # noqa: B023
    last = client.schedules.show("monthly").runs[-1]
    assert (last.outcome, last.state) == ("submitted", JobState.FAILED)


def let_be_due(running: Running) -> None:
    """As if this month, not one long ago, were what is due: none begins while the test runs."""
    documents = SqliteDocuments(Home(running.home).documents)
    recurrences = Recurrences(documents, SystemClock())
    record, version = recurrences.read("monthly")
    runs = tuple(replace(run, due=run.due - HOUR) for run in record.runs)
    month = record.period.latest(record.created_at - 32 * DAY, record.created_at)
    assert month is not None
    due = replace(record, id=f"{record.id}-", runs=runs, settled_until=month - HOUR)
    recurrences.keep(due, version)
    documents.close()


def lose_dataset(running: Running) -> None:
    documents = SqliteDocuments(Home(running.home).documents)
    gone = [Change(COLLECTION, one.key, None) for one in documents.scan(COLLECTION)]
    documents.commit(gone)
    documents.close()


def kill_control_plane(running: Running, until: Until) -> None:
    """End it as a power cut would; the supervisor starts another."""
    pid = running.pids()["controlplane"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.pids().get("controlplane", pid) != pid)


def wake(client: Lichen) -> None:
    """A change to any recurring work lets the keeper look at all of it."""
    client.schedules.pause("other")
    client.schedules.resume("other")


def trainings(client: Lichen) -> list[JobState]:
    """How each training stands."""
    return [job.state for job in client.jobs.ls() if job.kind is JobKind.TRAIN]


def test_a_report_that_is_kept_has_the_bytes_that_the_door_answers(
    stopped: Running, tmp_path: Path
) -> None:
    for again in (False, True):  # the end of a platform seals what it booked
        stopped.up()
        if not again:
            stopped.down()
    lichen = stopped.client()
    spec = ReportSpec(standard=Standard.GHG, form=ReportFormat.CSV)
    job = lichen.jobs.wait(lichen.jobs.submit(JobKind.REPORT, spec).id)
    made = msgspec.convert(job.result, ReportResult)
    kept = lichen.predictions.fetch(job.id, tmp_path / made.filename).read_bytes()
    assert kept == lichen.reports.write(Standard.GHG, ReportFormat.CSV, as_of=made.as_of)
    assert (made.filename, made.output_bytes) == ("ghg-all.csv", len(kept))
    assert job.receipt is not None
    assert job.receipt.energy.nj > 0
