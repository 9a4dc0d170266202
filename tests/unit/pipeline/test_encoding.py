"""Raw rows become the features that a declaration says, and what cannot be is named."""

from datetime import UTC, datetime
from math import cos, pi, sin

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Codes, Encoders, Moment, Number, OneHot, Pipeline, Words
from lichen.pipeline.encoding import encode, feature_count, feature_names
from lichen.pipeline.examples import example_rows
from lichen.pipeline.signature import pipeline_signature


def texts(*rows: tuple[str, ...]) -> Array:
    found = np.empty((len(rows), len(rows[0])), dtype=np.object_)
    found[:] = [[cell.encode() for cell in row] for row in rows]
    return found


def of_number(encoder: Number, *values: float) -> list[list[float]]:
    numbers = np.array(values).reshape(-1, 1)
    features: list[list[float]] = encode(
        Pipeline(encoders=[encoder]), {"numbers": numbers}
    ).tolist()
    return features


def of_text(encoder: Encoders, *cells: str) -> list[list[float]]:
    rows = texts(*((cell,) for cell in cells))
    features = encode(Pipeline(encoders=[encoder]), {"texts": rows})
    rounded: list[list[float]] = np.round(features.astype(np.float64), 5).tolist()
    return rounded


def test_a_number_is_clipped_centred_and_scaled() -> None:
    said = Number(column="x", low=0, high=10, centre=5, scale=2)
    assert of_number(said, 4, -3, 99) == [[-0.5], [-2.5], [2.5]]


def test_a_scale_below_zero_keeps_the_range() -> None:
    said = Number(column="x", low=0, centre=5, scale=-2)
    assert of_number(said, 4, -3, 99) == [[0.5], [2.5], [-47.0]]


def test_a_missing_number_is_filled_and_flagged() -> None:
    said = Number(column="x", fill=7, centre=5, scale=2, flags_missing=True, may_lack=True)
    assert of_number(said, 5, np.nan) == [[0.0, 0.0], [1.0, 1.0]]


def test_a_missing_number_without_a_fill_stays_missing() -> None:
    assert np.isnan(of_number(Number(column="x", may_lack=True), np.nan)).all()


def test_a_number_beyond_float32_is_taken_as_its_largest() -> None:
    largest = float(np.finfo(np.float32).max)
    assert of_number(Number(column="x", scale=1e-5), 1e308, -1e308) == [[largest], [-largest]]


@pytest.mark.parametrize(
    ("value", "said"),
    [(np.nan, "row 1 has nothing in column 'x'"), (np.inf, "row 1 holds an infinite number")],
)
def test_a_number_that_cannot_be_is_named(value: float, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        of_number(Number(column="x"), 1.0, value)


def test_numbers_are_found_by_column_whatever_stands_between() -> None:
    pipeline = Pipeline(
        encoders=[
            Number(column="b", scale=2),
            OneHot(column="c", values=["u", "v"], may_lack=True),
            Number(column="a"),
            Number(column="b"),
        ]
    )
    tensors = {"numbers": np.array([[8.0, 1.0]]), "texts": texts(("v",))}
    assert encode(pipeline, tensors).tolist() == [[4, 0, 1, 0, 1, 8]]
    assert feature_names(pipeline) == ["b", "c=u", "c=v", "c=other", "a", "b"]
    assert feature_count(pipeline) == 6


@pytest.mark.parametrize("flags_other", [True, False])
def test_an_unknown_category_is_other(flags_other: bool) -> None:  # noqa: FBT001
    said = OneHot(column="c", values=["red", ""], flags_other=flags_other, may_lack=True)
    rows = [[1, 0, 0], [0, 0, 1], [0, 1, 0]] if flags_other else [[1, 0], [0, 0], [0, 1]]
    assert of_text(said, "red", "mauve", "") == rows
    assert [of_text(said, cell)[0] for cell in ("red", "mauve", "")] == rows


def test_a_missing_text_that_must_be_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="row 1 has nothing in column 'c'"):
        of_text(OneHot(column="c", values=["red"]), "red", "")


def test_codes_give_each_value_its_number_and_others_the_other() -> None:
    said = Codes(column="c", values=["a", "b"], numbers=[0.25, 0.5], other=0.125)
    assert of_text(said, "b", "a", "z") == [[0.5], [0.25], [0.125]]
    assert np.isnan(of_text(Codes(column="c", values=[], numbers=[]), "z")).all()


def test_a_moment_becomes_parts_of_the_calendar() -> None:
    said = Moment(column="t", parts=["year", "month", "day", "weekday", "hour", "elapsed"])
    [found] = of_text(said, "2026-04-30T06:00:00Z")
    days = (datetime(2026, 4, 30, 6, tzinfo=UTC) - datetime(2000, 1, 1, tzinfo=UTC)).days + 0.25
    thursday = 2 * pi * 3 / 7
    expected = [2026, 1, 0, 30, sin(thursday), cos(thursday), 1, 0, days]
    assert found == pytest.approx(expected, abs=1e-5)
    names = feature_names(Pipeline(encoders=[said]))
    assert names[:3] == ["t.year", "t.month.sine", "t.month.cosine"]


def test_a_moment_counts_by_utc_and_takes_a_bare_date() -> None:
    said = Moment(column="t", parts=["hour", "day"], is_cyclic=False, scales=[(2, 4), (0, 1)])
    found = of_text(said, "2026-04-30T01:00:00+02:00", "2026-04-30", "2026-04-30 10:30:00")
    assert found == [[5.25, 29], [-0.5, 30], [2.125, 30]]


def test_a_missing_moment_is_filled() -> None:
    assert of_text(Moment(column="t", parts=["month"], may_lack=True), "") == [[0, 0]]
    assert np.isnan(of_text(Moment(column="t", parts=["day"], fill=None, may_lack=True), "")).all()


@pytest.mark.parametrize("cell", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+10:00"])
def test_what_is_no_moment_is_named(cell: str) -> None:
    with pytest.raises(InvalidInput, match="row 1 holds no date or time in column 't'"):
        of_text(Moment(column="t", parts=["day"]), "2026-01-01", cell)


def test_words_are_weighted_by_their_rarity_and_of_unit_length() -> None:
    said = Words(column="t", terms=["green", "sea"], weights=[3, 2])
    both = np.array([3 * (1 + np.log(2)), 2])
    expected = [*np.round(both / np.linalg.norm(both), 5)]
    assert of_text(said, "GREEN green sea of trees!", "nothing") == [
        pytest.approx(expected),
        [0, 0],
    ]


def test_words_in_a_row_are_terms_of_their_own() -> None:
    said = Words(column="t", ngrams=(1, 2), terms=["not green", "not"], weights=[1, 1])
    assert of_text(said, "not green", "green, not") == [[0.70711, 0.70711], [0, 1]]


def test_characters_stay_within_their_words() -> None:
    said = Words(column="t", analyzer="char", ngrams=(2, 3), terms=[" a", "ab", "b ", "b c"],
                 weights=[1, 1, 1, 1], is_sublinear=False)  # fmt: skip
    assert of_text(said, "ab c") == [[0.57735, 0.57735, 0.57735, 0]]


def test_chinese_is_parted_into_words() -> None:
    said = Words(column="t", language="zh", terms=["清华大学", "北京", "大"], weights=[1, 1, 1])
    assert of_text(said, "我来到北京清华大学。") == [[0.70711, 0.70711, 0]]


def test_a_projection_makes_few_features_of_many_terms() -> None:
    said = Words(column="t", terms=["a", "b"], weights=[1, 1], projection="lsa", may_lack=True)
    pipeline = Pipeline(encoders=[said])
    arrays = {"lsa": np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)}
    found = encode(pipeline, {"texts": texts(("a",), ("b",), ("",))}, arrays)
    assert np.round(found, 5).tolist() == [
        pytest.approx([0.6, 0.8]),
        [0, 0],
        [0, 0],
    ]
    assert feature_names(pipeline, arrays) == ["t:0", "t:1"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Number(column="c", scale=0), "scaled by 0"),
        (Number(column="c", high=np.nan), "range of column 'c'"),
        (Codes(column="c", values=["a"], numbers=[]), "one number for each"),
        (Moment(column="c", parts=["season"]), "its parts are"),
        (Moment(column="c", parts=["day"], scales=[(0, 0)]), "scaled by 0"),
        (Moment(column="c", parts=["day"], origin="once"), "counts from no time"),
        (Words(column="c", terms=["a"], weights=[]), "one weight for each"),
        (Words(column="c", terms=["a"], weights=[1], projection="p"), "needs the projection 'p'"),
        (Words(column="c", terms=["a"], weights=[1], language="xx"), "give en or zh"),
        (Words(column="c", terms=["a"], weights=[1], ngrams=(2, 1)), "give such as 1 and 2"),
    ],
)
def test_an_encoder_that_contradicts_itself_is_refused(said: Encoders, message: str) -> None:
    tensors = {"numbers": np.zeros((1, 1)), "texts": texts(("a",))}
    with pytest.raises(InvalidInput, match=message):
        encode(Pipeline(encoders=[said]), tensors)


def test_ten_thousand_columns_are_prepared_at_once() -> None:
    columns = [f"c{at}" for at in range(10_000)]
    pipeline = Pipeline(encoders=[Number(column=name, may_lack=True) for name in columns])
    signature = pipeline_signature(pipeline)
    assert len(signature.inputs[0].details) == 10_000
    rows = example_rows(pipeline, 2)
    np.testing.assert_array_equal(encode(pipeline, rows), rows["numbers"].astype(np.float32))


def test_made_up_rows_are_of_what_a_pipeline_knows() -> None:
    pipeline = Pipeline(
        encoders=[
            Number(column="x", low=0, high=1, centre=5),
            Number(column="b", is_boolean=True),
            OneHot(column="c", values=["red"]),
            OneHot(column="d", values=[]),
            Moment(column="t", parts=["day"]),
            Words(column="w", terms=["sea"], weights=[1]),
            Words(column="v", terms=[], weights=[]),
        ]
    )
    rows = example_rows(pipeline, 3)
    assert rows["numbers"][:, 0].tolist() == [1, 1, 1]
    assert set(rows["numbers"][:, 1]) <= {0, 1}
    assert rows["texts"][0, [0, 1, 4]].tolist() == [b"red", b"other", b"other"]
    assert len(encode(pipeline, rows)) == 3
