"""What may happen to a job, event by event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.control.transitions import (
    Cancel,
    Claim,
    Crash,
    Defer,
    Event,
    Fail,
    JobRecord,
    Refuse,
    Release,
    Renew,
    Started,
    Succeed,
    Wake,
    claimable,
    step,
)
from lichen.core.errors import Conflict
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.protocol.admin import JobError, JobKind, JobState

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
WAITING = JobRecord(id="job-1", kind=JobKind.TRAIN, spec={}, tenant="default", created_at=NOW)
CLAIM = Claim("worker", LATER)
RUNNING = step(WAITING, CLAIM, NOW)
RECEIPT = Receipt(
    EnergyFigure(Nanojoules(5), Nanojoules(2), Nanojoules(9), Method.MODELLED, "a test"), None, 0
)
DONE = step(RUNNING, Succeed(1, {"version": 1}, None), NOW)


def test_a_claim_starts_an_attempt_under_a_new_fence() -> None:
    assert (RUNNING.state, RUNNING.attempt, RUNNING.fence) == (JobState.RUNNING, 1, 1)
    assert (RUNNING.worker, RUNNING.lease_until, RUNNING.started_at) == ("worker", LATER, NOW)


def test_success_keeps_the_result_and_lets_go_of_the_worker() -> None:
    assert DONE.state is JobState.SUCCEEDED
    assert (DONE.result, DONE.finished_at) == ({"version": 1}, NOW)
    assert (DONE.worker, DONE.lease_until, DONE.pgid) == (None, None, None)


def test_failure_is_kept_with_its_error_and_is_not_tried_again() -> None:
    error = JobError(code="InvalidInput", message="no such column")
    failed = step(RUNNING, Fail(1, error), NOW)
    assert (failed.state, failed.error) == (JobState.FAILED, error)
    with pytest.raises(Conflict):
        step(failed, CLAIM, NOW)


def test_a_crash_queues_the_job_again_and_the_next_attempt_has_another_fence() -> None:
    again = step(RUNNING, Crash(1, "killed"), NOW)
    assert again.state is JobState.QUEUED
    assert step(again, CLAIM, NOW).fence == 2


def test_too_many_crashes_fail_the_job_and_say_so() -> None:
    job = replace(RUNNING, attempts_allowed=1)
    failed = step(job, Crash(1, "its process was ended by SIGKILL"), NOW)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert "1 attempts" in failed.error.message
    assert "SIGKILL" in failed.error.message


def test_a_job_whose_worker_died_too_often_is_not_started_again() -> None:
    job = replace(RUNNING, attempts_allowed=1)
    assert step(job, CLAIM, NOW).state is JobState.FAILED


def test_a_release_does_not_count_as_an_attempt() -> None:
    released = step(RUNNING, Release(1), NOW)
    assert (released.state, released.attempt, released.fence) == (JobState.QUEUED, 0, 1)


def test_a_waiting_job_is_cancelled_at_once() -> None:
    assert step(WAITING, Cancel(), NOW).state is JobState.CANCELLED


@pytest.mark.parametrize(
    "end",
    [Crash(1, "SIGTERM"), Release(1), Fail(1, JobError(code="WorkFailed", message="stopped"))],
)
def test_a_running_job_is_cancelled_when_its_attempt_ends(end: Event) -> None:
    asked = step(RUNNING, Cancel(), NOW)
    assert (asked.state, asked.cancelling) == (JobState.RUNNING, True)
    ended = step(asked, end, NOW)
    assert (ended.state, ended.error) == (JobState.CANCELLED, None)


@pytest.mark.parametrize(
    "end", [Crash(1, "SIGKILL", RECEIPT), Release(1, RECEIPT), Claim("worker", LATER, RECEIPT)]
)
def test_a_job_that_ends_without_its_own_word_carries_what_it_had_cost(end: Event) -> None:
    asked = step(RUNNING, Cancel(), NOW)
    assert step(asked, end, NOW).receipt == RECEIPT


def test_a_job_that_is_given_up_carries_what_it_had_cost() -> None:
    last = replace(RUNNING, attempt=RUNNING.attempts_allowed)
    assert step(last, Crash(1, "SIGKILL", RECEIPT), NOW).receipt == RECEIPT
    queued = step(RUNNING, Crash(1, "SIGKILL", RECEIPT), NOW)
    assert step(queued, Cancel(), NOW).receipt == RECEIPT
    assert step(queued, CLAIM, NOW).receipt is None  # it goes on


def test_a_result_that_was_committed_first_wins_over_a_cancellation() -> None:
    asked = step(RUNNING, Cancel(), NOW)
    assert step(asked, Succeed(1, {}, None), NOW).state is JobState.SUCCEEDED


def test_a_cancelled_job_whose_worker_died_is_not_started_again() -> None:
    asked = step(RUNNING, Cancel(), NOW)
    assert step(asked, CLAIM, NOW).state is JobState.CANCELLED


def test_what_has_ended_cannot_be_cancelled_but_cancelling_twice_is_once() -> None:
    cancelled = step(WAITING, Cancel(), NOW)
    assert step(cancelled, Cancel(), LATER) == cancelled
    with pytest.raises(Conflict, match="succeeded already"):
        step(DONE, Cancel(), NOW)


@pytest.mark.parametrize(
    "event",
    [
        Started(1, 77),
        Renew(1, LATER),
        Succeed(1, {}, None),
        Fail(1, JobError(code="WorkFailed", message="late")),
        Crash(1, "late"),
        Release(1),
    ],
)
def test_a_stale_fence_changes_nothing(event: Event) -> None:
    taken_over = step(RUNNING, Claim("worker", LATER), NOW)
    assert taken_over.fence == 2
    with pytest.raises(Conflict, match="fence"):
        step(taken_over, event, NOW)


def test_who_may_claim() -> None:
    assert claimable(WAITING, "anyone", NOW)
    assert claimable(RUNNING, "worker", NOW), "the same worker, in its next life"
    assert not claimable(RUNNING, "another", NOW)
    assert claimable(RUNNING, "another", LATER), "the lease has ended"
    assert not claimable(DONE, "worker", LATER)
    with pytest.raises(Conflict):
        step(RUNNING, Claim("another", LATER), NOW)


def test_a_lease_is_renewed_and_the_process_group_kept() -> None:
    job = step(step(RUNNING, Started(1, 4242), NOW), Renew(1, LATER + timedelta(1)), NOW)
    assert (job.pgid, job.lease_until) == (4242, LATER + timedelta(1))


WHY = "budget 'lab' has nothing left"
DEFERRED = step(WAITING, Defer(0, LATER, WHY), NOW)


def test_a_deferred_job_waits_for_its_moment_and_says_why() -> None:
    assert (DEFERRED.state, DEFERRED.not_before, DEFERRED.waits_for) == (
        JobState.QUEUED,
        LATER,
        WHY,
    )
    assert not claimable(DEFERRED, "worker", LATER - timedelta(microseconds=1))
    with pytest.raises(Conflict, match="not to be started before 2026-11-21 00:00:10"):
        step(DEFERRED, CLAIM, NOW)
    started = step(DEFERRED, CLAIM, LATER)
    assert (started.state, started.not_before, started.waits_for) == (JobState.RUNNING, None, None)


def test_an_attempt_that_is_deferred_keeps_its_cost_and_does_not_count() -> None:
    stopped = step(RUNNING, Defer(1, LATER, WHY, RECEIPT), NOW)
    assert (stopped.state, stopped.attempt, stopped.receipt) == (JobState.QUEUED, 0, RECEIPT)
    cancelled = step(stopped, Cancel(), NOW)
    assert (cancelled.state, cancelled.receipt) == (JobState.CANCELLED, RECEIPT)
    assert cancelled.not_before is None


def test_a_changed_budget_wakes_what_waits_and_nothing_else() -> None:
    assert step(DEFERRED, Wake(), NOW) == replace(WAITING, has_waited=True)
    for job in (RUNNING, DONE):
        with pytest.raises(Conflict):
            step(job, Wake(), NOW)


def test_a_queued_job_is_refused_with_the_error_and_a_running_one_is_not() -> None:
    error = JobError(code="OverBudget", message=WHY)
    refused = step(DEFERRED, Refuse(0, error), NOW)
    assert (refused.state, refused.error, refused.finished_at) == (JobState.FAILED, error, NOW)
    with pytest.raises(Conflict):
        step(RUNNING, Refuse(1, error), NOW)


def test_what_was_told_to_cancel_is_not_deferred_and_what_has_ended_neither() -> None:
    asked = step(RUNNING, Cancel(), NOW)
    ended = step(asked, Defer(1, LATER, WHY, RECEIPT), NOW)
    assert (ended.state, ended.receipt, ended.not_before) == (JobState.CANCELLED, RECEIPT, None)
    for job, fence in ((DONE, 1), (RUNNING, 7)):
        with pytest.raises(Conflict):
            step(job, Defer(fence, LATER, WHY), NOW)
