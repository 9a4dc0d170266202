"""The process of one job: does the work under its fence, and commits the result with its end.

    python -m lichen.server.work.job JOB_ID FENCE

It ends with code 0 when the job's end was recorded, and otherwise says nothing: the worker then
starts it again, or cancels it if that was asked for.
"""

import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lichen.control.jobs import Jobs
from lichen.control.transitions import Fail, JobRecord
from lichen.core.clock import SystemClock
from lichen.core.errors import Conflict, LichenError, Unavailable, error_name
from lichen.core.plugins import load_object
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageReader
from lichen.protocol.admin import JobError, JobKind
from lichen.server.home import Home
from lichen.server.pricing import pricing
from lichen.server.sections import Settings
from lichen.server.settings import load
from lichen.server.work.jobfiles import JobWatch
from lichen.server.work.spending import Spending
from lichen.server.work.workbench import Workbench
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

WORK = {
    JobKind.INGEST: "lichen.server.work.data_jobs:ingest",
    JobKind.APPEND: "lichen.server.work.data_jobs:append",
    JobKind.TRAIN: "lichen.server.work.training_jobs:train",
    JobKind.IMPORT: "lichen.server.work.import_jobs:import_model",
    JobKind.PREDICT: "lichen.server.work.predict_jobs:predict",
    JobKind.REPORT: "lichen.server.work.report_jobs:make_report",
    JobKind.PULL: "lichen.server.work.pull_jobs:pull_model",
    JobKind.EXPLAIN: "lichen.server.work.explain_jobs:explain_data",
}
"""What each kind does, imported by the job that needs it alone."""

PAGE_PATIENCE_SECONDS = 10.0
RECORDED, NOT_RECORDED = 0, 1


class Terminated(BaseException):  # it must pass every `except Exception` on its way out
    """SIGTERM: the job was cancelled, or the platform stops."""


class Termination:
    """Handles SIGTERM by raising, and remembers that it came.

    An extension module that is interrupted while it loads makes an ImportError of it, for which
    the job would be called failed.
    """

    def __init__(self) -> None:
        self.was_asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """End the work wherever it stands."""
        self.was_asked = True
        raise Terminated


def main(arguments: Sequence[str]) -> int:
    """Run one attempt."""
    termination = Termination()
    signal.signal(signal.SIGTERM, termination)
    job_id, fence = arguments
    try:
        bench = open_workbench(load(), job_id, int(fence))
    except (LichenError, Terminated) as error:
        return _say(f"this attempt could not begin: {error}")
    try:
        return _work(bench, termination)
    except Terminated:
        return _end_early(bench)
    finally:
        bench.spending.close()


def _work(bench: Workbench, termination: Termination) -> int:
    try:
        load_object(WORK[bench.job.kind])(bench)
    except Exception as error:
        if termination.was_asked:
            raise Terminated from error
        return _failed(bench, error)
    return RECORDED


def _failed(bench: Workbench, error: Exception) -> int:
    """What becomes of a job that met this error: whatever a model or a library raises fails it."""
    if isinstance(error, Conflict | Unavailable):
        return _say(f"this attempt cannot go on: {error}")
    if isinstance(error, LichenError):
        return _record(bench, error_name(error), str(error))
    traceback.print_exception(error)
    return _record(bench, "WorkFailed", _unexpected(bench.job.id, error))


def open_workbench(settings: Settings, job_id: str, fence: int) -> Workbench:
    """Open the store, claim the job under its fence, and begin to meter.

    Raises:
        Conflict: another attempt holds the job.
    """
    clock = SystemClock()
    home = Home(settings.home)
    documents = SqliteDocuments(home.documents)
    jobs = Jobs(documents, clock)
    job = jobs.get(job_id)
    if job.fence != fence or job.state.final:
        raise Conflict(f"job {job_id} is {job.state} under fence {job.fence}, not {fence}")
    counters = ProcessCounters.create(settings.runtime, "job", str(settings.home))
    prices = pricing(settings.carbon, home.intensities)
    spending = Spending(counters, _page(settings.runtime), account_of(job), prices, clock)
    spending.start(home.job(job_id), fence)
    watch = JobWatch(home.job(job_id), fence, spending)
    return Workbench(job, settings, documents, LocalBlobs(home.blobs), jobs, clock, spending, watch)


def account_of(job: JobRecord) -> str:
    """The account that the job's energy is charged to."""
    return f"work/{job.tenant}/{job.id}/{job.subject or '-'}/{job.kind}"


def _page(runtime: Path) -> PageReader:
    """The meter page, as soon as it holds a rate: a platform that just started has none yet."""
    give_up = time.monotonic() + PAGE_PATIENCE_SECONDS
    while True:
        try:
            page = PageReader.open(runtime)
            page.rate()
        except Unavailable:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
            continue
        return page


def _record(bench: Workbench, code: str, message: str) -> int:
    """Write down why the job cannot be done; another attempt would find the same."""
    account, error = bench.spending.account(), JobError(code=code, message=message)
    event = Fail(bench.job.fence, error, account.receipt, account.segments)
    try:
        bench.jobs.apply(bench.job.id, event)
    except LichenError as error:
        return _say(f"the end of the job could not be recorded: {error}")
    sys.stderr.write(f"{message}\n")
    return RECORDED


def _end_early(bench: Workbench) -> int:
    """A cancelled job ends with what it cost; one that is merely stopped will be started again."""
    if bench.jobs.get(bench.job.id).cancelling:
        return _record(bench, "WorkFailed", "the job was cancelled")
    bench.spending.account()  # nothing is charged from here on that its segment leaves out
    return _say("the job was told to stop: it will be started again")


def _unexpected(job_id: str, error: Exception) -> str:
    return (
        f"the job met an error that nobody expected, {type(error).__name__}: {error}; "
        f"`lichen jobs logs {job_id}` shows where"
    )


def _say(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return NOT_RECORDED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
