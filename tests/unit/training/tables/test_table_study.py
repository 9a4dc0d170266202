"""What of a table cannot be trained on is refused, in a sentence that says what to do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.splits import SplitKind
from lichen.protocol.training import ClassificationTraining, RegressionTraining, TableTraining
from lichen.training.tables.columns import Kind
from lichen.training.tables.leaks import refuse_leaks
from lichen.training.tables.rows import RawRows
from lichen.training.tables.study import study_of


def fare(**more: Any) -> RegressionTraining:  # noqa: ANN401
    return RegressionTraining(data="ship", target="fare", **more)


def survived(**more: Any) -> ClassificationTraining:  # noqa: ANN401
    return ClassificationTraining(data="ship", target="survived", **more)


def texts(values: list[str]) -> np.ndarray:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = [value.encode() for value in values]
    return made


def with_column(rows: RawRows, name: str, values: np.ndarray) -> RawRows:
    return replace(rows, columns={**rows.columns, name: values})


def test_each_column_is_taken_for_what_it_is(ship: RawRows) -> None:
    sentences = [f"the {one} passenger of {one % 7} seen on deck" for one in range(len(ship))]
    rows = with_column(ship, "remark", texts(sentences))
    rows = with_column(rows, "id", texts([f"X{one}" for one in range(len(ship))]))
    rows = with_column(rows, "empty", np.full(len(ship), np.nan))
    rows = with_column(rows, "same", np.ones(len(ship)))
    study = study_of(survived(), rows)
    assert {one.name: one.kind for one in study.plan.columns} == {
        "age": Kind.NUMBER,
        "sex": Kind.CATEGORY,
        "port": Kind.CATEGORY,
        "crew": Kind.BOOLEAN,
        "ticket": Kind.MANY,
        "boarded": Kind.MOMENT,
        "fare": Kind.NUMBER,
        "remark": Kind.WORDS,
    }
    assert set(study.plan.left_out) == {"id", "empty", "same"}
    assert any(
        "'id' left out: it has another value in nearly every row" in one for one in study.notes
    )


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        ({"survived": ["yes"] * 160}, survived(), "has one class only, 'yes'"),
        ({"survived": [str(one) for one in range(160)]}, survived(), "160 classes in 160 rows"),
        ({"fare": ["cheap"] * 160}, fare(), "holds text such as 'cheap', not numbers"),
        ({"fare": 3.0}, fare(), "is 3 in every row"),
        ({"fare": np.nan}, fare(), "has a value in 0 rows"),
        ({}, fare(weight="debt"), "has no column 'debt'"),
        ({}, fare(features=["agee"]), "did you mean 'age'"),
        ({}, fare(metric="r3"), "did you mean 'R2'"),
        ({}, fare(split="grouped"), "needs the column of the groups"),
        ({}, fare(split="time"), "needs a dataset with a time column"),
        ({}, fare(weight="sex"), "weight column 'sex' holds text"),
        ({"age": -1.0}, fare(weight="age"), "weight column 'age' holds -1 in 160 rows"),
        ({"age": 0.0}, fare(weight="age"), "is 0 in every row"),
        ({}, fare(features=["age", "fare"]), "'fare' is named as target and as features"),
        ({}, fare(exclude=["fare"]), "'fare' is named as target and as exclude"),
        ({}, fare(weight="fare"), "'fare' is named as target and as weight"),
        ({}, fare(group="fare"), "'fare' is named as target and as group"),
        ({}, fare(features=["age", "sex"], exclude=["sex"]), "'sex' is named as features and as"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    change: dict[str, Any], asked: TableTraining, said: str, ship: RawRows
) -> None:
    rows = ship
    for name, value in change.items():
        column = texts(value) if isinstance(value, list) else np.full(len(rows), value)
        rows = with_column(rows, name, column)
    with pytest.raises(InvalidInput, match=said):
        study_of(asked, rows)


def test_features_that_are_all_constant_are_refused() -> None:
    rows = RawRows({"a": np.ones(30), "y": np.arange(30.0)}, {}, frozenset())
    with pytest.raises(InvalidInput, match="no column is left to predict by: 'a' is the same"):
        study_of(RegressionTraining(data="x", target="y"), rows)


def test_more_folds_than_rows_are_refused(ship: RawRows) -> None:
    study = study_of(fare(cv=400), ship)
    with pytest.raises(InvalidInput, match="fewer than 400 folds"):
        study.folds()
    with pytest.raises(InvalidInput, match="cv 1 is no cross-validation"):
        study_of(fare(cv=1), ship).folds()


def test_rows_without_a_target_are_left_out_and_said(ship: RawRows) -> None:
    holes = ship.columns["fare"].copy()
    holes[:7] = np.nan
    study = study_of(fare(), with_column(ship, "fare", holes))
    assert len(study.rows) == len(ship) - 7
    assert "7 rows left out: no usable target 'fare'" in study.notes


def test_a_class_of_one_row_is_left_out(ship: RawRows) -> None:
    labels = ship.columns["survived"].copy()
    labels[3] = b"perhaps"
    study = study_of(survived(), with_column(ship, "survived", labels))
    assert study.target.labels == ("no", "yes")
    assert len(study.rows) == len(ship) - 1


def test_classes_of_numbers_are_in_their_order() -> None:
    numbers = np.tile([10.0, 9.0, 100.0], 20)
    rows = RawRows({"a": np.arange(60.0), "y": numbers}, {}, frozenset())
    study = study_of(ClassificationTraining(data="x", target="y"), rows)
    assert study.target.labels == ("9", "10", "100")


def test_balanced_weights_weigh_each_class_alike(ship: RawRows) -> None:
    study = study_of(survived(class_weight="balanced"), ship)
    assert study.weights is not None
    sums = np.bincount(study.target.values.astype(int), study.weights)
    assert sums[0] == pytest.approx(sums[1])


def test_a_dataset_with_times_is_split_by_time(ship: RawRows) -> None:
    times = np.datetime64("2026-01-01", "s") + np.arange(len(ship)) * np.timedelta64(3600, "s")
    written = texts([f"{one}Z" for one in times])
    rows = replace(
        with_column(ship, "at", written), times=times.astype("datetime64[s]"), time_column="at"
    )
    assert study_of(fare(), rows).kind is SplitKind.TIME
    with pytest.raises(InvalidInput, match="rows are in order of time"):
        refuse_leaks(study_of(fare(split="random"), rows))
    refuse_leaks(study_of(fare(split="random", exclude=["at"]), rows))


def test_a_column_made_of_the_target_is_refused(ship: RawRows) -> None:
    rows = with_column(ship, "tax", np.log(ship.columns["fare"]) * 3)
    with pytest.raises(InvalidInput, match="column 'tax' gives the target 'fare' away"):
        refuse_leaks(study_of(fare(), rows))
    codes = np.where(ship.columns["survived"] == b"yes", 7.0, 2.0)
    with pytest.raises(InvalidInput, match="each of its 2 values stands for a class"):
        refuse_leaks(study_of(survived(), with_column(ship, "boat", codes)))
    refuse_leaks(study_of(survived(), ship))
    refuse_leaks(study_of(fare(), ship))


def test_copies_of_rows_are_refused_and_few_stay_on_one_side(ship: RawRows) -> None:
    twice = ship.at(np.r_[np.arange(160), np.arange(40)])
    with pytest.raises(InvalidInput, match="40 of 200 rows are copies of others"):
        refuse_leaks(study_of(survived(), twice))
    few = study_of(survived(), ship.at(np.r_[np.arange(160), np.arange(4)]))
    refuse_leaks(few)
    assert (few.positions[:4] == few.positions[160:]).all()


def test_a_column_that_knows_the_next_value_is_refused(ship: RawRows) -> None:
    times = np.datetime64("2026-01-01", "s") + np.arange(len(ship)) * np.timedelta64(3600, "s")
    ahead = np.r_[ship.columns["fare"][1:], 0.0]
    rows = replace(with_column(ship, "ahead", ahead), times=times.astype("datetime64[s]"))
    with pytest.raises(InvalidInput, match="holds the target's next value"):
        refuse_leaks(study_of(fare(), rows))


@pytest.mark.parametrize("asked", [survived(), fare()])
def test_copies_that_differ_only_in_what_is_left_out_stay_on_one_side(
    ship: RawRows, asked: TableTraining
) -> None:
    rows = ship.at(np.r_[np.arange(len(ship)), np.arange(4)])
    rows = with_column(rows, "id", texts([f"X{one}" for one in range(len(rows))]))
    study = study_of(asked, rows)
    assert "id" in study.plan.left_out
    np.testing.assert_array_equal(study.positions[-4:], study.positions[:4])
    refuse_leaks(study)
