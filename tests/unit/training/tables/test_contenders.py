"""Which algorithms a search over a table may try, and what each is told."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.training import NetworkOptions, RegressionTraining
from lichen.training.tables.contenders import contenders_of
from lichen.training.tables.rows import RawRows
from lichen.training.tables.study import study_of

OPTIONS = NetworkOptions(layers=[7], epochs=3, batch_size=8, learning_rate=0.01, l2=0.5)


def defaults_of(ship: RawRows, algorithm: str, name: str) -> dict[str, object]:
    asked = RegressionTraining(data="ship", target="fare", algorithm=algorithm, network=OPTIONS)
    found = {one.name: one for one in contenders_of(study_of(asked, ship))}
    return dict(found[name].defaults)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("linear", {"l2": 0.5}),
        ("linear-gd", {"epochs": 3, "learning_rate": 0.01, "l2": 0.5}),
        ("linear-sgd", {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "l2": 0.5}),
    ],
)
def test_options_of_training_are_told_to_a_descent_that_is_asked_for(
    ship: RawRows, name: str, told: dict[str, object]
) -> None:
    assert defaults_of(ship, name, name) == told


def test_where_the_algorithm_is_chosen_they_are_for_networks_alone(ship: RawRows) -> None:
    assert defaults_of(ship, "auto", "linear") == {}


@pytest.mark.parametrize(("algorithm", "guards"), [("auto", 1), ("linear", 0)])
def test_the_cheapest_is_tried_whatever_the_budget_unless_one_is_asked_for(
    algorithm: str, guards: int, ship: RawRows
) -> None:
    asked = RegressionTraining(data="ship", target="fare", algorithm=algorithm)
    found = contenders_of(study_of(asked, ship))
    assert [one.is_guard for one in found][:guards] == [True] * guards
    assert sum(one.is_guard for one in found) == guards


def test_a_network_is_told_of_its_structure(ship: RawRows) -> None:
    pytest.importorskip("torch")
    assert defaults_of(ship, "auto", "mlp")["layers"] == "7"


def test_an_algorithm_whose_package_is_missing_is_refused_with_what_to_install(
    ship: RawRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.frameworks.estimators.portfolio.find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"xgboost needs xgboost: install lichen\[xgboost\]"):
        defaults_of(ship, "xgboost", "xgboost")
