"""Pause, Resume and Hold: what a person and the plan may do to a job."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lichen.control.interruptible import interruption
from lichen.control.transitions import (
    Cancel,
    Claim,
    Crash,
    Defer,
    Event,
    Fail,
    Hold,
    JobRecord,
    Pause,
    Release,
    Resume,
    Succeed,
    Wake,
    claimable,
    step,
)
from lichen.core.errors import Conflict
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.protocol.admin import JobError, JobKind, JobState
from lichen.protocol.segments import JobSegment

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
WAITING = JobRecord(id="job-1", kind=JobKind.TRAIN, spec={}, tenant="default", created_at=NOW)
CLAIM = Claim("worker", LATER, why="it runs as planned")
RUNNING = step(WAITING, CLAIM, NOW)
PAUSED = step(WAITING, Pause(), NOW)
TOLD = step(RUNNING, Pause(), NOW)
RECEIPT = Receipt(
    EnergyFigure(Nanojoules(5), Nanojoules(2), Nanojoules(9), Method.MODELLED, "a test"), None, 0
)
SEGMENTS = (
    JobSegment(
        fence=1,
        started_at=NOW,
        ended_at=LATER,
        nj=5,
        nj_low=2,
        nj_high=9,
        ng=None,
        method=Method.MODELLED,
    ),
)


def test_a_waiting_job_is_paused_at_once_and_nobody_may_take_it() -> None:
    assert PAUSED.state is JobState.PAUSED
    assert not PAUSED.state.final
    assert not claimable(PAUSED, "worker", LATER + timedelta(days=99))
    with pytest.raises(Conflict):
        step(PAUSED, CLAIM, LATER)


def test_a_resumed_job_is_as_it_was_but_for_since_when_it_waits() -> None:
    assert step(PAUSED, Resume(), LATER) == replace(WAITING, resumed_at=LATER)
    assert step(TOLD, Resume(), LATER) == RUNNING
    assert step(WAITING, Resume(), NOW) == WAITING
    assert step(PAUSED, Pause(), LATER) == PAUSED


def test_a_running_job_goes_on_until_its_attempt_ends_and_is_paused_then() -> None:
    assert (TOLD.state, TOLD.pausing, TOLD.fence) == (JobState.RUNNING, True, 1)
    ended = step(TOLD, Release(1, RECEIPT, SEGMENTS), NOW)
    assert (ended.state, ended.pausing, ended.attempt) == (JobState.PAUSED, False, 0)
    assert (ended.receipt, ended.segments, ended.worker) == (RECEIPT, SEGMENTS, None)


@pytest.mark.parametrize(
    "end",
    [
        Crash(1, "SIGKILL", RECEIPT, SEGMENTS),
        Claim("worker", LATER, RECEIPT, SEGMENTS),
        Hold(1, RECEIPT, SEGMENTS),
        Defer(1, LATER, "a budget is spent", RECEIPT, SEGMENTS),
    ],
)
def test_whatever_ends_the_attempt_of_a_job_that_is_to_pause_pauses_it(end: Event) -> None:
    ended = step(TOLD, end, NOW)
    assert (ended.state, ended.not_before, ended.waits_for) == (JobState.PAUSED, None, None)
    assert (ended.receipt, ended.segments) == (RECEIPT, SEGMENTS)


def test_what_the_attempt_says_itself_stands_though_it_was_told_to_pause() -> None:
    done = step(TOLD, Succeed(1, {"version": 1}, RECEIPT, SEGMENTS), NOW)
    assert (done.state, done.pausing, done.segments) == (JobState.SUCCEEDED, False, SEGMENTS)
    failed = step(TOLD, Fail(1, JobError(code="InvalidInput", message="no rows")), NOW)
    assert failed.state is JobState.FAILED


def test_a_paused_job_is_cancelled_at_once() -> None:
    assert step(PAUSED, Cancel(), NOW).state is JobState.CANCELLED
    assert step(TOLD, Cancel(), NOW).pausing is False


def test_what_has_ended_or_is_being_cancelled_cannot_be_paused_or_resumed() -> None:
    done = step(RUNNING, Succeed(1, {}, None), NOW)
    with pytest.raises(Conflict, match="succeeded already"):
        step(done, Pause(), NOW)
    with pytest.raises(Conflict, match="succeeded already"):
        step(done, Resume(), NOW)
    with pytest.raises(Conflict, match="being cancelled"):
        step(step(RUNNING, Cancel(), NOW), Pause(), NOW)
    gone = replace(RUNNING, state=JobState.CANCELLED, cancelling=True)
    with pytest.raises(Conflict, match="cancelled already"):
        step(gone, Pause(), NOW)


def test_a_running_job_without_checkpoints_says_so_and_a_waiting_one_pauses() -> None:
    ingest = replace(WAITING, kind=JobKind.INGEST)
    with pytest.raises(Conflict, match="without checkpoints: let it end, or cancel"):
        step(step(ingest, CLAIM, NOW), Pause(), NOW)
    assert step(ingest, Pause(), NOW).state is JobState.PAUSED


def test_a_pause_ends_the_wait_for_a_budget_which_is_judged_anew_afterwards() -> None:
    deferred = step(WAITING, Defer(0, LATER, "a budget is spent"), NOW)
    paused = step(deferred, Pause(), NOW)
    assert (paused.not_before, paused.waits_for) == (None, None)
    for event in (Wake(), Defer(0, LATER, "again")):
        with pytest.raises(Conflict):
            step(paused, event, NOW)


def test_an_attempt_that_the_plan_held_costs_what_it_did_and_does_not_count() -> None:
    held = step(RUNNING, Hold(1, RECEIPT, SEGMENTS), NOW)
    assert (held.state, held.attempt, held.has_waited) == (JobState.QUEUED, 0, True)
    assert (held.receipt, held.segments, held.running_since) == (RECEIPT, SEGMENTS, None)
    assert claimable(held, "worker", NOW), "the plan is asked before each claim, not the record"
    with pytest.raises(Conflict):
        step(held, Hold(1), NOW)


def test_a_claim_says_for_what_and_since_when_it_runs() -> None:
    assert (RUNNING.why, RUNNING.running_since) == ("it runs as planned", NOW)
    waited = step(WAITING, Claim("worker", LATER, has_waited=True), NOW)
    assert waited.has_waited
    assert step(step(waited, Release(1), NOW), CLAIM, NOW).has_waited, "it is not forgotten"


def test_segments_of_a_job_that_goes_on_are_kept() -> None:
    again = step(RUNNING, Crash(1, "SIGKILL", RECEIPT, SEGMENTS), NOW)
    assert (again.state, again.segments, again.receipt) == (JobState.QUEUED, SEGMENTS, RECEIPT)
    taken = step(again, CLAIM, NOW)
    assert (taken.segments, taken.receipt) == (SEGMENTS, None), "of what runs nothing is final"


def test_only_kinds_with_checkpoints_are_interruptible() -> None:
    assert interruption(JobKind.TRAIN, {"task": "forecast"}).is_possible
    assert not interruption(JobKind.TRAIN, {"task": "outlook"}).is_possible
    for kind in (JobKind.INGEST, JobKind.APPEND, JobKind.IMPORT):
        assert not interruption(kind, {}).is_possible
