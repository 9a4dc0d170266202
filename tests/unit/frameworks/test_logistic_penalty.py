"""Where the search of the logistic regression begins: few features, and as many as rows."""

import numpy as np
import pytest

from lichen.frameworks.estimation import Examples, Settings, no_pause
from lichen.frameworks.estimators.logistic import Logistic
from lichen.frameworks.estimators.spaces import search_space


def begun(rows: int, features: int) -> Settings:
    space = search_space("logistic", rows, features)
    return {one.name: one.default for one in space if one.default is not None}


def test_of_few_features_the_penalty_is_a_unit_for_each_row() -> None:
    assert begun(150, 4)["l2"] == pytest.approx(1 / 150)


def test_words_that_are_nearly_as_many_as_texts_are_shrunk_and_not_scaled() -> None:
    """Each scaled alike, and with the usual penalty, rare words are learnt by heart."""
    random = np.random.default_rng(5)
    rows, terms = 400, 800
    truth = random.integers(0, 2, rows)
    telling = np.arange(terms) < terms // 8
    rate = np.where(telling, 0.012 + 0.02 * truth[:, None], 0.02)
    words = (random.random((rows, terms)) < rate).astype(np.float32)
    words /= np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1)
    fit, held = slice(0, 250), slice(250, None)

    def right(settings: Settings) -> float:
        examples = Examples(features=words[fit], target=truth[fit].astype(np.float64), classes=2)
        core = Logistic().fit(examples, settings, 0, no_pause)
        return float(np.mean((core.raw(words[held])[:, 0] > 0) == truth[held]))

    asked = begun(250, terms)
    assert asked["scale"] is False
    assert right(asked) > right({"l2": 1 / 250, "scale": True})
