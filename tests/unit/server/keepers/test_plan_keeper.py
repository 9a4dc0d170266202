"""When the plan is made, who may write it, and what stands of it when something fails."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from lichen.control.experience import Experience
from lichen.control.intentions import INTENTIONS, Intentions, StandingIntention
from lichen.control.jobs import Jobs
from lichen.control.plan_diary import read_diary
from lichen.control.planner_role import LEASE, PlannerRole
from lichen.control.planning.plan import Plan
from lichen.control.transitions import Cancel, Claim, JobRecord, Succeed
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.protocol.admin import JobKind, Progress
from lichen.protocol.scheduling import Schedule
from lichen.server.keepers import plan_maker
from lichen.server.keepers.foreseen import Foreseen
from lichen.server.keepers.plan_keeper import PlanKeeper, Planning
from lichen.server.keepers.planner_work import ACCOUNT, PlannerWork
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.store.documents import Change, MemoryDocuments, SqliteDocuments

NOW = datetime(2026, 6, 20, 18, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHT, DAY = 100.0, 400.0
SPEC = {"task": "forecast", "data": "vic"}
WATTS, SECONDS = 4.0, 3600.0


class House:
    """A store with jobs, a grid that is clean at night, and as many planners as are asked for."""

    def __init__(self, folder: Path, settings: CarbonSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = ManualClock(NOW)
        self.documents = MemoryDocuments()
        self.jobs = Jobs(self.documents, self.clock)
        self.rows = Intentions(self.documents)
        self.histories = ZoneHistories(settings, folder / "intensities", self.clock)
        self.progress: dict[str, Progress] = {}
        self.counters: list[ProcessCounters] = []

    def seed(self, days: int = 30) -> None:
        path = self.folder / "grid.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("time", "g_per_kwh"))
            for back in range(days * 24, 0, -1):
                moment = NOW.replace(minute=0) - back * HOUR
                writer.writerow((moment.isoformat(), NIGHT if moment.hour < 6 else DAY))
        self.histories.seed("ES", path)

    def keeper(self, name: str = "one") -> PlanKeeper:
        counters = ProcessCounters.create(self.folder, f"plane-{name}")
        self.counters.append(counters)
        prices = pricing(self.settings, self.folder)
        planning = Planning(
            self.documents,
            self.jobs,
            Experience(self.jobs, self.clock),
            Foreseen(self.settings, self.histories),
            1,
            self.progress.get,
            lambda _: {},
        )
        work = PlannerWork(counters, self.folder, prices, self.clock)
        role = PlannerRole(self.documents, self.clock, name)
        return PlanKeeper(planning, role, work, self.clock)

    def submit(self, hours: float = 14, *, green: bool = True) -> JobRecord:
        deadline = self.clock.now() + hours * HOUR
        schedule = Schedule(release=self.clock.now(), deadline=deadline, green=green)
        return self.jobs.submit(JobKind.TRAIN, SPEC, "default", schedule=schedule)

    def taught(self, times: int = 5) -> None:
        """Jobs like it ended, each an hour long."""
        for _ in range(times):
            job = self.jobs.submit(JobKind.TRAIN, SPEC, "default")
            self.jobs.apply(job.id, Claim("worker", self.clock.now() + HOUR))
            self.clock.advance(SECONDS)
            nj = Nanojoules(round(WATTS * SECONDS * 1e9))
            energy = EnergyFigure(nj, nj, nj, Method.MODELLED, "a test")
            self.jobs.apply(job.id, Succeed(1, {}, Receipt(energy, None, 0)))
        self.clock.at = NOW

    def row(self, job: JobRecord) -> StandingIntention:
        found = self.rows.of(job.id)
        assert found is not None
        return found


@pytest.fixture
def settings() -> CarbonSettings:
    return CarbonSettings(zone="ES")


@pytest.fixture
def house(tmp_path: Path, settings: CarbonSettings) -> Iterator[House]:
    made = House(tmp_path, settings)
    yield made
    for counters in made.counters:
        counters.finish()


def test_a_job_that_can_wait_is_put_into_the_clean_hours(house: House) -> None:
    house.seed()
    house.taught()
    job = house.submit()
    house.keeper().turn()
    row = house.row(job)
    (segment,) = row.intention.segments
    assert NOW.replace(hour=23, minute=59) <= segment.start
    assert segment.end <= NOW.replace(hour=6, minute=0) + 24 * HOUR
    assert row.intention.saved_g == pytest.approx(4 * (DAY - NIGHT) / 1000, rel=0.05)
    assert row.fence == 1
    assert segment.start < row.must_start_by < NOW + 13 * HOUR


def test_a_plan_knows_what_a_job_took_that_ended_a_moment_ago(house: House) -> None:
    house.seed()
    keeper = house.keeper()
    before, earlier = house.submit(), house.jobs.submit(JobKind.TRAIN, SPEC, "default")
    keeper.turn()
    house.jobs.apply(earlier.id, Claim("worker", house.clock.now() + HOUR))
    house.clock.advance(25)
    nj = Nanojoules(10**11)
    energy = EnergyFigure(nj, nj, nj, Method.MODELLED, "a test")
    house.jobs.apply(earlier.id, Succeed(1, {}, Receipt(energy, None, 0)))
    keeper.turn()
    (segment,) = house.row(before).intention.segments
    assert segment.end - segment.start == timedelta(seconds=25)


def test_a_job_of_which_nothing_is_known_keeps_half_of_its_window(house: House) -> None:
    house.seed()
    job = house.submit(hours=14)
    house.keeper().turn()
    assert house.row(job).must_start_by <= NOW + 7 * HOUR


def test_a_change_brings_another_plan_and_an_ended_job_loses_its_row(house: House) -> None:
    house.seed()
    house.taught()
    first, keeper = house.submit(), house.keeper()
    keeper.turn()
    house.clock.advance(60)
    second = house.submit()
    keeper.turn()
    starts = [house.row(one).intention.segments[0] for one in (first, second)]
    assert starts[0].end <= starts[1].start or starts[1].end <= starts[0].start, "one place alone"
    house.jobs.apply(first.id, Cancel())
    house.clock.advance(60)
    keeper.turn()
    assert house.rows.of(first.id) is None
    assert house.rows.of(second.id) is not None


def test_a_new_hour_of_the_grid_brings_another_plan_and_time_alone_does_not(house: House) -> None:
    house.seed()
    house.clock.at = NOW + timedelta(minutes=52)
    job, keeper = house.submit(), house.keeper()
    made = []
    for minutes in (0, 1, 1, 2):  # the first plan, nothing, nothing, the next hour
        house.clock.advance(60 * minutes)
        keeper.turn()
        made.append(house.row(job).made_at - NOW)
    assert [one // timedelta(minutes=1) for one in made] == [52, 52, 52, 56]


def test_when_nothing_can_wait_the_rows_go_and_the_role_is_free(house: House) -> None:
    house.seed()
    job, keeper = house.submit(), house.keeper()
    keeper.turn()
    house.jobs.apply(job.id, Cancel())
    house.clock.advance(60)
    keeper.turn()
    assert house.documents.scan(INTENTIONS) == []
    other = PlannerRole(house.documents, house.clock, "other")
    assert other.take()


def test_rows_of_an_earlier_life_go_when_nothing_can_wait(house: House) -> None:
    house.seed()
    job = house.submit()
    house.keeper().turn()
    house.jobs.apply(job.id, Cancel())
    house.keeper().turn()  # the same name: the next life of the same plane
    assert house.documents.scan(INTENTIONS) == []


def test_a_job_that_runs_at_once_takes_its_place(house: House) -> None:
    house.seed()
    house.taught()
    house.clock.at = NOW + 6 * HOUR  # a clean hour, which both want
    at_once = house.submit(green=False)
    job = house.submit()
    house.keeper().turn()
    assert house.rows.of(at_once.id) is None, "the worker runs it without a plan"
    assert house.row(job).intention.segments[0].start >= house.clock.now() + HOUR - HOUR / 10


def test_without_any_history_it_runs_at_once_and_says_so(house: House) -> None:
    house.taught()
    job = house.submit()
    house.keeper().turn()
    row = house.row(job)
    assert row.intention.segments[0].start == house.clock.now()
    assert row.intention.expected_g is None
    assert row.intention.why


@pytest.mark.parametrize(
    "settings",
    [CarbonSettings(zone="ES", outlook=False), CarbonSettings(zone="ES", intensity_g_per_kwh=200)],
)
def test_switched_off_or_constant_it_runs_at_once(house: House) -> None:
    house.seed()
    house.taught()
    job = house.submit()
    house.keeper().turn()
    assert house.row(job).intention.segments[0].start == house.clock.now()


def test_a_second_planner_on_one_store_stays_passive_until_the_lease_ends(house: House) -> None:
    house.seed()
    job = house.submit()
    first, second = house.keeper("one"), house.keeper("two")
    first.turn()
    second.turn()
    assert house.row(job).fence == 1
    house.clock.advance(LEASE.total_seconds() + 1)
    second.turn()
    assert house.row(job).fence == 2
    house.clock.advance(400)
    second.turn()
    planned_by_two = house.row(job)
    first.turn()  # it was stopped in between, and believes that it holds the role
    assert house.row(job) == planned_by_two


def test_the_lease_is_renewed_while_there_is_something_to_plan(house: House) -> None:
    house.seed()
    job = house.submit()
    first, second = house.keeper("one"), house.keeper("two")
    for _ in range(8):
        first.turn()
        second.turn()
        house.clock.advance(40)
    assert house.row(job).fence == 1


def test_a_job_whose_deadline_has_passed_runs_at_once_and_is_called_late(house: House) -> None:
    house.seed()
    house.taught()
    house.jobs.submit(JobKind.TRAIN, SPEC, "default")  # takes the only place first
    job = house.submit(hours=0.5)
    house.clock.advance(3600)
    house.keeper().turn()
    row = house.row(job)
    assert row.intention.is_late
    assert row.must_start_by <= house.clock.now()


def test_planners_of_several_processes_on_one_file_plan_under_one_fence(
    house: House, tmp_path: Path
) -> None:
    """Each has a connection of its own, as processes do; all turn at the same moment."""
    stores = [SqliteDocuments(tmp_path / "store.db") for _ in range(4)]
    roles = [PlannerRole(one, house.clock, f"plane-{at}") for at, one in enumerate(stores)]
    together = Barrier(len(roles))

    def take(role: PlannerRole) -> bool:
        together.wait()
        return role.take() and role.write(lambda: [Change("intentions", "job-1", b"{}")])

    with ThreadPoolExecutor(len(roles)) as pool:
        taken = list(pool.map(take, roles))
    assert sorted(taken) == [False, False, False, True]
    assert sorted(role.fence for role in roles) == [0, 0, 0, 1]
    for one in stores:
        one.close()


def test_a_clock_that_jumped_back_leaves_no_role_that_nobody_can_take(house: House) -> None:
    house.seed()
    house.keeper("one").turn()
    house.submit()
    house.keeper("one").turn()
    house.clock.at -= 48 * HOUR
    assert PlannerRole(house.documents, house.clock, "two").take()


def test_a_failing_plan_leaves_the_rows_and_lets_the_role_run_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.seed()
    job, keeper = house.submit(), house.keeper()
    keeper.turn()
    before = house.row(job)

    def broken(*_: object) -> Plan:
        raise InvalidInput("broken on purpose")

    monkeypatch.setattr(plan_maker, "plan", broken)
    house.submit()
    house.clock.advance(60)
    with pytest.raises(InvalidInput):
        keeper.turn()
    assert house.row(job) == before


def test_what_planning_costs_is_charged_to_its_own_account(house: House) -> None:
    writer = PageWriter(house.folder)
    rate = Rate(4.0, 2.0, 6.0, Method.MODELLED, "a test", 1)
    writer.publish(PageContent(1, 0, 0, 0, 0, 0, rate))
    house.seed()
    house.submit()
    house.keeper().turn()
    account = house.counters[0].account(ACCOUNT)
    assert account.count == 1
    assert account.nj == pytest.approx(4 * account.cpu_ns, abs=2)
    assert read_diary(house.documents).nj == account.nj > 0
    writer.close()


def test_an_idle_planner_loads_no_numpy() -> None:
    script = (
        "import sys; import lichen.server.controlplane; "
        "print(sorted({'numpy', 'highspy', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_job_for_a_zone_that_this_platform_has_left_hinders_no_other(house: House) -> None:
    house.seed()
    house.taught()
    now = house.clock.now()
    schedule = Schedule(release=now, deadline=now + 14 * HOUR, zones=("FR",))
    elsewhere = house.jobs.submit(JobKind.TRAIN, SPEC, "default", schedule=schedule)
    job = house.submit()
    house.keeper().turn()
    assert house.row(job).intention.segments[0].start > now
    row = house.row(elsewhere)
    assert row.intention.segments == ()
    assert row.intention.why
