"""The `mlp` of tables."""

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, Settings, no_pause
from lichen.frameworks.networks.estimator import NetworkEstimator, layers_in
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

QUICK: Settings = {"layers": "8", "epochs": 25, "learning_rate": 0.02, "batch_size": 16}


def examples(classes: int) -> Examples:
    random = np.random.default_rng(7)
    features = random.normal(size=(120, 4)).astype(np.float32)
    value = features[:, 0] + 0.5 * features[:, 1] ** 2
    edges = np.quantile(value, np.linspace(0, 1, classes + 1)[1:-1]) if classes else None
    target = value.astype(np.float64) if edges is None else np.digitize(value, edges).astype(float)
    return Examples(features=features, target=target, classes=classes)


@pytest.mark.parametrize(
    ("classes", "columns", "link"), [(0, 1, "value"), (2, 1, "logit"), (4, 4, "logit")]
)
def test_it_learns_and_is_served_as_it_answers_here(classes: int, columns: int, link: str) -> None:
    given = examples(classes)
    core = NetworkEstimator().fit(given, QUICK, 0, no_pause)
    raw = core.raw(given.features)
    assert core.link == link
    assert raw.shape == (120, columns)
    served = OnnxPredictor(core.onnx()).predict(Batch({INPUT: given.features}))[OUTPUT]
    assert np.allclose(served, raw, rtol=1e-4, atol=1e-4)
    if classes == 0:
        assert np.mean((raw[:, 0] - given.target) ** 2) < 0.3 * given.target.var()
    else:
        said = raw.argmax(axis=1) if columns > 1 else raw[:, 0] > 0
        assert np.mean(said == given.target) > 0.7
    assert NetworkEstimator().fit(given, QUICK, 0, no_pause).onnx() == core.onnx()


def test_a_setting_that_it_does_not_have_and_layers_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="mlp has no setting 'depth'"):
        NetworkEstimator().fit(examples(0), {"depth": 3}, 0, no_pause)
    with pytest.raises(InvalidInput, match="layers is 'wide'"):
        layers_in("wide")
    assert layers_in("") == ()
    assert layers_in("128,64") == (128, 64)


def test_it_pauses_between_steps() -> None:
    class _Cut(Exception):
        pass

    def pause() -> None:
        raise _Cut

    with pytest.raises(_Cut):
        NetworkEstimator().fit(examples(0), QUICK, 0, pause)
