"""Figures that mean nothing are refused whatever the task, before anything is spent."""

from typing import Any

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.training import (
    ClusteringTraining,
    ForecastTraining,
    NetworkOptions,
    RegressionTraining,
    Training,
)
from lichen.training.asked import check_asked


def table(**more: Any) -> RegressionTraining:  # noqa: ANN401
    return RegressionTraining(data="x", target="y", **more)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (table(seed=-1), "seed -1 is none"),
        (ClusteringTraining(data="x", seed=2**32), "seed 4294967296 is none"),
        (
            table(budget_nj=0),
            "the energy budget is 0 J: give more",
        ),
        (
            ForecastTraining(data="x", targets=["y"], horizon=2, budget_ng=-3),
            "the carbon budget is -3e-09 g",
        ),
        (table(tenth_nj=-1), "tenth_nj -1 is no price"),
        (ClusteringTraining(data="x", search=0), "search 0 makes no trial"),
        (table(network=NetworkOptions(epochs=0)), "epochs is 0: take at least 1"),
        (table(network=NetworkOptions(learning_rate=-1.0)), "learning_rate is -1: take more"),
        (table(algorithm="linear", network=NetworkOptions(layers=[3])), "'linear' is no network"),
    ],
)
def test_figures_that_mean_nothing_are_refused(asked: Training, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_asked(asked)


def test_a_price_of_nothing_and_a_seed_of_0_can_be_asked_for() -> None:
    check_asked(table(tenth_nj=0, seed=0, budget_nj=1))


def test_how_it_is_trained_can_be_said_of_what_is_no_network() -> None:
    check_asked(table(algorithm="linear-sgd", network=NetworkOptions(epochs=3, l2=0.1)))
    check_asked(table(network=NetworkOptions(layers=[3], dropout=0.1)))
    check_asked(table(algorithm="mlp", network=NetworkOptions(layers=[3])))
