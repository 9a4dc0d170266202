"""The keeper of recurring work is killed again and again: each due moment has exactly one job."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lichen.control.jobs import Jobs
from lichen.control.periods import period_of
from lichen.control.recurrence import Recurrence
from lichen.control.recurrences import Recurrences
from lichen.control.submissions import Sender
from lichen.core.clock import ManualClock
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import ScheduleRequest
from lichen.store.documents import SqliteDocuments

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KILLS = 6
SEED = 20261122
KEEPER = """
import sys
from pathlib import Path
from lichen.control.jobs import Jobs
from lichen.control.reception import Reception
from lichen.control.recurrences import Recurrences
from lichen.control.submissions import Submissions
from lichen.control.transitions import Cancel
from lichen.core.clock import ManualClock
from lichen.server.keepers.recurring_keeper import RecurringKeeper
from lichen.store.documents import SqliteDocuments

documents = SqliteDocuments(Path(sys.argv[1]))
clock = ManualClock()
jobs, recurrences = Jobs(documents, clock), Recurrences(documents, clock)
reception = Reception(jobs, clock, ("DE",))
submissions = Submissions(documents, jobs, clock, settle=reception.settle)
keeper = RecurringKeeper(recurrences, jobs, submissions, clock)
print("ready", flush=True)
while True:
    for job in jobs.unfinished():
        jobs.apply(job.id, Cancel())
    clock.at = recurrences.get("hourly").next_due
    keeper.turn()
    print("turned", flush=True)
"""


def test_kills_around_due_moments_leave_one_job_for_each(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same pauses each time
    documents = SqliteDocuments(tmp_path / "db")
    clock = ManualClock(START)
    recurrences = Recurrences(documents, clock)
    recurrences.create(Sender("default", "somebody"), hourly(), b"")
    for _ in range(KILLS):
        killed_after(chance.uniform(0.02, 0.2), tmp_path / "db")

    record = recurrences.get("hourly")
    hours = round((record.settled_until - START) / HOUR)
    assert hours > KILLS
    made = Jobs(documents, clock).page("", 10**6)
    due = [job.schedule.deadline - HOUR for job in made if job.schedule is not None]
    assert sorted(due) == [START + number * HOUR for number in range(1, hours + 1)]
    documents.close()


def hourly() -> Recurrence:
    return Recurrence(
        id="sch-1",
        name="hourly",
        tenant="default",
        kind=JobKind.TRAIN,
        spec={},
        every="hour",
        period=period_of("hour", "UTC"),
        window=HOUR,
        schedule=ScheduleRequest(),
        is_made_late=True,
        created_by="somebody",
        created_at=START,
        settled_until=START,
    )


def killed_after(seconds: float, database: Path) -> None:
    command = [sys.executable, "-c", KEEPER, str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(3):  # so many at least, however slow the machine is
            assert process.stdout.readline() == b"turned\n"
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
