"""How long a job takes and what it draws, by real records of earlier ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lichen.control.expectations import START_JOULES, Expectation, expectation, left_of
from lichen.control.experience import Experience
from lichen.control.jobs import Jobs
from lichen.control.submissions import JobDraft
from lichen.control.transitions import Claim, Fail, JobRecord, Succeed
from lichen.core.clock import ManualClock
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.protocol.admin import JobError, JobKind, JsonObject
from lichen.store.documents import MemoryDocuments

NOW = datetime(2026, 6, 20, tzinfo=UTC)
VIC: JsonObject = {"task": "forecast", "data": "vic", "algorithm": "auto"}
OTHER: JsonObject = {"task": "forecast", "data": "other", "algorithm": "auto"}


class Past:
    """Jobs that really ran through their states."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.jobs = Jobs(MemoryDocuments(), self.clock)

    def ran(
        self, seconds: float, watts: float = 4.0, spec: JsonObject = VIC, tenant: str = "default"
    ) -> JobRecord:
        job = self.jobs.submit(JobKind.TRAIN, spec, tenant)
        self.jobs.apply(job.id, Claim("worker", self.clock.now()))
        self.clock.advance(seconds)
        nj = Nanojoules(round(seconds * watts * 1e9))
        receipt = Receipt(EnergyFigure(nj, nj, nj, Method.MODELLED, "a test"), None, 0)
        return self.jobs.apply(job.id, Succeed(1, {}, receipt))

    def failed(self) -> None:
        job = self.jobs.submit(JobKind.TRAIN, VIC, "default")
        self.jobs.apply(job.id, Claim("worker", self.clock.now()))
        self.clock.advance(99)
        self.jobs.apply(job.id, Fail(1, JobError(code="WorkFailed", message="no")))

    def expected(self, spec: JsonObject = VIC) -> Expectation:
        return expectation(JobKind.TRAIN, spec, self.jobs.page("", 1000))


@pytest.fixture
def past() -> Past:
    return Past()


def ran(past: Past, seconds: Sequence[float], spec: JsonObject = VIC) -> None:
    for one in seconds:
        past.ran(one, spec=spec)


def test_the_median_of_jobs_like_it_with_an_interval(past: Past) -> None:
    ran(past, [90, 100, 110])
    found = past.expected()
    assert found.seconds.median == 100
    assert 60 < found.seconds.low < 90 < 110 < found.seconds.high < 160
    assert found.joules.median == pytest.approx(400)
    assert found.power_w == pytest.approx(4.0)
    assert (found.is_known, found.is_prior) == (True, False)
    assert found.basis == "the median of 3 like it"


def test_the_worst_case_lies_above_all_that_was_seen(past: Past) -> None:
    ran(past, [100, 100, 100, 300])
    found = past.expected()
    assert found.longest >= timedelta(seconds=1.25 * 300)


def test_more_jobs_that_agree_make_it_surer(past: Past) -> None:
    ran(past, [100])
    one = past.expected()
    ran(past, [100] * 9)
    ten = past.expected()
    assert ten.seconds.high < one.seconds.high
    assert ten.longest < one.longest


def test_jobs_on_other_data_say_less(past: Past) -> None:
    ran(past, [100] * 3, OTHER)
    found = past.expected()
    assert (found.is_known, found.basis) == (False, "the median of 3 other train jobs")
    assert found.longest > past.expected(OTHER).longest


def test_without_any_it_is_a_stated_prior(past: Past) -> None:
    past.failed()
    found = past.expected()
    assert found.is_prior
    assert "assumed" in found.basis
    assert found.pause_j == START_JOULES


def test_a_pause_costs_no_more_than_a_whole_job_of_its_kind(past: Past) -> None:
    past.ran(1.0, watts=2.0)
    assert past.expected().pause_j == pytest.approx(2.0)


def test_a_job_that_reads_ten_times_as_much_takes_ten_times_as_long_but_for_its_start(
    past: Past,
) -> None:
    small: JsonObject = {"deployment": "d", "size_bytes": 1000}
    large: JsonObject = {"deployment": "d", "size_bytes": 10_000}
    ran(past, [12, 12, 12], small)
    found = past.expected(large)
    assert found.is_known
    assert found.seconds.median == pytest.approx(2 + 10 * 10)
    assert found.longest / found.duration > past.expected(small).longest / timedelta(seconds=12)
    assert past.expected({"deployment": "d", "size_bytes": 1}).seconds.median > 2


def test_only_the_newest_count(past: Past) -> None:
    ran(past, [1000] * 5 + [100] * 20)
    assert past.expected().seconds.median == 100


def test_nothing_was_done_of_a_job_that_did_not_run(past: Past) -> None:
    ran(past, [100] * 3)
    found = past.expected()
    left = left_of(found)
    assert left.duration == found.duration
    assert left.at_worst == found.longest


def test_progress_reduces_what_is_left(past: Past) -> None:
    ran(past, [100] * 3)
    found = past.expected()
    lefts = [left_of(found, 100 * share, share) for share in (0.25, 0.5, 0.75)]
    assert [one.duration.total_seconds() for one in lefts] == [75, 50, 25]
    assert lefts[0].at_worst > lefts[1].at_worst > lefts[2].at_worst > lefts[2].duration


def test_one_that_is_slower_than_expected_is_given_longer(past: Past) -> None:
    ran(past, [100] * 3)
    found = past.expected()
    slow = left_of(found, ran_s=400, fraction=0.5)
    assert slow.at_worst >= timedelta(seconds=500)
    silent = left_of(found, ran_s=400)
    assert silent.duration == timedelta(seconds=200)
    assert silent.at_worst >= silent.duration


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.0, 2.0, float("nan")])
def test_whatever_progress_is_told_something_is_left(past: Past, fraction: float) -> None:
    ran(past, [100])
    left = left_of(past.expected(), 50.0, fraction)
    assert timedelta(0) < left.duration <= left.at_worst < timedelta(days=400)


def test_experience_is_of_a_tenants_own_jobs_and_renewed_each_minute(past: Past) -> None:
    experience = Experience(past.jobs, past.clock)
    draft = JobDraft(JobKind.TRAIN, VIC, "default")
    assert experience.expected(draft) is None
    past.ran(50, tenant="another")
    past.ran(30)
    assert experience.expected(draft) is not None
    assert experience.expectation(JobKind.TRAIN, VIC, "default").seconds.median == 30


def test_each_job_is_taken_in_once_when_it_has_ended(past: Past) -> None:
    experience = Experience(past.jobs, past.clock)

    def count() -> str:
        past.clock.advance(61)
        return experience.expectation(JobKind.TRAIN, VIC, "default").basis

    ran(past, [30, 30])
    assert count() == "the median of 2 like it"
    slow = past.jobs.submit(JobKind.TRAIN, VIC, "default")
    past.jobs.apply(slow.id, Claim("worker", past.clock.now()))
    ran(past, [30])
    assert count() == "the median of 3 like it"
    assert count() == "the median of 3 like it", "nothing came and nothing ended"
    nj = Nanojoules(10**9)
    receipt = Receipt(EnergyFigure(nj, nj, nj, Method.MODELLED, "a test"), None, 0)
    past.jobs.apply(slow.id, Succeed(1, {}, receipt))
    assert count() == "the median of 4 like it"
    past.failed()
    assert count() == "the median of 4 like it"


def test_a_clock_that_jumped_by_decades_under_a_job_breaks_no_estimate(past: Past) -> None:
    fifty_years_s = 50 * 365 * 86400.0
    ran(past, [10.0, fifty_years_s])
    found = past.expected()
    assert found.is_known
    assert found.longest <= timedelta(days=366)
    assert timedelta(0) < left_of(found).duration <= timedelta(days=366)


@pytest.mark.parametrize(
    ("earlier", "asked"), [(10, 10**18), (1, 10**400), (10**400, 1)], ids=["EB", "huge", "small"]
)
def test_a_size_out_of_all_proportion_breaks_no_estimate(
    past: Past, earlier: int, asked: int
) -> None:
    ran(past, [10.0, 12.0], spec={**VIC, "size_bytes": earlier})
    found = past.expected({**VIC, "size_bytes": asked})
    assert timedelta(0) < found.duration <= found.longest <= timedelta(days=366)
