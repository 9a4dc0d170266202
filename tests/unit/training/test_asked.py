"""Figures that mean nothing are refused whatever the task, before anything is spent."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.training import (
    ClusteringTraining,
    ForecastTraining,
    RegressionTraining,
    Training,
)
from lichen.training.asked import check_asked


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (RegressionTraining(data="x", target="y", seed=-1), "seed -1 is none"),
        (ClusteringTraining(data="x", seed=2**32), "seed 4294967296 is none"),
        (
            RegressionTraining(data="x", target="y", budget_nj=0),
            "the energy budget is 0 J: give more",
        ),
        (
            ForecastTraining(data="x", targets=["y"], horizon=2, budget_ng=-3),
            "the carbon budget is -3e-09 g",
        ),
        (RegressionTraining(data="x", target="y", tenth_nj=-1), "tenth_nj -1 is no price"),
    ],
)
def test_figures_that_mean_nothing_are_refused(asked: Training, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_asked(asked)


def test_a_price_of_nothing_and_a_seed_of_0_can_be_asked_for() -> None:
    check_asked(RegressionTraining(data="x", target="y", tenth_nj=0, seed=0, budget_nj=1))
