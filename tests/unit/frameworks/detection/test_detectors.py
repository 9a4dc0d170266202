"""Every detector through one suite: what it says here and as ONNX is the same, and so are bytes."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.autoencoder import Autoencoder
from lichen.frameworks.detection.components import Components
from lichen.frameworks.detection.detector import Detector, FittedDetector, Window, lagged
from lichen.frameworks.detection.isolation import Isolation
from lichen.frameworks.detection.tails import Tails
from lichen.frameworks.estimation import no_pause
from lichen.frameworks.networks.architecture import Dense
from lichen.frameworks.networks.settings import NetworkSettings
from lichen.frameworks.onnx import OnnxPredictor

WIDTH = 6
QUICK = NetworkSettings(epochs=8, learning_rate=1e-2)
DETECTORS: dict[str, Detector] = {
    "pca": Components(),
    "isolation-forest": Isolation(trees=20, sample=64),
    "ecod": Tails(),
    "autoencoder": Autoencoder(Dense(layers=(8, 2, 8), activation="tanh"), QUICK),
}
Rows = NDArray[np.float32]


def usual(rows: int = 400, seed: int = 1, width: int = WIDTH) -> Rows:
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(rows, 2)) @ random.normal(size=(2, width))
    return (hidden + 0.3 * random.normal(size=(rows, width))).astype(np.float32)


def asked(core: bytes, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    predictor = OnnxPredictor(core)
    assert predictor.joins_rows
    (takes,), (gives,) = predictor.signature.inputs, predictor.signature.outputs
    answer: NDArray[np.float64] = predictor.predict(Batch({takes.name: rows}))[gives.name]
    return answer.astype(np.float64)


@dataclass
class Case:
    fitted: FittedDetector
    thresholds: NDArray[np.float64]


@pytest.fixture(params=list(DETECTORS))
def case(request: pytest.FixtureRequest) -> Case:
    fitted = DETECTORS[request.param].fit(usual(), 3, no_pause)
    return Case(fitted, np.quantile(fitted.judge(usual()), 0.99, axis=0))


def test_the_core_says_what_the_detector_says(case: Case) -> None:
    rows = np.concatenate([usual(seed=2), 4 * usual(seed=3), np.zeros((1, WIDTH), np.float32)])
    said = asked(case.fitted.onnx(case.thresholds), rows)
    wanted = case.fitted.judge(rows)
    assert said[:, : wanted.shape[1]] == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert wanted.shape[1] == len(case.fitted.statistics)
    contributions = WIDTH if case.fitted.contributes else 0
    assert said.shape[1] == wanted.shape[1] + contributions


def test_a_row_far_out_is_less_usual_than_nearly_all_that_were_fitted_on(case: Case) -> None:
    far = np.full((1, WIDTH), 50.0, dtype=np.float32)
    assert (case.fitted.judge(far)[0] > case.thresholds).all()


def test_the_largest_values_that_encoders_let_through_stay_finite(case: Case) -> None:
    for far in (1e6, -1e6):
        said = asked(case.fitted.onnx(case.thresholds), np.full((2, WIDTH), far, dtype=np.float32))
        assert np.isfinite(said).all()


@pytest.mark.parametrize("name", list(DETECTORS))
def test_equal_rows_and_seed_give_equal_bytes(name: str) -> None:
    thresholds = np.ones(2)
    made = [DETECTORS[name].fit(usual(), 5, no_pause).onnx(thresholds) for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize("name", list(DETECTORS))
def test_too_few_rows_are_refused_by_a_sentence(name: str) -> None:
    with pytest.raises(InvalidInput, match="give more"):
        DETECTORS[name].fit(usual(1), 0, no_pause)


def test_contributions_to_t2_and_spe_sum_to_the_combined_index() -> None:
    fitted = Components(0.8).fit(usual(), 0, no_pause)
    thresholds = np.array([7.0, 0.4])
    said = asked(fitted.onnx(thresholds), usual(seed=4))
    combined = (said[:, :2] / thresholds).sum(axis=1)
    assert said[:, 2:].sum(axis=1) == pytest.approx(combined, rel=1e-4)


def test_t2_and_spe_are_those_of_their_definitions() -> None:
    rows = usual().astype(np.float64)
    fitted = Components(0.8).fit(usual(), 0, no_pause)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    values, vectors = np.linalg.eigh(np.corrcoef(rows.T))
    kept = fitted.loadings.shape[1]
    scores = scaled @ vectors[:, ::-1][:, :kept]
    found = fitted.judge(usual())
    assert found[:, 0] == pytest.approx((scores**2 / values[::-1][:kept]).sum(axis=1))
    residual = scaled - scores @ vectors[:, ::-1][:, :kept].T
    assert found[:, 1] == pytest.approx((residual**2).sum(axis=1), rel=1e-6)
    assert np.cumsum(values[::-1])[kept - 1] >= 0.8 * WIDTH > np.cumsum(values[::-1])[kept - 2]


@pytest.mark.parametrize(("rows", "width"), [(40, 200), (400, 1), (2000, 1600)])
def test_planes_of_more_columns_than_rows_of_one_column_and_of_very_many(
    rows: int, width: int
) -> None:
    fitted = Components().fit(usual(rows, width=width), 0, no_pause)
    assert fitted.loadings.T @ fitted.loadings == pytest.approx(
        np.eye(fitted.loadings.shape[1]), abs=1e-6
    )
    assert fitted.has_residual == (width > 1)
    assert np.isfinite(fitted.judge(usual(30, seed=2, width=width))).all()


def test_all_rows_equal_are_nothing_to_be_unlike() -> None:
    with pytest.raises(InvalidInput, match="all usual rows are equal"):
        Components().fit(np.ones((10, 2), dtype=np.float32), 0, no_pause)


def test_an_isolation_forest_scores_as_scikit_learn_does() -> None:
    fitted = Isolation(trees=30, sample=128).fit(usual(), 11, no_pause)
    model = IsolationForest(n_estimators=30, max_samples=128, random_state=11).fit(usual())
    rows = np.concatenate([usual(seed=2), 3 * usual(seed=6)])
    said = asked(fitted.onnx(np.ones(1)), rows)[:, 0]
    assert np.abs(said + model.score_samples(rows)).max() < 1e-5


def test_ecod_is_the_largest_of_its_three_sums_of_tails() -> None:
    rows = usual(120, seed=7)
    fitted = Tails().fit(rows, 0, no_pause)
    row = usual(1, seed=8)[0]
    count = len(rows) + 1
    left = -np.log(((rows <= row).sum(axis=0) + 1) / count)
    right = -np.log(((rows >= row).sum(axis=0) + 1) / count)
    deviations = rows - rows.mean(axis=0)
    longer = np.where((deviations.astype(np.float64) ** 3).mean(axis=0) < 0, left, right)
    wanted = max(left.sum(), right.sum(), longer.sum())
    assert fitted.judge(row[None, :])[0, 0] == pytest.approx(wanted)


def test_of_many_rows_ecod_keeps_both_ends_whole_and_the_middle_nearly() -> None:
    rows = usual(5000, seed=9, width=2)
    fitted = Tails().fit(rows, 0, no_pause)
    assert all(len(one.knots) <= 512 for one in fitted.columns)
    ordered = np.sort(rows[:, 0])
    left, _ = fitted.columns[0].judge(ordered)
    exact = -np.log((np.arange(1, 5001) + 1) / 5001)
    assert left[:20] == pytest.approx(exact[:20])
    assert np.abs(left - exact).max() < 0.1


def test_a_window_is_encoded_and_judged_as_its_rows_are() -> None:
    raw = usual(300).astype(np.float64) * 10 + 5
    window = Window(
        lags=2,
        fill=np.full(WIDTH, 5.0),
        low=np.full(WIDTH, -1e5),
        high=np.full(WIDTH, 1e5),
        centre=np.full(WIDTH, 5.0),
        scale=np.full(WIDTH, 10.0),
    )
    encoded = ((raw - 5) / 10).astype(np.float32)
    features = lagged(encoded, np.zeros(300, dtype=np.int64), 2)
    fitted = Components(0.8).fit(features[2:], 0, no_pause)
    thresholds = np.quantile(fitted.judge(features), 0.99, axis=0)
    windows = np.stack([raw[np.maximum(np.arange(300) - back, 0)] for back in (2, 1, 0)], axis=1)
    said = asked(fitted.onnx(thresholds, window), windows)
    assert said[:, :2] == pytest.approx(fitted.judge(features), rel=1e-4)
    assert said.shape == (300, 2 + WIDTH)
    missing = windows.copy()
    missing[5, 1, 3] = np.nan
    filled = windows.copy()
    filled[5, 1, 3] = 5.0
    core = fitted.onnx(thresholds, window)
    assert asked(core, missing)[5] == pytest.approx(asked(core, filled)[5])


@pytest.mark.parametrize("name", ["isolation-forest", "ecod", "autoencoder"])
def test_detectors_of_single_rows_refuse_windows(name: str) -> None:
    window = Window(1, *[np.ones(WIDTH)] * 5)
    with pytest.raises(InvalidInput, match="single rows"):
        DETECTORS[name].fit(usual(), 0, no_pause).onnx(np.ones(1), window)
