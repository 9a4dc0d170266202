"""Every algorithm of the tables' portfolio through the same tests."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import (
    Estimator,
    Examples,
    FittedCore,
    Floats,
    Settings,
    no_pause,
)
from lichen.frameworks.estimators.portfolio import portfolio
from lichen.frameworks.estimators.spaces import search_space
from lichen.frameworks.onnx import OnnxPredictor

KINDS = (0, 2, 3)
CASES = [(classes, one) for classes in KINDS for one in portfolio(classes)]
ROWS, WIDTH = 120, 4
SMALL: dict[str, Settings] = {
    "lightgbm": {"trees": 20, "rows_in_leaf": 8, "learning_rate": 0.2},
    "xgboost": {"trees": 20, "weight_in_leaf": 5.0, "learning_rate": 0.2},
    "forest": {"trees": 20, "rows_in_leaf": 3},
    "logistic": {"l2": 0.01},
    "linear-sgd": {"epochs": 40},
    "logistic-sgd": {"epochs": 40},
    "mlp": {"layers": "8", "epochs": 15, "learning_rate": 0.03},
}
"""Settings that make the dear ones quick."""


@pytest.fixture(params=CASES, ids=[f"{one.name}-{classes}" for classes, one in CASES])
def case(request: pytest.FixtureRequest) -> tuple[int, Estimator]:
    found: tuple[int, Estimator] = request.param
    return found


def examples(classes: int, rows: int = ROWS, width: int = WIDTH, seed: int = 1) -> Examples:
    random = np.random.default_rng(seed)
    features = random.standard_normal((rows, width)).astype(np.float32)
    score = 2 * features[:, 0] + features[:, -1] + 0.1 * random.standard_normal(rows)
    if not classes:
        return Examples(features=features, target=5 + score)
    edges = np.quantile(score, np.arange(1, classes) / classes)
    target = np.searchsorted(edges, score).astype(np.float64)
    return Examples(features=features, target=target, classes=classes)


def fitted(one: Estimator, rows: Examples, seed: int = 0, **more: float | str) -> FittedCore:
    return fitted_with(one, rows, more, seed)


def fitted_with(one: Estimator, rows: Examples, settings: Settings, seed: int = 0) -> FittedCore:
    return one.fit(rows, {**SMALL.get(one.name, {}), **settings}, seed, no_pause)


def as_onnx(core: FittedCore, features: NDArray[np.float32]) -> Floats:
    predictor = OnnxPredictor(core.onnx())
    try:
        assert [spec.name for spec in predictor.signature.inputs] == ["features"]
        found: Floats = predictor.predict(Batch({"features": features}))["raw"]
        return found
    finally:
        predictor.close()


def answers(core: FittedCore, rows: Examples) -> Floats:
    """The number, or the probability of each class."""
    raw = core.raw(rows.features)
    if core.link == "value":
        return raw
    if core.link == "probability":
        return raw if rows.classes > 2 else np.hstack([1 - raw, raw])
    scores = raw if rows.classes > 2 else np.hstack([np.zeros_like(raw), raw])
    powers: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def test_it_learns_what_can_be_seen(case: tuple[int, Estimator]) -> None:
    classes, one = case
    core = fitted(one, examples(classes, rows=400))
    fresh = examples(classes, rows=400, seed=2)
    said = answers(core, fresh)
    if classes:
        assert np.mean(said.argmax(axis=1) == fresh.target) > 0.8
    else:
        error = np.mean((said[:, 0] - fresh.target) ** 2)
        assert error < 0.2 * np.var(fresh.target)


def test_raw_has_a_column_for_each_output(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    core = fitted(one, rows)
    assert core.link in (("logit", "probability") if classes else ("value",))
    assert core.raw(rows.features).shape == (ROWS, classes if classes > 2 else 1)


@pytest.mark.parametrize("width", [1, WIDTH])
def test_here_and_as_onnx_it_answers_the_same(case: tuple[int, Estimator], width: int) -> None:
    classes, one = case
    core = fitted(one, examples(classes, width=width))
    fresh = (3 * examples(classes, rows=300, width=width, seed=5).features).astype(np.float32)
    here, there = core.raw(fresh), as_onnx(core, fresh)
    assert there.dtype == np.float32
    assert here.shape == there.shape
    assert np.abs(here - there).max() <= 1e-5 * max(1.0, np.abs(here).max())


def test_it_does_so_far_from_zero_too(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    moved = Examples(features=rows.features + 1000, target=rows.target, classes=classes)
    core = fitted(one, moved)
    here, there = core.raw(moved.features), as_onnx(core, moved.features)
    assert np.abs(here - there).max() <= 1e-5 * max(1.0, np.abs(here).max())


def test_a_row_of_weight_0_is_as_if_it_were_not_there(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    odd = np.arange(ROWS) % 3 == 0
    weights = np.where(odd, 0.0, 1.5)
    spoilt = rows.target.copy()
    spoilt[odd] = spoilt[~odd][0]
    weighed = Examples(features=rows.features, target=spoilt, weights=weights, classes=classes)
    without = Examples(features=rows.features[~odd], target=rows.target[~odd], classes=classes)
    assert fitted(one, weighed).onnx() == fitted(one, without).onnx()


def test_a_row_of_weight_2_is_as_the_row_twice(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes, rows=240)
    heavy = rows.features[:, 1] > 0
    twice = np.concatenate([np.arange(240), np.flatnonzero(heavy)])
    weights = np.where(heavy, 2.0, 1.0) / np.mean(np.where(heavy, 2.0, 1.0))
    weighed = Examples(features=rows.features, target=rows.target, weights=weights, classes=classes)
    doubled = Examples(features=rows.features[twice], target=rows.target[twice], classes=classes)
    first, second = (answers(fitted(one, found), rows) for found in (weighed, doubled))
    alike = answers(fitted(one, rows, seed=0), rows)
    scale = float(np.std(alike))
    # trees draw rows and count them in their leaves: alike, and not the same
    is_exact = one.name in ("linear", "linear-gd", "lasso", "logistic")
    assert np.sqrt(np.mean((first - second) ** 2)) < (1e-3 if is_exact else 0.3) * scale


def test_weights_sway_it(case: tuple[int, Estimator]) -> None:
    """Two thirds of the rows say one thing, a third the contrary: the heavier are believed."""
    classes, one = case
    rows = examples(classes, rows=300)
    contrary = np.arange(300) % 3 == 0
    top = rows.target.max() + rows.target.min()
    target = np.where(contrary, top - rows.target, rows.target)
    weights = np.where(contrary, 10.0, 0.5)
    weighed = Examples(features=rows.features, target=target, weights=weights, classes=classes)
    fresh = examples(classes, rows=300, seed=2)
    said = answers(fitted(one, weighed), fresh)
    if classes:
        assert np.mean(said.argmax(axis=1) == top - fresh.target) > 0.6
    else:
        assert np.corrcoef(said[:, 0], fresh.target)[0, 1] < -0.3


def test_the_same_seed_gives_the_same_bytes(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    assert fitted(one, rows, seed=7).onnx() == fitted(one, rows, seed=7).onnx()


def test_the_order_of_a_batch_changes_no_answer(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    core = fitted(one, rows)
    order = np.random.default_rng(3).permutation(ROWS)
    shuffled = rows.features[order]
    assert np.allclose(core.raw(shuffled), core.raw(rows.features)[order], rtol=0, atol=1e-12)
    assert np.allclose(as_onnx(core, shuffled), as_onnx(core, rows.features)[order], atol=1e-6)


def test_it_asks_whether_to_go_on(case: tuple[int, Estimator]) -> None:
    class Enough(Exception):
        pass

    def pause() -> None:
        raise Enough

    classes, one = case
    with pytest.raises(Enough):
        one.fit(examples(classes), SMALL.get(one.name, {}), 0, pause)


def test_missing_values_are_taken_or_refused(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    holed = rows.features.copy()
    holed[::5, 1] = np.nan
    lacking = Examples(features=holed, target=rows.target, classes=classes)
    if not one.takes_missing:
        with pytest.raises(InvalidInput, match=r"missing \(NaN\)"):
            fitted(one, lacking)
        return
    core = fitted(one, lacking)
    anywhere = rows.features.copy()
    anywhere[::2, 1] = np.nan
    anywhere[::3, 0] = np.nan  # of a feature that was never missing
    assert np.abs(core.raw(anywhere) - as_onnx(core, anywhere)).max() < 1e-5


def test_constant_features_do_no_harm(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    flat = np.full((ROWS, 1), 1e6, dtype=np.float32)
    more = Examples(features=np.hstack([flat, rows.features]), target=rows.target, classes=classes)
    said = answers(fitted(one, more), more)
    if classes:
        assert np.mean(said.argmax(axis=1) == rows.target) > 0.8
    else:
        assert np.corrcoef(said[:, 0], rows.target)[0, 1] > 0.9


def test_features_that_are_all_constant_give_what_is_usual(case: tuple[int, Estimator]) -> None:
    classes, one = case
    rows = examples(classes)
    flat = Examples(
        features=np.ones((ROWS, 2), dtype=np.float32), target=rows.target, classes=classes
    )
    said = answers(fitted(one, flat), flat)
    assert np.ptp(said, axis=0).max() < 1e-6
    usual = np.full(classes, 1 / classes) if classes else rows.target.mean()
    assert np.allclose(said, usual, atol=0.15 if classes else 0.3 * np.std(rows.target))


def test_a_class_that_no_row_has_is_never_answered(case: tuple[int, Estimator]) -> None:
    classes, one = case
    if not classes:
        pytest.skip("numbers have no classes")
    rows = examples(classes)
    wider = Examples(features=rows.features, target=rows.target * 2, classes=2 * classes)
    core = fitted(one, wider)
    said = answers(core, wider)
    assert said[:, 1::2].max() < 1e-6
    assert np.mean(said.argmax(axis=1) == wider.target) > 0.8
    assert np.abs(core.raw(rows.features) - as_onnx(core, rows.features)).max() < 1e-4


def refusals(rows: Examples, classes: int) -> Iterator[tuple[Examples, str]]:
    features, target = rows.features, rows.target
    ones = np.ones(len(target))
    infinite = features.copy()
    infinite[0, 0] = np.inf
    yield Examples(features=infinite, target=target, classes=classes), "infinite"
    yield Examples(features=features, target=target * np.nan, classes=classes), "finite"
    yield Examples(features=features[:0], target=target[:0], classes=classes), "nothing"
    yield Examples(features=features[:, :0], target=target, classes=classes), "nothing"
    yield Examples(features=features[:5], target=target, classes=classes), "fit each other"
    for weights, said in ((-ones, "negative"), (0 * ones, "every weight"), (ones[:3], "one for")):
        wrong = Examples(features=features, target=target, weights=weights, classes=classes)
        yield wrong, said
    if classes:
        yield Examples(features=features, target=0 * target, classes=classes), "every row is of"
        yield Examples(features=features, target=target + 0.5, classes=classes), "numbered"
        yield Examples(features=features, target=target, classes=ROWS + 1), "classes and"


def test_what_cannot_be_fitted_is_refused_in_a_sentence(case: tuple[int, Estimator]) -> None:
    classes, one = case
    for wrong, said in refusals(examples(classes), classes):
        with pytest.raises(InvalidInput, match=said):
            fitted(one, wrong)


def test_a_setting_that_it_does_not_know_is_refused(case: tuple[int, Estimator]) -> None:
    classes, one = case
    with pytest.raises(InvalidInput, match="sorcery"):
        fitted(one, examples(classes), sorcery=1)


def test_every_corner_of_its_search_space_can_be_fitted(case: tuple[int, Estimator]) -> None:
    classes, one = case
    if one.name == "mlp":
        pytest.skip("its corners take seconds: tests/learning tries them")
    rows = examples(classes)
    space = search_space(one.name, ROWS, WIDTH)
    for dimension in space:
        for value in dimension.choices or (dimension.low, dimension.high):
            said = int(value) if dimension.is_whole else value
            core = fitted_with(one, rows, {dimension.name: said})
            assert np.isfinite(core.raw(rows.features)).all()
