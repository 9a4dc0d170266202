"""What published simulators do, done by hand beside ours: the cheapest noisy steps, one beyond."""

import numpy as np
import pytest

from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob
from lichen.control.simulation.simulate import Options, simulate
from lichen.control.simulation.window import Outside

HALF_HOUR = 1800
STEPS = 336
NOISE = 0.05


def test_planned_once_on_noise_jobs_cost_what_published_work_says() -> None:
    random = np.random.default_rng(1)
    truth = random.uniform(50.0, 400.0, STEPS)
    spans = [(int(random.integers(0, 250)), int(random.integers(1, 40))) for _ in range(30)]
    slacks = random.integers(0, 60, 30).tolist()
    jobs = [
        SimulatedJob(
            id=str(number),
            where="here",
            release_s=float(first * HALF_HOUR),
            deadline_s=float((first + length + slack) * HALF_HOUR),
            duration_s=float(length * HALF_HOUR),
            power_w=JOULES_PER_KWH / HALF_HOUR,
            interruptible=True,
            at_once_s=float(first * HALF_HOUR),
        )
        for number, ((first, length), slack) in enumerate(zip(spans, slacks, strict=True))
    ]
    by_hand = np.zeros(len(jobs))
    for seed in range(3):
        error = np.random.default_rng(seed).normal(0.0, NOISE * truth.mean(), STEPS)
        for number, ((first, length), slack) in enumerate(zip(spans, slacks, strict=True)):
            window = slice(first, first + length + slack + 1)
            cheapest = np.argsort((truth + error)[window], kind="stable")[:length]
            by_hand[number] += truth[window][cheapest].sum() / 3
    options = Options(
        forecast=f"noise:{NOISE}",
        replans=False,
        steps_beyond=1,
        repeat=3,
        outside=Outside.CUT,
    )
    done = simulate(jobs, {"DE": Grid("DE", 0, HALF_HOUR, truth)}, options)
    assert [job.grams for job in done.jobs] == pytest.approx(by_hand.tolist())
