"""Which constraints are refused, and who is left out of the portfolio for them."""

from typing import Literal

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.training import ClassificationTraining, RegressionTraining, TableTraining
from lichen.training.tables.contenders import contenders_of
from lichen.training.tables.monotone import check_monotone, told_monotone
from lichen.training.tables.rows import RawRows
from lichen.training.tables.run import execute
from lichen.training.tables.study import study_of
from lichen.training.watch import EnergyGauge, NoWatch

Signs = dict[str, Literal[-1, 1]]


def asked(monotone: Signs, algorithm: str = "auto") -> TableTraining:
    return RegressionTraining(
        data="ship",
        target="fare",
        algorithm=algorithm,
        monotone=monotone,
        search=1,
        cv=2,
    )


def test_only_algorithms_that_keep_constraints_are_tried(ship: RawRows) -> None:
    found = [one.name for one in contenders_of(study_of(asked({"age": 1}), ship))]
    assert set(found) <= {"lightgbm", "xgboost", "forest"}
    assert "lightgbm" in found
    with pytest.raises(InvalidInput, match="'linear' keeps no monotone constraints"):
        contenders_of(study_of(asked({"age": 1}, "linear"), ship))


@pytest.mark.parametrize(
    ("monotone", "said"),
    [({"sex": 1}, "constraints are for numbers"), ({"fare": 1}, "no model here looks at")],
)
def test_constraints_that_mean_nothing_are_refused(
    ship: RawRows, monotone: Signs, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_monotone(study_of(asked(monotone), ship))


def test_several_classes_have_no_order(ship: RawRows) -> None:
    of_classes = ClassificationTraining(data="ship", target="port", monotone={"age": 1})
    study = study_of(of_classes, ship)
    assert study.target.classes > 2
    with pytest.raises(InvalidInput, match="two classes"):
        check_monotone(study)


def test_constraints_and_bans_stand_in_the_parameters(ship: RawRows, gauge: EnergyGauge) -> None:
    trained = execute(
        study_of(
            RegressionTraining(
                data="ship",
                target="fare",
                algorithm="lightgbm",
                monotone={"age": -1},
                exclude=["sex"],
                search=1,
                cv=2,
                background=False,
            ),
            ship,
        ),
        NoWatch(),
        gauge,
    )
    assert trained.parameters["constraint_monotone"] == told_monotone({"age": -1}) == "age=-1"
    assert trained.parameters["constraint_banned"] == "sex"
    assert "background.json" not in trained.files
