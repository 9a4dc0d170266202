import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from lichen.evaluation.clusters import adjusted_rand, silhouettes

IRIS = load_iris()


def test_silhouettes_are_those_of_scikit_learn() -> None:
    expected = silhouette_samples(IRIS.data, IRIS.target)
    np.testing.assert_allclose(silhouettes(IRIS.data, IRIS.target), expected, atol=1e-9)


def test_rows_of_no_cluster_are_left_out() -> None:
    groups = np.where(np.arange(150) % 10 == 0, -1, IRIS.target)
    expected = silhouette_samples(IRIS.data[groups >= 0], groups[groups >= 0])
    np.testing.assert_allclose(silhouettes(IRIS.data, groups), expected, atol=1e-9)


def test_one_cluster_has_no_silhouettes() -> None:
    assert silhouettes(IRIS.data, np.zeros(150, dtype=np.int64)).size == 0


@pytest.mark.parametrize("seed", range(3))
def test_agreement_is_that_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(-1, 3, 80), random.integers(0, 5, 80)
    assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))
    assert adjusted_rand(one, 7 - one) == pytest.approx(1.0)
