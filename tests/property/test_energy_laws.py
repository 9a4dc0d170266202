"""The laws of metering: books that close, overhead that never shrinks, shares that sum (L1, A5)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lichen.core.figures import Method
from lichen.energy.attribution import split
from lichen.energy.closing import Levels, Posting, close
from lichen.energy.meter import Reading, Window
from lichen.energy.page import Rate
from lichen.energy.power.learning import LearnedRate
from lichen.energy.readings import Charge, ProcessReading

SECOND = 1_000_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=64)


@given(st.integers(0, 10**15), weights)
def test_shares_sum_to_the_whole_and_lie_within_one_of_exact(total: int, sizes: list[int]) -> None:
    shares = split(total, sizes)
    assert sum(shares) == total
    if sum(sizes):
        for share, size in zip(shares, sizes, strict=True):
            assert abs(share - Fraction(total * size, sum(sizes))) < 1


@given(st.integers(0, 10**12), weights)
def test_a_larger_request_never_pays_less(total: int, sizes: list[int]) -> None:
    paid = sorted(zip(sizes, split(total, sizes), strict=True))
    for (size, share), (larger, larger_share) in pairwise(paid):
        assert size == larger or share <= larger_share + 1


@dataclass(frozen=True)
class Step:
    """What one process did in one window: work charged, overhead, work still in flight."""

    charged_ns: int
    overhead_ns: int
    in_flight_ns: int
    slack_ns: int
    ends: bool


steps = st.builds(
    Step,
    charged_ns=st.integers(0, SECOND),
    overhead_ns=st.integers(0, SECOND // 10),
    in_flight_ns=st.integers(0, SECOND // 10),
    slack_ns=st.integers(0, SECOND // 100),
    ends=st.booleans(),
)


class TruePast:
    """A process whose true overhead is known, seen only through C, Q and an upper bound G."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.done_ns = self.overhead_ns = self.charged_ns = 0
        self.alive = True

    def live(self, step: Step) -> ProcessReading:
        self.charged_ns = self.done_ns + step.charged_ns
        self.overhead_ns += step.overhead_ns
        self.done_ns = self.charged_ns + step.in_flight_ns
        self.alive = not step.ends
        charge = Charge("work/a", self.charged_ns, self.charged_ns * 3, self.charged_ns, 1)
        return ProcessReading(
            name=f"p{self.pid % 2}",
            pid=self.pid,
            started=1,
            cpu_ns=self.done_ns + self.overhead_ns,
            charges=(charge,),
            in_flight_ns=step.in_flight_ns + step.slack_ns,
            whole_process=False,
            alive=self.alive,
        )


def window_of(energy_nj: int, idle_nj: int, busy_ns: int, nj_per_ns: float) -> Window:
    rate = Rate(nj_per_ns, nj_per_ns, nj_per_ns, Method.MODELLED, "law", 1)
    return Window(1, START, START, energy_nj, idle_nj, busy_ns, rate)


@given(
    st.lists(st.lists(steps, min_size=3, max_size=3), min_size=1, max_size=12),
    st.lists(st.integers(0, 10**10), min_size=12, max_size=12),
    st.floats(0.5, 10),
)
def test_books_close_overhead_never_shrinks_and_never_exceeds_the_truth(
    history: list[list[Step]], energies: list[int], nj_per_ns: float
) -> None:
    processes = [TruePast(pid) for pid in range(3)]
    levels = Levels()
    booked: dict[str, int] = {}
    for row, energy_nj in zip(history, energies, strict=False):
        alive = [(p, step) for p, step in zip(processes, row, strict=True) if p.alive]
        readings = [process.live(step) for process, step in alive]
        busy_ns = 5 * SECOND
        window = window_of(energy_nj, energy_nj // 3, busy_ns, nj_per_ns)
        postings, levels = close(window, readings, levels)
        assert sum(posting.nj for posting in postings) == 0
        assert sum(posting.cpu_ns for posting in postings) == busy_ns
        for posting in postings:
            if posting.account.startswith("overhead/"):
                assert posting.nj >= 0
            booked[posting.account] = booked.get(posting.account, 0) + posting.cpu_ns
    charged = sum(process.charged_ns for process in processes)
    assert booked.get("work/a", 0) == charged
    for name in ("p0", "p1"):
        ours = [process for process in processes if f"p{process.pid % 2}" == name]
        killed_in_flight = sum(p.done_ns - p.charged_ns for p in ours if not p.alive)
        truth = sum(process.overhead_ns for process in ours) + killed_in_flight
        assert booked.get(f"overhead/{name}", 0) <= truth


@given(st.lists(steps, min_size=1, max_size=10))
def test_once_nothing_is_in_flight_the_books_hold_the_truth(history: list[Step]) -> None:
    process, levels = TruePast(1), Levels()
    overhead_ns = in_progress_nj = 0
    quiet = Step(0, 0, 0, 0, ends=False)
    for step in [*(replace(step, ends=False) for step in history), quiet]:
        postings, levels = close(window_of(0, 0, 0, 2.0), [process.live(step)], levels)
        lines = {posting.account: posting for posting in postings}
        overhead_ns += lines["overhead/p1"].cpu_ns
        in_progress_nj += lines["in-progress"].nj
    assert overhead_ns == process.overhead_ns
    assert in_progress_nj == 0


@given(st.floats(0.6, 12), st.floats(0.05, 8), st.floats(0, 3))
def test_rate_variance_stays_within_two_per_cent_under_steady_load(
    true_nj_per_ns: float, cores: float, foreign_cores: float
) -> None:
    """A counter meter with another slope than the prior; a foreign process burns beside us (L2)."""
    learned, levels = LearnedRate(), Levels()
    busy_ns = int((cores + foreign_cores) * SECOND)
    own_ns = int(cores * SECOND)
    dynamic_nj = int(busy_ns * true_nj_per_ns)
    warm_windows = 6 * SECOND // busy_ns + 4
    variance = dynamic = charged_ns = charged_nj = 0
    for number in range(1, warm_windows + 11):
        rate = learned.rate(Method.MEASURED, "law", number)
        charged_ns += own_ns
        charged_nj += rate.nanojoules(own_ns)
        charge = Charge("work/a", charged_ns, charged_nj, 0, number)
        reading = ProcessReading("p", 1, 1, charged_ns, (charge,), 0, False, True)  # noqa: FBT003 - a record
        window = Window(number, START, START, dynamic_nj + 77, 77, busy_ns, rate)
        postings, levels = close(window, [reading], levels)
        learned.learn(Reading(0, 0, 0, 0), Reading(dynamic_nj + 77, 77, busy_ns, SECOND))
        if number > warm_windows:
            variance += abs(_variance(postings))
            dynamic += dynamic_nj
    assert variance <= 0.02 * dynamic


def _variance(postings: tuple[Posting, ...]) -> int:
    return next(posting.nj for posting in postings if posting.account == "rate-variance")
