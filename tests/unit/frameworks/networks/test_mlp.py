"""The `mlp` of tables, beside what `tests/contract/test_estimator_contract.py` says of it."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, Settings, no_pause
from lichen.frameworks.estimators.mlp import Mlp, layers_in


def test_layers_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="layers is 'wide'"):
        layers_in("wide")
    assert layers_in("") == ()
    assert layers_in("128,64") == (128, 64)


def test_structure_and_training_are_what_was_asked_for() -> None:
    random = np.random.default_rng(7)
    features = random.normal(size=(60, 3)).astype(np.float32)
    rows = Examples(features=features, target=features[:, 0].astype(np.float64))
    asked: Settings = {"layers": "5,4", "activation": "tanh", "epochs": 2, "batch_size": 30}
    core = Mlp().fit(rows, asked, 0, no_pause)
    body = core.onnx()
    assert body.count(b"Tanh") == 2
    assert b"Relu" not in body
    wrongs: tuple[tuple[Settings, str], ...] = (
        ({"activation": "swish"}, "activation 'swish'"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"layers": "8,0"}, "layers holds 0"),
        ({"optimizer": "lion"}, "optimizer 'lion'"),
        ({"epochs": 1.5}, "epochs is 1.5"),
    )
    for wrong, said in wrongs:
        with pytest.raises(InvalidInput, match=said):
            Mlp().fit(rows, {**asked, **wrong}, 0, no_pause)


def test_early_stopping_needs_rows_and_then_ends_the_passes() -> None:
    random = np.random.default_rng(8)
    features = random.normal(size=(240, 2)).astype(np.float32)
    rows = Examples(features=features, target=random.normal(size=240))
    passes = []

    def pause() -> None:
        passes.append(1)

    settings: Settings = {"layers": "4", "patience": 1, "epochs": 400, "learning_rate": 0.05}
    Mlp().fit(rows, settings, 0, pause)
    assert len(passes) < 400
