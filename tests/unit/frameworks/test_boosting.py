"""LightGBM as fitted here, and the same trees as ONNX."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray

from lichen.core.errors import WorkFailed
from lichen.frameworks.boosting import Boosted, BoostingSettings, fit_trees
from lichen.frameworks.onnx_writer import Ensemble, StepRows, tree_core

ONE_STEP = StepRows(columns=np.arange(5)[None], mixed=np.zeros((6, 1, 1), dtype=np.float32))
SMALL = BoostingSettings(trees=60, leaves=7, rows_in_leaf=5)


def data() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    random = np.random.default_rng(7)
    rows = random.normal(size=(400, 5)).astype(np.float32)
    return rows, np.sin(3 * rows[:, 0].astype(np.float64)) + rows[:, 1] * rows[:, 2]


def fit(settings: BoostingSettings = SMALL) -> Boosted:
    return fit_trees(*data(), settings, lambda _: None)


def served(model: Boosted, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the ONNX of the trees answers; the last feature is the open gate."""
    written = tree_core([Ensemble(model.trees, ONE_STEP, gate=5)], np.zeros((6, 1)))
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    features = np.concatenate([rows, np.ones((len(rows), 1), dtype=np.float32)], axis=1)
    answered: NDArray[np.float32] = session.run(["raw"], {"features": features})[0][:, 0]
    return answered


def test_the_onnx_of_the_trees_answers_as_lightgbm_does() -> None:
    rows, _ = data()
    model = fit()
    assert np.abs(served(model, rows) - model.predict(rows)).max() < 1e-5


def test_the_trees_learn_what_is_there_to_learn() -> None:
    rows, target = data()
    residual = target - fit().predict(rows)
    assert residual.var() < 0.3 * target.var()


def test_two_fits_give_the_same_trees() -> None:
    assert fit().trees == fit().trees


def test_constant_targets_give_trees_of_one_leaf() -> None:
    rows, target = data()
    model = fit_trees(rows, np.full_like(target, 2.5), SMALL, lambda _: None)
    assert np.allclose(model.predict(rows[:3]), 2.5)
    assert np.allclose(served(model, rows[:3]), 2.5)


def test_a_callback_can_end_the_fit() -> None:
    rows, target = data()
    seen: list[int] = []

    def stop_at_three(trees: int) -> None:
        seen.append(trees)
        if trees == 3:
            raise WorkFailed("enough")

    with pytest.raises(WorkFailed, match="enough"):
        fit_trees(rows, target, SMALL, stop_at_three)
    assert seen == [1, 2, 3]


class Shelf:
    """Keeps the trees of each fit after every round."""

    def __init__(self) -> None:
        self.is_keen = True
        self.texts: dict[str, str] = {}

    def kept(self, key: str) -> str | None:
        return self.texts.get(key)

    def keep(self, key: str, text: str) -> None:
        self.texts[key] = text


def cut_off(after: int, target: NDArray[np.float64]) -> tuple[Shelf, Boosted, list[int]]:
    """A fit that ended after some trees and was begun again; with the rounds of its second part."""
    shelf, rounds = Shelf(), list[int]()

    def stop(trees: int) -> None:
        if trees == after + 1:
            raise WorkFailed("cut off")

    with suppress(WorkFailed):
        fit_trees(data()[0], target, SMALL, stop, shelf)
    return shelf, fit_trees(data()[0], target, SMALL, rounds.append, shelf), rounds


@pytest.mark.parametrize("after", [1, 2, 31, 59, 60])
def test_a_fit_that_was_cut_off_gives_the_very_same_trees(after: int) -> None:
    rows, target = data()
    whole = fit()
    _, resumed, rounds = cut_off(after, target)
    assert resumed.trees == whole.trees
    assert np.array_equal(resumed.predict(rows), whole.predict(rows))
    assert rounds == list(range(after + 1, SMALL.trees + 1)), "what was grown is not grown again"


def test_a_fit_with_nothing_to_split_is_taken_up_too() -> None:
    rows, target = data()
    for constant in (np.full_like(target, 2.5), (rows[:, 0] > 2.9).astype(np.float64)):
        whole = fit_trees(rows, constant, SMALL, lambda _: None)
        assert cut_off(7, constant)[1].trees == whole.trees


def test_trees_of_other_rows_or_settings_are_not_taken() -> None:
    rows, target = data()
    shelf, whole, _ = cut_off(60, target)
    fit_trees(rows, target + 1.0, SMALL, lambda _: None, shelf)
    fit_trees(rows, target, replace(SMALL, seed=1), lambda _: None, shelf)
    assert len(shelf.texts) == 3
    assert fit().trees == whole.trees
