from collections.abc import Mapping

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.tensorflow.trials import Asked, made_up_rows


def test_whole_numbers_stay_below_what_the_model_takes() -> None:
    def answers(rows: Mapping[str, Array]) -> Mapping[str, Array]:
        if rows["word"].max() >= 700:
            raise ValueError("indices are out of bounds")
        return {"y": np.zeros(len(rows["word"]))}

    asked = [Asked("word", np.dtype("i4"), (None, 5)), Asked("x", np.dtype("f4"), (None, 2))]
    rows = made_up_rows(asked, answers)
    assert {name: one.shape for name, one in rows.items()} == {"word": (1000, 5), "x": (1000, 2)}
    assert 80 <= rows["word"].max() < 100
    assert np.abs(rows["x"]).max() > 10 > 0.1 > np.abs(rows["x"][1]).max() / 10
    again = made_up_rows(asked, answers)
    assert all(np.array_equal(rows[name], again[name]) for name in rows)


def test_open_lengths_are_found_by_trying() -> None:
    def answers(rows: Mapping[str, Array]) -> Mapping[str, Array]:
        if rows["x"].shape[1] < 20:
            raise ValueError("too small")
        return {"y": rows["x"].sum(axis=1)}

    rows = made_up_rows([Asked("x", np.dtype("f4"), (None, None, 3))], answers)
    assert rows["x"].shape == (1000, 64, 3)


def test_texts_are_words_that_the_model_knows_and_some_that_it_does_not() -> None:
    rows = made_up_rows(
        [Asked("zone", np.dtype(object), (None, 1))], lambda _: {}, words=("DE", "FR")
    )
    assert {"DE", "FR", ""} < set(rows["zone"].ravel().tolist())


def test_quantised_inputs_use_all_their_numbers_and_large_ones_come_in_fewer_rows() -> None:
    asked = [Asked("pixels", np.dtype("u1"), (1, 1024, 1024, 3), is_whole=True)]
    rows = made_up_rows(asked, lambda _: {})["pixels"]
    assert (rows.min(), rows.max(), len(rows)) == (0, 255, 21)


def test_a_model_that_answers_nothing_is_refused_with_what_it_said() -> None:
    def answers(_rows: Mapping[str, Array]) -> Mapping[str, Array]:
        raise ValueError("incompatible shapes")

    with pytest.raises(InvalidInput, match=r"no made-up input \(incompatible shapes\)"):
        made_up_rows([Asked("x", np.dtype("f4"), (None, 2))], answers)
