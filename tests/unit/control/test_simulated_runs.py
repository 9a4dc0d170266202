"""Whole simulations worked out by hand: what is run when, what it costs, and what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob
from lichen.control.simulation.outcome import Simulation
from lichen.control.simulation.simulate import Options, simulate
from lichen.control.simulation.window import Outside
from lichen.core.errors import InvalidInput

START = 1640995200
HOUR = 3600
KILOWATT = 1000.0


def grid(*values: float, zone: str = "DE", start_s: int = START) -> Grid:
    return Grid(zone, start_s, HOUR, np.asarray(values, dtype=np.float64), zone)


def job(name: str = "a", hours: tuple[float, float] = (0, 8), **more: Any) -> SimulatedJob:  # noqa: ANN401
    """A kilowatt for two hours between two hours of the day, unless more is said."""
    said: dict[str, Any] = {
        "id": name,
        "where": f"jobs.csv, {name}",
        "release_s": START + hours[0] * HOUR,
        "deadline_s": START + hours[1] * HOUR,
        "duration_s": 2.0 * HOUR,
        "power_w": KILOWATT,
        "interruptible": True,
        "at_once_s": START + hours[0] * HOUR,
    }
    return SimulatedJob(**(said | more))


def hours_of(done: Simulation, place: int = 0) -> list[tuple[float, float]]:
    """When a job ran, in hours of the day."""
    start = datetime.fromtimestamp(START, UTC)
    return [
        ((one.start - start) / timedelta(hours=1), (one.end - start) / timedelta(hours=1))
        for one in done.jobs[place].segments
    ]


PERFECT = Options(forecast="perfect")
DAY = (300.0, 100.0, 300.0, 200.0, 200.0, 50.0, 400.0, 400.0)


def test_work_that_finds_no_place_before_the_series_ends_is_no_saving() -> None:
    options = Options(forecast="perfect", cores={"DE": 1})
    jobs = [job("a", (0, 4), interruptible=False), job("b", (2, 4)), job("c", (2, 4))]
    done = simulate(jobs, {"DE": grid(200, 200, 200, 200)}, options)
    assert (done.totals.grams, done.totals.saved_percent) == (1200.0, 0.0)
    assert any("1 jobs found no place before the end" in one for one in done.remarks)


def test_a_job_that_pauses_runs_in_the_cheapest_steps() -> None:
    done = simulate([job()], {"DE": grid(*DAY)}, PERFECT)
    assert hours_of(done) == [(1, 2), (5, 6)]
    (one,) = done.jobs
    assert (one.grams, one.grams_at_once, one.grams_clairvoyant) == (150.0, 400.0, 150.0)
    assert one.nj == 2 * HOUR * 1000 * 10**9
    totals = done.totals
    assert (totals.share, totals.saved_percent, totals.pauses, totals.late) == (1.0, 62.5, 1, 0)
    assert (totals.share_low, totals.share_high) == (None, None), "one week says nothing of others"


def test_a_block_runs_where_it_is_cheapest_as_a_whole() -> None:
    done = simulate([job(interruptible=False)], {"DE": grid(*DAY)}, PERFECT)
    assert hours_of(done) == [(4, 6)]
    assert done.jobs[0].grams == 250.0


def test_a_pause_is_paid_for_when_the_job_goes_on() -> None:
    cheap, dear = (
        simulate([job(pause_cost_j=cost * JOULES_PER_KWH)], {"DE": grid(*DAY)}, PERFECT)
        for cost in (1.0, 3.0)
    )
    assert hours_of(cheap) == [(1, 2), (5, 6)]
    assert cheap.jobs[0].grams == pytest.approx(100 + 50 + 1 * 50)
    assert cheap.jobs[0].nj == round((2 + 1) * JOULES_PER_KWH * 1e9)
    assert hours_of(dear) == [(4, 6)]
    assert dear.jobs[0].grams == pytest.approx(250)


def test_release_deadline_and_length_may_lie_within_steps() -> None:
    one = job(hours=(1.5, 5.25), duration_s=1.5 * HOUR)
    done = simulate([one], {"DE": grid(*DAY)}, PERFECT)
    # half an hour at 100, a quarter at 50, three quarters at 200
    assert done.jobs[0].grams == pytest.approx(0.5 * 100 + 0.25 * 50 + 0.75 * 200)
    assert done.jobs[0].grams_clairvoyant == pytest.approx(done.jobs[0].grams)


def test_a_job_without_slack_runs_at_once_whatever_is_foreseen() -> None:
    for forecast in ("perfect", "outlook", "persistence", "noise:0.5"):
        done = simulate([job(hours=(2, 4))], {"DE": grid(*DAY)}, Options(forecast=forecast))
        assert hours_of(done) == [(2, 4)]
        assert done.totals.share is None


def test_what_nothing_is_foreseen_of_runs_at_once_and_it_is_said() -> None:
    done = simulate([job()], {"DE": grid(*DAY)}, Options(forecast="outlook"))
    assert hours_of(done) == [(0, 2)]
    assert any("foresaw nothing" in remark for remark in done.remarks)


def test_the_cleaner_zone_is_taken_where_a_job_may_run_there() -> None:
    grids = {"DE": grid(*DAY), "FR": grid(*[60.0] * 8, zone="FR")}
    free, bound = job(), job("b", zones=("DE",))
    done = simulate([free, bound], grids, PERFECT)
    assert {one.zone for one in done.jobs[0].segments} == {"FR"}
    assert done.jobs[0].grams == done.jobs[0].grams_clairvoyant == 120.0
    assert done.jobs[0].grams_at_once == 400.0  # in the first zone
    assert {one.zone for one in done.jobs[1].segments} == {"DE"}


def test_where_one_core_is_all_jobs_take_turns_and_none_is_late() -> None:
    jobs = [job(name, interruptible=name != "c") for name in "abc"]
    done = simulate(jobs, {"DE": grid(*DAY)}, Options(forecast="perfect", cores={"DE": 1}))
    ran = sorted(span for place in range(3) for span in hours_of(done, place))
    assert sum(end - start for start, end in ran) == 6
    assert all(before[1] <= after[0] for before, after in pairwise(ran))
    assert done.totals.late == 0
    assert done.totals.grams == 100 + 300 + 200 + 200 + 50 + 300  # all but the dearest two hours
    assert any("no capacity" in remark for remark in done.remarks)


def test_room_is_kept_for_jobs_that_nobody_knows_of_yet() -> None:
    waits = job("waits", (0, 6), interruptible=False)  # cheapest from 4 to 6
    comes = job("comes", (4, 6), interruptible=False)
    grids = {"DE": grid(*DAY)}
    late, kept = (
        simulate(
            [waits, comes], grids, Options(forecast="perfect", cores={"DE": 1}, reserve=reserve)
        ).totals.late
        for reserve in (0.0, 0.5)
    )
    assert (late, kept) == (1, 0)


def test_places_for_all_change_nothing() -> None:
    jobs = [job("a"), job("b", interruptible=False), job("c", (1, 7))]
    free, roomy = (
        simulate(jobs, {"DE": grid(*DAY)}, Options(forecast="noise:0.2", cores=cores))
        for cores in ({}, {"DE": 6})
    )
    assert free.jobs == roomy.jobs


def test_windows_may_be_longer_than_deadlines_and_then_jobs_end_late() -> None:
    jobs = [job(hours=(2, 5), interruptible=False, duration_s=1.0 * HOUR)]
    strict = simulate(jobs, {"DE": grid(*DAY)}, PERFECT)
    beyond = simulate(jobs, {"DE": grid(*DAY)}, Options(forecast="perfect", steps_beyond=1))
    assert hours_of(strict) == [(3, 4)]
    assert hours_of(beyond) == [(5, 6)]
    assert beyond.jobs[0].late_s == HOUR
    assert beyond.totals.late == 1
    assert "1 steps longer" in beyond.remarks[0]


def test_at_once_is_when_the_file_says_so() -> None:
    one = job(interruptible=False, duration_s=1.0 * HOUR, at_once_s=START + 3 * HOUR)
    assert simulate([one], {"DE": grid(*DAY)}, PERFECT).jobs[0].grams_at_once == 200.0


def test_jobs_outside_of_the_series_are_refused_dropped_or_cut() -> None:
    inside, before, after = job(), job("b", (-1, 4)), job("c", (6, 9), duration_s=3.0 * HOUR)
    grids = {"DE": grid(*DAY)}
    for outsider in (before, after):
        with pytest.raises(InvalidInput, match=f"job '{outsider.id}'.* leaves it no time within"):
            simulate([inside, outsider], grids, PERFECT)
    dropped = simulate([inside, before, after], grids, Options(outside=Outside.DROP))
    assert [one.id for one in dropped.jobs] == ["a"]
    assert "2 jobs were left out" in dropped.remarks[0]
    cut = simulate([inside, before, after], grids, Options(outside=Outside.CUT))
    assert [one.id for one in cut.jobs] == ["a", "b", "c"]
    assert (cut.jobs[1].segments, cut.jobs[1].grams) == ((), 0.0)
    assert cut.jobs[1].grams_at_once == 300.0  # of its two hours one lies within
    assert cut.jobs[2].grams == cut.jobs[2].grams_at_once == 800.0
    assert "1 jobs would begin before" in cut.remarks[0]
    assert "1 jobs reach beyond" in cut.remarks[1]
    with pytest.raises(InvalidInput, match="no job lies within"):
        simulate([before], grids, Options(outside=Outside.DROP))


def test_a_window_that_ends_after_the_series_ends_with_it() -> None:
    late = job("late", (6, 20), duration_s=1.0 * HOUR)
    done = simulate([job(), late], {"DE": grid(*DAY)}, PERFECT)
    within = simulate([job("late", (6, 8), duration_s=1.0 * HOUR)], {"DE": grid(*DAY)}, PERFECT)
    assert done.jobs[1] == within.jobs[0]
    assert done.remarks == (
        "1 jobs reach beyond the end of the intensities: their windows are taken to end there "
        "(2022-01-01T00:00Z to 2022-01-01T08:00Z)",
    )


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"zones": ("XX",)}, "may run in XX, of which there is no intensity"),
        ({"cores": 3}, "needs 3 cores, more than any of its zones has"),
        ({"duration_s": 9.0 * HOUR}, "longer than the 28800 s"),
    ],
)
def test_jobs_that_cannot_run_are_refused(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        simulate([job(**more)], {"DE": grid(*DAY)}, Options(cores={"DE": 2}))


def test_noise_is_drawn_anew_for_each_repetition_and_the_mean_is_told() -> None:
    grids = {"DE": grid(*DAY)}
    runs = [
        simulate([job()], grids, Options(forecast="noise:1", seed=seed, replans=False))
        for seed in range(3)
    ]
    mean = simulate([job()], grids, Options(forecast="noise:1", repeat=3, replans=False))
    grams = [run.jobs[0].grams for run in runs]
    assert len(set(grams)) > 1
    assert mean.jobs[0].grams == pytest.approx(np.mean(grams))


def test_planning_is_paid_for() -> None:
    planner = simulate([job()], {"DE": grid(*DAY)}, PERFECT).totals.planner
    assert planner.plans == 6  # at each hour until it has run
    assert planner.nj == pytest.approx(planner.cpu_seconds * 3.258e9, rel=1e-6)
    assert planner.share_of_saving is not None
    assert 0 < planner.share_of_saving < 0.01
