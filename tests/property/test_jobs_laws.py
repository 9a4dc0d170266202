"""Laws of jobs: whatever happens in whatever order, nothing accepted is lost or counted twice."""

from datetime import datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lichen.control.jobs import JOBS, OPEN, JobPolicy, Jobs
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
    Refuse,
    Release,
    Renew,
    Resume,
    Started,
    Succeed,
    Wake,
    step,
)
from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.protocol.admin import JobError, JobKind, JobState
from lichen.protocol.segments import JobSegment
from lichen.store.documents import Change, MemoryDocuments

LEASE_SECONDS = 10
RESULTS = "results"
fences = st.integers(min_value=0, max_value=6)
ERROR = JobError(code="WorkFailed", message="it failed")


def account(spent_nj: tuple[int, ...]) -> tuple[Receipt, tuple[JobSegment, ...]]:
    """What attempts kept of themselves: a segment each, and their sum."""
    now = ManualClock().now()
    segments = tuple(
        JobSegment(
            fence=fence,
            started_at=now,
            ended_at=now,
            nj=nj,
            nj_low=nj,
            nj_high=nj,
            ng=None,
            method=Method.MODELLED,
        )
        for fence, nj in enumerate(spent_nj, 1)
    )
    nj = Nanojoules(sum(spent_nj))
    return Receipt(EnergyFigure(nj, nj, nj, Method.MODELLED, "a law"), None, 0), segments


@st.composite
def events(draw: st.DrawFn) -> Event:
    clock = ManualClock()
    lease = clock.now() + timedelta(seconds=draw(st.integers(-20, 20)))
    fence = draw(fences)
    kept = draw(st.sampled_from([(None, ()), *(account(nj) for nj in ((5,), (5, 7)))]))
    choices: list[Event] = [
        Claim(draw(st.sampled_from(["a", "b"])), lease, *kept),
        Started(fence, 99),
        Renew(fence, lease),
        Succeed(fence, {}, *kept),
        Fail(fence, ERROR, *kept),
        Crash(fence, "killed", *kept),
        Release(fence, *kept),
        Cancel(),
        Pause(),
        Resume(),
        Hold(fence, *kept),
        Defer(fence, lease, "a budget is spent", *kept),
        Refuse(fence, ERROR),
        Wake(),
    ]
    return draw(st.sampled_from(choices))


@given(st.lists(events(), max_size=30))
def test_an_end_is_final_and_the_fence_never_falls(happened: list[Event]) -> None:
    clock = ManualClock()
    job = JobRecord(
        id="job-1",
        kind=JobKind.TRAIN,
        spec={},
        tenant="default",
        created_at=clock.now(),
        attempts_allowed=3,
    )
    for event in happened:
        clock.advance(1)
        try:
            after = step(job, event, clock.now())
        except Conflict:
            continue
        assert_a_step_holds(job, event, after, clock)
        job = after
    assert_it_can_still_be_ended(job, clock)


def assert_a_step_holds(job: JobRecord, event: Event, after: JobRecord, clock: ManualClock) -> None:
    assert after.fence >= job.fence
    assert 0 <= after.attempt <= after.attempts_allowed
    assert (after.state is JobState.RUNNING) == (after.worker is not None)
    assert after.state.final == (after.finished_at is not None)
    if job.state.final:
        assert after == job
    if isinstance(event, Claim) and after.state is JobState.RUNNING:
        assert after.fence == job.fence + 1
        assert job.not_before is None or job.not_before <= clock.now(), "claimed early"
    if after.not_before is not None:
        assert (after.state, after.waits_for) == (JobState.QUEUED, "a budget is spent")
    if isinstance(event, Defer | Wake):
        waiting = (JobState.QUEUED, JobState.PAUSED, JobState.CANCELLED)
        assert after.state in waiting, "neither ends a job"
    if after.pausing or after.running_since is not None:
        assert after.state is JobState.RUNNING
    if not isinstance(event, Claim):
        assert after.attempt <= job.attempt, "only a claim counts"
    if after.state is JobState.RUNNING:
        assert after.receipt is None, "of what runs nothing is final"
    else:
        spent = 0 if after.receipt is None else after.receipt.energy.nj
        assert spent == sum(one.nj for one in after.segments), "segments sum to the receipt"


def assert_it_can_still_be_ended(job: JobRecord, clock: ManualClock) -> None:
    """Whatever happened: resumed, after every wait and lease, a worker takes it and it ends."""
    if job.state.final:
        return
    clock.advance(100)
    resumed = step(job, Resume(), clock.now())
    taken = step(resumed, Claim("c", clock.now()), clock.now())
    if taken.state is JobState.RUNNING:
        taken = step(taken, Succeed(taken.fence, {}, None), clock.now())
    assert taken.state.final


class TwoWorkersAndAStore(RuleBasedStateMachine):
    """Attempts that claim, die, wake up late and commit, on one store."""

    @initialize()
    def open(self) -> None:
        self.documents = MemoryDocuments()
        self.clock = ManualClock()
        self.jobs = Jobs(self.documents, self.clock, JobPolicy(attempts=4))
        self.accepted: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.commits: dict[str, int] = {}
        self.waiting: dict[str, datetime] = {}

    @rule()
    def submit(self) -> None:
        self.clock.advance(0.01)
        self.accepted.append(self.jobs.submit(JobKind.TRAIN, {}, "default").id)

    @rule(worker=st.sampled_from(["a", "b"]))
    def claim_all(self, worker: str) -> None:
        for job in list(self.jobs.unfinished()):
            lease = self.clock.now() + timedelta(seconds=LEASE_SECONDS)
            try:
                claimed = self.jobs.apply(job.id, Claim(worker, lease))
            except Conflict:
                continue
            if claimed.state is JobState.RUNNING:
                self.attempts.append((job.id, claimed.fence))
                until = self.waiting.pop(job.id, self.clock.now())
                assert until <= self.clock.now(), "a deferred job was claimed early"

    @rule(data=st.data(), seconds=st.sampled_from([0, 5, 100]))
    def let_one_wait(self, data: st.DataObject, seconds: int) -> None:
        """The worker defers what is queued, or what it stopped."""
        found = list(self.jobs.unfinished())
        if not found:
            return
        job = data.draw(st.sampled_from(found))
        if job.state is JobState.PAUSED:
            return
        until = self.clock.now() + timedelta(seconds=seconds)
        after = self.jobs.apply(job.id, Defer(job.fence, until, "a budget is spent"))
        if not after.state.final:
            assert after.attempt <= job.attempt
            if after.state is JobState.QUEUED:
                assert after.not_before == until
                self.waiting[job.id] = until

    @rule()
    def change_a_budget(self) -> None:
        for job in list(self.jobs.unfinished()):
            if job.not_before is not None:
                self.jobs.apply(job.id, Wake())
        self.waiting.clear()

    @rule(data=st.data(), wish=st.sampled_from([Pause(), Resume()]))
    def wish_of_a_person(self, data: st.DataObject, wish: Pause | Resume) -> None:
        if not self.accepted:
            return
        job_id = data.draw(st.sampled_from(self.accepted))
        try:
            after = self.jobs.apply(job_id, wish)
        except Conflict:
            return
        assert after.attempt == self.jobs.get(job_id).attempt
        if isinstance(wish, Pause):
            self.waiting.pop(job_id, None)

    @rule(seconds=st.sampled_from([1, 20]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(data=st.data())
    def commit_a_result(self, data: st.DataObject) -> None:
        """Any attempt ever started may come back and try, dead or alive."""
        if not self.attempts:
            return
        job_id, fence = data.draw(st.sampled_from(self.attempts))
        result = Change(RESULTS, f"{job_id}-{len(self.commits)}-{fence}", b"made")
        try:
            changes = self.jobs.changes(job_id, Succeed(fence, {}, None))
            self.documents.commit([result, *changes])
        except Conflict:
            return
        self.commits[job_id] = self.commits.get(job_id, 0) + 1

    @rule(data=st.data(), end=st.sampled_from(["crash", "fail", "release", "hold", "cancel"]))
    def end_an_attempt(self, data: st.DataObject, end: str) -> None:
        if not self.attempts:
            return
        job_id, fence = data.draw(st.sampled_from(self.attempts))
        ends: dict[str, Event] = {
            "crash": Crash(fence, "killed"),
            "fail": Fail(fence, ERROR),
            "release": Release(fence),
            "hold": Hold(fence),
            "cancel": Cancel(),
        }
        try:
            self.jobs.apply(job_id, ends[end])
        except Conflict:
            return

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        if not hasattr(self, "documents"):
            return
        stored = {job.id: job for job in self.jobs.page("", 1000)}
        assert list(stored) == self.accepted, "accepted jobs, in the order of acceptance"
        unfinished = {document.key for document in self.documents.scan(OPEN)}
        assert unfinished == set(self.jobs.open_versions())
        assert unfinished == {name for name, job in stored.items() if not job.state.final}
        for name, job in stored.items():
            made = [one for one in self.documents.scan(RESULTS) if one.key.startswith(name)]
            assert len(made) == self.commits.get(name, 0) <= 1
            assert (job.state is JobState.SUCCEEDED) == (len(made) == 1)

    @invariant()
    def every_record_reads_back(self) -> None:
        if not hasattr(self, "documents"):
            return
        for document in self.documents.scan(JOBS):
            job = msgspec.json.decode(document.body, type=JobRecord)
            assert msgspec.json.encode(job) == document.body


TestTwoWorkersAndAStore = TwoWorkersAndAStore.TestCase
