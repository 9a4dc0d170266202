"""How the process of a job ends: with a record of its end, or without a word to be tried again."""

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lichen.control.jobs import Jobs
from lichen.control.transitions import Cancel, Claim, JobRecord, Renew
from lichen.core.clock import SystemClock
from lichen.core.errors import Conflict, InvalidInput, Unavailable
from lichen.core.figures import Method
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.protocol.admin import JobKind, JobState
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import as_environment, load
from lichen.server.work import job as process
from lichen.server.work.workbench import Workbench
from lichen.store.documents import Change, SqliteDocuments

RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)
Work = Callable[[Workbench], None]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home and a meter page; the process's own handler of SIGTERM is put back afterwards."""
    found = load({"home": tmp_path / "home", "runtime": tmp_path, "zone": "DE"}, {})
    Home(found.home).prepare()
    for name, text in as_environment(found).items():
        monkeypatch.setenv(name, text)
    writer = PageWriter(tmp_path)
    writer.publish(PageContent(1, 0, 1, 0, 0, 0, RATE))
    before = signal.getsignal(signal.SIGTERM)
    yield found
    signal.signal(signal.SIGTERM, before)
    writer.close()


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    documents = SqliteDocuments(Home(settings.home).documents)
    yield Jobs(documents, SystemClock())
    documents.close()


@pytest.fixture
def claimed(jobs: Jobs, settings: Settings) -> JobRecord:
    """A job that a worker has just taken."""
    job = jobs.submit(JobKind.INGEST, {"name": "vic"}, "default")
    Home(settings.home).job(job.id).mkdir(parents=True)
    return jobs.apply(job.id, Claim("worker", SystemClock().now() + timedelta(seconds=60)))


@pytest.fixture
def run(claimed: JobRecord, monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], int]:
    """Run the process of the job in this one, with other work to do."""

    def main(work: Work) -> int:
        monkeypatch.setattr(process, "load_object", lambda _: work)
        return process.main([claimed.id, str(claimed.fence)])

    return main


def raising(error: BaseException) -> Work:
    def work(_: Workbench) -> None:
        raise error

    return work


def test_work_that_completes(run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord) -> None:
    assert run(lambda bench: bench.complete({"version": 1})) == process.RECORDED
    done = jobs.get(claimed.id)
    assert (done.state, done.result) == (JobState.SUCCEEDED, {"version": 1})
    assert done.receipt is not None
    assert done.receipt.energy.nj > 0


def test_an_error_of_ours_is_recorded_with_its_class_and_its_cost(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord
) -> None:
    assert run(raising(InvalidInput("no column 'x'"))) == process.RECORDED
    failed = jobs.get(claimed.id)
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("InvalidInput", "no column 'x'")
    assert failed.receipt is not None


def test_any_other_error_is_recorded_as_a_failure_that_says_where_to_look(
    run: Callable[[Work], int],
    jobs: Jobs,
    claimed: JobRecord,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(raising(ZeroDivisionError("oh"))) == process.RECORDED
    failed = jobs.get(claimed.id)
    assert failed.error is not None
    assert failed.error.code == "WorkFailed"
    assert f"lichen jobs logs {claimed.id}" in failed.error.message
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [Unavailable("busy"), Conflict("changed")])
def test_what_may_work_next_time_is_not_recorded(
    error: Exception, run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord
) -> None:
    assert run(raising(error)) == process.NOT_RECORDED
    assert jobs.get(claimed.id).state is JobState.RUNNING


def test_a_stop_of_the_platform_is_not_the_jobs_end(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord, settings: Settings
) -> None:
    assert run(lambda _: signal.raise_signal(signal.SIGTERM)) == process.NOT_RECORDED
    assert jobs.get(claimed.id).state is JobState.RUNNING
    kept = Home(settings.home).job(claimed.id) / "spent"
    assert [path.name for path in kept.iterdir()] == ["000001.json"]


def test_a_cancelled_job_ends_with_its_receipt(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord
) -> None:
    jobs.apply(claimed.id, Cancel())
    assert run(lambda _: signal.raise_signal(signal.SIGTERM)) == process.RECORDED
    ended = jobs.get(claimed.id)
    assert (ended.state, ended.error) == (JobState.CANCELLED, None)
    assert ended.receipt is not None


def test_an_attempt_with_a_stale_fence_does_not_begin(jobs: Jobs, claimed: JobRecord) -> None:
    assert process.main([claimed.id, str(claimed.fence + 1)]) == process.NOT_RECORDED
    assert jobs.get(claimed.id) == claimed


def test_without_a_meter_page_a_job_does_not_run_unmetered(
    settings: Settings, claimed: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.runtime / "meter.page").unlink()
    monkeypatch.setattr(process, "PAGE_PATIENCE_SECONDS", 0.1)
    assert process.main([claimed.id, str(claimed.fence)]) == process.NOT_RECORDED


def test_a_lease_renewed_in_the_middle_of_a_commit_costs_one_more_try(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord
) -> None:
    tries: list[int] = []

    def work(bench: Workbench) -> None:
        def attempt() -> None:
            changes = [*bench.completion({}), Change("results", bench.job.id, b"made", 0)]
            tries.append(len(tries))
            if len(tries) == 1:
                lease = SystemClock().now() + timedelta(seconds=90)
                jobs.apply(claimed.id, Renew(claimed.fence, lease))
            bench.documents.commit(changes)

        bench.commit(attempt)

    assert run(work) == process.RECORDED
    assert tries == [0, 1]
    assert jobs.get(claimed.id).state is JobState.SUCCEEDED


def test_an_attempt_that_lost_its_job_commits_nothing(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord, settings: Settings
) -> None:
    def work(bench: Workbench) -> None:
        jobs.apply(claimed.id, Claim("worker", SystemClock().now()))
        result = Change("results", bench.job.id, b"made", 0)
        bench.commit(lambda: bench.documents.commit([result, *bench.completion({})]))

    assert run(work) == process.NOT_RECORDED
    assert (jobs.get(claimed.id).state, jobs.get(claimed.id).fence) == (JobState.RUNNING, 2)
    documents = SqliteDocuments(Home(settings.home).documents)
    assert documents.get("results", claimed.id) is None
    documents.close()


def test_an_upload_that_is_gone_is_said(
    run: Callable[[Work], int], jobs: Jobs, claimed: JobRecord
) -> None:
    assert run(lambda bench: bench.uploaded("../../etc/passwd").touch()) == process.RECORDED
    failed = jobs.get(claimed.id)
    assert failed.error is not None
    assert "upload it again" in failed.error.message
