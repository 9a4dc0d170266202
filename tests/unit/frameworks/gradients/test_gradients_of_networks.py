"""Every structure of network that is trained here has its gradient, and it is the right one."""

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.explain.integrated import CLOSENESS, Floats, integrated
from lichen.frameworks.gradients.differentiable import Differentiable, differentiable
from lichen.frameworks.networks.architecture import (
    Architecture,
    Convolutional,
    Dense,
    Residual,
    Transformer,
    laid_out,
)
from lichen.frameworks.networks.graph import network_model
from lichen.frameworks.networks.layers import ACTIVATIONS
from lichen.frameworks.networks.weights import first_weights
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

STRUCTURES: dict[str, tuple[Architecture, tuple[int, ...]]] = {
    **{name: (Dense(layers=(12, 8), activation=name), (9,)) for name in ACTIVATIONS},
    "dense with a shortcut": (Dense(layers=(12,), has_shortcut=True), (9,)),
    "convolutional": (Convolutional(channels=(4, 6), depth=1, layers=(8,)), (3, 8, 8)),
    "residual": (Residual(channels=(4, 6)), (3, 8, 8)),
    "patches of images": (Transformer(patch=4, width=8, heads=2, depth=1), (3, 8, 8)),
    "patches of series": (
        Transformer(patch=4, window=16, width=8, heads=2, depth=1, has_shortcut=True),
        (20,),
    ),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_network_as_it_is_written_is_differentiated(name: str) -> None:
    architecture, shape = STRUCTURES[name]
    layers = laid_out(architecture, shape, 3)
    random = np.random.default_rng(8)
    content = network_model(layers, first_weights(layers, shape, random), shape)
    rows = random.standard_normal((4, *shape)).astype(np.float32)
    said = OnnxPredictor(content).predict(Batch({INPUT: rows}))[OUTPUT]
    own = differentiable(content, rows)
    assert isinstance(own, Differentiable), own
    exact = rows.astype(np.float64)
    assert np.allclose(own.value(exact), said, rtol=1e-3, atol=1e-4)
    towards = random.standard_normal(said.shape)
    away = 1e-6 * random.standard_normal(rows.shape)
    _, gradients = own.gradients(exact, lambda _: towards)
    changed = ((own.value(exact + away) - own.value(exact - away)) * towards).sum() / 2
    assert (gradients * away).sum() == pytest.approx(changed, rel=1e-3, abs=1e-10)

    def first(at: Floats) -> tuple[Floats, Floats]:
        raw, slopes = own.gradients(at, lambda raw: np.eye(3)[[0] * len(raw)])
        return raw[:, 0], slopes

    found = integrated(first, exact[0], np.zeros(shape))
    change = found.prediction - found.base
    assert found.contributions.sum() == pytest.approx(change, rel=2 * CLOSENESS, abs=1e-5)
