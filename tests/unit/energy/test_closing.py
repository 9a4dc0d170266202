"""Closing a window by hand-made readings: what goes where, with which sign."""

from datetime import UTC, datetime

from lichen.core.figures import Method
from lichen.energy.closing import Levels, Posting, close
from lichen.energy.meter import Window
from lichen.energy.page import Rate
from lichen.energy.readings import Charge, ProcessReading

START = datetime(2026, 1, 1, tzinfo=UTC)


def window(energy_nj: int, idle_nj: int, busy_ns: int, nj_per_ns: float = 2.0) -> Window:
    rate = Rate(nj_per_ns, nj_per_ns, nj_per_ns, Method.MODELLED, "test", 1)
    return Window(1, START, START, energy_nj, idle_nj, busy_ns, rate)


def process(
    cpu_ns: int,
    charges: tuple[Charge, ...] = (),
    in_flight_ns: int = 0,
    *,
    whole: bool = False,
    alive: bool = True,
    pid: int = 1,
) -> ProcessReading:
    return ProcessReading("dataplane", pid, 1, cpu_ns, charges, in_flight_ns, whole, alive)


def by_account(postings: tuple[Posting, ...]) -> dict[str, int]:
    assert sum(posting.nj for posting in postings) == 0
    return {posting.account: posting.nj for posting in postings}


def test_a_window_goes_to_work_overhead_others_and_idle() -> None:
    charge = Charge("work/t/d/m@1/fp32", 300, 600, 9, 2)
    postings, levels = close(window(3_000, 1_000, 1_000), [process(400, (charge,))])
    assert by_account(postings) == {
        "meter": -3_000,
        "work/t/d/m@1/fp32": 600,
        "overhead/dataplane": 200,
        "in-progress": 0,
        "host/other": 1_200,
        "idle": 1_000,
        "rate-variance": 0,
    }
    assert postings[1] == Posting("work/t/d/m@1/fp32", 600, 300, 9, 2)
    assert levels.processes[0].overhead_ns == 100


def test_work_in_flight_is_in_progress_and_reversed_when_charged() -> None:
    first, levels = close(window(2_000, 0, 1_000), [process(500, (), 450)])
    assert by_account(first)["in-progress"] == 900
    assert by_account(first)["overhead/dataplane"] == 100
    charge = Charge("work/a", 480, 960, 0, 1)
    second, levels = close(window(200, 0, 100), [process(540, (charge,))], levels)
    lines = by_account(second)
    assert (lines["work/a"], lines["overhead/dataplane"]) == (960, 20)
    assert lines["in-progress"] == -900
    assert levels.in_progress_nj == 0


def test_a_whole_process_has_no_overhead_while_it_lives() -> None:
    first, levels = close(window(1_000, 0, 500), [process(500, (), whole=True)])
    assert by_account(first)["overhead/dataplane"] == 0
    assert by_account(first)["in-progress"] == 1_000
    ended = process(510, (Charge("work/job", 490, 980, 0, 1),), whole=True, alive=False)
    second, levels = close(window(20, 0, 10), [ended], levels)
    lines = by_account(second)
    assert (lines["overhead/dataplane"], lines["in-progress"]) == (40, -1_000)
    assert levels == Levels()


def test_work_killed_in_flight_becomes_overhead() -> None:
    _, levels = close(window(1_000, 0, 500), [process(500, (), 500)])
    lines = by_account(close(window(0, 0, 0), [process(500, alive=False)], levels)[0])
    assert (lines["overhead/dataplane"], lines["in-progress"]) == (1_000, -1_000)


def test_overhead_is_never_taken_back() -> None:
    _, levels = close(window(1_000, 0, 500), [process(500)])
    late = process(500, (Charge("work/a", 100, 200, 0, 1),))
    lines = by_account(close(window(0, 0, 0), [late], levels)[0])
    assert lines["overhead/dataplane"] == 0
    assert (lines["work/a"], lines["in-progress"]) == (200, -200)


def test_what_the_rate_missed_is_declared_variance() -> None:
    charge = Charge("work/a", 1_000, 1_900, 0, 1)
    lines = by_account(close(window(2_100, 50, 1_000), [process(1_000, (charge,))])[0])
    assert lines["rate-variance"] == 2_100 - 50 - 1_900


def test_processes_sharing_an_account_share_a_line() -> None:
    readings = [
        process(10, (Charge("work/a", 10, 20, 1, 1),), pid=1),
        process(30, (Charge("work/b", 10, 20, 1, 1), Charge("work/a", 20, 40, 2, 3)), pid=2),
    ]
    postings, levels = close(window(80, 0, 40), readings)
    assert Posting("work/a", 60, 30, 3, 4) in postings
    again, _ = close(window(0, 0, 0), readings, levels)
    assert not any(posting.account.startswith("work/") for posting in again)
