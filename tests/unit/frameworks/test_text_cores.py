"""Cores of texts and of clusters compute the same as ONNX as in NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.cluster_cores import ClusterCore, groups_of
from lichen.frameworks.clustering import gaussian_mixture, hdbscan, k_means
from lichen.frameworks.estimation import no_pause
from lichen.frameworks.latent_kernel import MOST_ROWS, BlendedCore, fit_kernel
from lichen.frameworks.onnx import OnnxPredictor


def served(core: ClusterCore | BlendedCore, features: NDArray[np.float32]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = OnnxPredictor(core.onnx()).predict(Batch({"features": features}))[
        "raw"
    ]
    return made


def blobs(rows: int = 240, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 1.0], [0.0, 5.0, -1.0]])
    return centres[np.arange(rows) % 3] + random.normal(size=(rows, 3)) * [0.5, 0.8, 0.4]


@pytest.mark.parametrize("fit", [k_means, gaussian_mixture, hdbscan])
def test_memberships_are_the_same_as_onnx_and_find_the_blobs(fit: object) -> None:
    features = blobs()
    assert callable(fit)
    core: ClusterCore = fit(features, 3, 0)
    rows = np.concatenate([features, 3 * blobs(60, 1) + 1]).astype(np.float32)
    np.testing.assert_allclose(served(core, rows), core.raw(rows), rtol=1e-5, atol=1e-6)
    groups = groups_of(core, features.astype(np.float32))
    assert core.clusters == 3
    found = [np.bincount(groups[part::3] + 1, minlength=4).max() for part in range(3)]
    assert sum(found) > 0.9 * len(features)
    assert fit(features, 3, 0).onnx() == core.onnx()


def test_what_is_far_from_every_exemplar_is_of_no_cluster() -> None:
    core = hdbscan(blobs(), 0, 0)
    groups = groups_of(core, np.array([[50.0, 50.0, 50.0], [0.0, 0.0, 0.0]], dtype=np.float32))
    assert groups[0] == -1
    assert groups[1] >= 0


def test_rows_of_one_density_have_no_clusters_by_density() -> None:
    with pytest.raises(InvalidInput, match="of one density"):
        hdbscan(np.random.default_rng(0).uniform(size=(200, 2)) * 0 + np.arange(200)[:, None], 0, 0)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_blended_core_is_the_same_as_onnx_and_follows_its_rows(classes: int) -> None:
    random = np.random.default_rng(1)
    outputs = 1 if classes == 2 else classes
    target = np.arange(90) % classes
    first = np.eye(4)[target] + 0.3 * random.normal(size=(90, 4))
    second = random.normal(size=(90, 3))
    first, second = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (first, second))
    kernel = fit_kernel(np.concatenate([first, second], axis=1), target, None, (2.0, 1.0), no_pause)
    core = BlendedCore(outputs, (4, 3), np.full(outputs, 0.25), kernel)
    sums = random.normal(size=(2, 90, outputs))
    features = np.concatenate([sums[0], 7 * first, sums[1], 0.1 * second], axis=1)
    rows = np.concatenate([features, np.zeros((1, features.shape[1]))]).astype(np.float32)
    expected = sums.sum(axis=0) + 0.25 + kernel.scores(np.concatenate([first, second], axis=1))
    np.testing.assert_allclose(core.raw(rows)[:-1], expected, atol=1e-5)
    np.testing.assert_allclose(served(core, rows), core.raw(rows), atol=1e-5)


def test_a_kernel_machine_of_too_many_texts_is_refused() -> None:
    rows = np.zeros((MOST_ROWS + 1, 2))
    with pytest.raises(InvalidInput, match="takes minutes"):
        fit_kernel(rows, np.zeros(len(rows), dtype=np.int64), None, (1.0, 1.0), no_pause)
