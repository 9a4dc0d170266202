"""Encoders are fitted on the rows of a fold alone, for those that weigh features and for trees."""

from collections.abc import Callable

import numpy as np
import pytest

from lichen.pipeline.declaration import Codes, Moment, Number, OneHot, Words
from lichen.pipeline.encoding import feature_names
from lichen.training.tables.codes import target_codes
from lichen.training.tables.columns import Kind, Planned, plan_columns
from lichen.training.tables.encoders import Preparation, Prepared, prepare
from lichen.training.tables.rows import RawRows
from lichen.training.tables.target import Target, class_target, number_target
from lichen.training.tables.words import COMPONENTS


def texts(values: list[str]) -> np.ndarray:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = [value.encode() for value in values]
    return made


def prepared(rows: RawRows, preparation: Preparation, *names: str) -> Prepared:
    target, _ = number_target(rows, "fare")
    plan = plan_columns(rows, names)
    return prepare(plan.columns, rows, target, preparation, 0)


def test_numbers_are_filled_and_scaled_for_those_that_weigh_them(ship: RawRows) -> None:
    made = prepared(ship, Preparation.SCALED, "age")
    assert made.features.shape == (len(ship), 2)
    there = np.isfinite(ship.columns["age"])
    assert made.features[there, 0].mean() == pytest.approx(0.0, abs=1e-5)
    assert made.features[there, 0].std() == pytest.approx(1.0, abs=1e-5)
    assert (made.features[:, 1] == ~there).all()


def test_trees_keep_what_is_missing(ship: RawRows) -> None:
    made = prepared(ship, Preparation.PLAIN, "age", "crew")
    assert made.features.shape == (len(ship), 2)
    assert np.isnan(made.features[:, 0]).sum() == np.isnan(ship.columns["age"]).sum()
    number = made.pipeline.encoders[1]
    assert isinstance(number, Number)
    assert number.is_boolean


def test_a_value_far_beyond_those_fitted_on_is_taken_as_an_end(ship: RawRows) -> None:
    made = prepared(ship, Preparation.SCALED, "age")
    far = RawRows({"age": np.array([1e9, -1e9])}, {}, frozenset())
    assert np.abs(made.encode(far)).max() < 10


def test_few_values_are_one_hot_and_a_new_one_is_another(ship: RawRows) -> None:
    made = prepared(ship, Preparation.SCALED, "port")
    assert isinstance(made.pipeline.encoders[0], OneHot)
    assert feature_names(made.pipeline)[-1] == "port=other"
    new = RawRows({"port": texts(["Atlantis"])}, {}, frozenset())
    assert made.encode(new).tolist() == [[0, 0, 0, 1]]


def test_many_values_are_coded_out_of_fold_to_fit_on(ship: RawRows) -> None:
    made = prepared(ship, Preparation.PLAIN, "ticket")
    served = made.encode(ship)
    coder = made.pipeline.encoders[0]
    assert isinstance(coder, Codes)
    assert coder.other == pytest.approx(float(ship.columns["fare"].mean()))
    assert (made.features != served).any()


def test_codes_of_noise_say_nothing_of_the_rows_they_were_fitted_on() -> None:
    generator = np.random.default_rng(0)
    cells = texts([f"v{one}" for one in generator.integers(0, 150, 600)])
    values = generator.normal(0, 1, 600)
    (coded,) = target_codes(cells, Planned("v", Kind.MANY, may_lack=False), Target("y", values), 0)
    numbers = dict(zip(coded.encoder.values, coded.encoder.numbers, strict=True))
    served = np.array([numbers[cell.decode()] for cell in cells])
    assert np.corrcoef(served, values)[0, 1] > 0.3
    assert abs(np.corrcoef(coded.of_rows, values)[0, 1]) < 0.15


def test_of_several_classes_the_most_frequent_have_a_number_each(
    draw: Callable[..., RawRows],
) -> None:
    rows = draw(120)
    labels = texts([["a", "b", "c"][one % 3] for one in range(120)])
    rows = RawRows({**rows.columns, "kind": labels}, {}, frozenset())
    target, _ = class_target(rows, "kind")
    column = Planned("ticket", Kind.MANY, may_lack=False)
    assert len(target_codes(rows.columns["ticket"], column, target, 0)) == 3


def test_dates_become_what_comes_again_and_what_went_by(ship: RawRows) -> None:
    made = prepared(ship, Preparation.SCALED, "boarded")
    moment = made.pipeline.encoders[0]
    assert isinstance(moment, Moment)
    assert moment.parts == ["month", "weekday", "elapsed"]
    assert made.features.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-4)
    plain = prepared(ship, Preparation.PLAIN, "boarded")
    assert plain.features.shape[1] == 3


@pytest.fixture
def remarks(ship: RawRows) -> RawRows:
    words = ["cabin", "deck", "upper", "lower", "saw", "water", "ship", "night"]
    generator = np.random.default_rng(1)
    said = [f"{' '.join(generator.choice(words, 6))} {one}" for one in range(len(ship))]
    return RawRows({**ship.columns, "remark": texts(said)}, {}, frozenset({"crew"}))


def test_free_text_is_words_or_for_trees_their_directions(remarks: RawRows) -> None:
    made = prepared(remarks, Preparation.SCALED, "remark")
    words = made.pipeline.encoders[0]
    assert isinstance(words, Words)
    assert "upper" in words.terms
    assert not any(term.isdigit() for term in words.terms)
    projected = prepared(remarks, Preparation.PLAIN, "remark")
    assert projected.features.shape == (len(remarks), COMPONENTS)
    assert projected.features == pytest.approx(projected.encode(remarks))


def test_chinese_text_is_parted_into_its_words() -> None:
    said = ["河流水质达到国家标准并且持续改善", "公司承诺减少温室气体排放总量"] * 8
    rows = RawRows({"text": texts(said), "fare": np.arange(16.0)}, {}, frozenset())
    planned = Planned("text", Kind.WORDS, may_lack=False)
    target, _ = number_target(rows, "fare")
    made = prepare([planned], rows, target, Preparation.SCALED, 0)
    words = made.pipeline.encoders[0]
    assert isinstance(words, Words)
    assert words.language == "zh"
    assert "公司" in words.terms
