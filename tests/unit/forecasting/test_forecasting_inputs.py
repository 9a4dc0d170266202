from dataclasses import replace

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.inputs import assemble, feature_count, part_of, parts, restore
from lichen.forecasting.specification import Feature, Kind, Specification

MIDNIGHT = np.array(["2014-01-02T00:00:00"], dtype="datetime64[s]")
NINE = np.array(["2014-01-02T09:00:00"], dtype="datetime64[s]")
T_AHEAD = Feature(Kind.AHEAD, "T", lengths=(12,))
SAID = Specification(targets=("a", "b"), step_seconds=3600, horizon=24, context=4, normalisation=2)
TWO_PARTS = replace(
    SAID,
    known=("T",),
    start_seconds=0,
    features=(T_AHEAD, Feature(Kind.PAST, "T", lengths=(24, 24))),
    anytime=(T_AHEAD,),
)
HISTORY = np.array([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [5.0, 50.0]]])
KNOWN = np.arange(24.0).reshape(1, 24, 1)


def test_rows_are_batch_first_then_series_levelled_with_a_constant() -> None:
    assembled = assemble(SAID, HISTORY, MIDNIGHT)
    np.testing.assert_allclose(assembled.features, [[-3, -2, -1, 1, 1], [-30, -20, -10, 10, 1]])
    np.testing.assert_allclose(assembled.level, [4.0, 40.0])
    assert assembled.features.dtype == np.float32
    assert assembled.features.flags.c_contiguous


def test_restore_puts_the_level_back() -> None:
    assembled = assemble(SAID, HISTORY, MIDNIGHT)
    mean = restore(SAID, assembled, np.zeros((2, 24)))
    np.testing.assert_allclose(mean[0, :, 0], 4.0)
    np.testing.assert_allclose(mean[0, :, 1], 40.0)


def test_centres_scales_and_logarithm_are_undone() -> None:
    said = replace(SAID, logarithm=True, centres=(1.0, 2.0), scales=(3.0, 0.5))
    flat = np.full((1, 4, 2), 7.0)
    mean = restore(said, assemble(said, flat, MIDNIGHT), np.zeros((2, 24)))
    np.testing.assert_allclose(mean, 7.0)


def test_the_part_that_does_not_apply_is_left_zero() -> None:
    usual, anytime = (part.columns for part in parts(TWO_PARTS))
    at_midnight = assemble(TWO_PARTS, HISTORY, MIDNIGHT, KNOWN).features
    at_nine = assemble(TWO_PARTS, HISTORY, NINE, KNOWN).features
    assert part_of(TWO_PARTS, np.concatenate([MIDNIGHT, NINE])).tolist() == [0, 1]
    assert at_midnight.shape == at_nine.shape == (2, feature_count(TWO_PARTS))
    assert at_midnight[:, usual].any()
    assert not at_midnight[:, anytime].any()
    assert at_nine[:, anytime].any()
    assert not at_nine[:, usual].any()


def test_without_their_past_covariates_are_taken_as_they_will_be() -> None:
    said = TWO_PARTS
    like = KNOWN.copy()
    np.testing.assert_array_equal(
        assemble(said, HISTORY, MIDNIGHT, KNOWN).features,
        assemble(said, HISTORY, MIDNIGHT, KNOWN, like).features,
    )


def test_every_row_is_answered_as_if_it_came_alone() -> None:
    history = np.concatenate([HISTORY, HISTORY + 1, HISTORY * 2])
    start = np.concatenate([MIDNIGHT, NINE, MIDNIGHT])
    known = np.concatenate([KNOWN, KNOWN + 1, KNOWN - 1])
    together = assemble(TWO_PARTS, history, start, known).features
    for row in range(3):
        one = slice(row, row + 1)
        alone = assemble(TWO_PARTS, history[one], start[one], known[one]).features
        np.testing.assert_array_equal(together[2 * row : 2 * row + 2], alone)


@pytest.mark.parametrize(
    ("said", "history", "known", "words"),
    [
        (SAID, HISTORY[:, 1:], None, r"history has shape \[1, 3, 2\], .* \[1, 4, 2\]"),
        (SAID, HISTORY * np.nan, None, "history is not finite at"),
        (SAID, HISTORY, KNOWN, "takes no known covariates"),
        (TWO_PARTS, HISTORY, None, "`known` is missing: give T"),
        (TWO_PARTS, HISTORY, KNOWN[:, :3], "known has shape"),
        (TWO_PARTS, HISTORY, KNOWN + np.inf, "known is not finite"),
        (replace(SAID, logarithm=True), -HISTORY, None, "not positive"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    said: Specification,
    history: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    known: "np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None",
    words: str,
) -> None:
    with pytest.raises(InvalidInput, match=words):
        assemble(said, history, MIDNIGHT, known)


def test_a_start_for_each_window() -> None:
    with pytest.raises(InvalidInput, match="start has shape"):
        assemble(SAID, HISTORY, np.concatenate([MIDNIGHT, NINE]))
    with pytest.raises(InvalidInput, match="missing time"):
        assemble(SAID, HISTORY, np.array(["NaT"], dtype="datetime64[s]"))
