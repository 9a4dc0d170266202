"""Estimators of scikit-learn, saved by skops, imported and asked 1000 rows over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.cli.main import run

DOUBLE, SINGLE = 1e-6, 1e-5
"""Graphs of doubles; cores of trees and of texts compute in float32."""


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    """The models, and their answers."""
    return make("scikit", "scikit-learn")


def arrays(path: Path, dtype: type) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {name: typed(stored[name], dtype) for name in stored.files}


def typed(values: NDArray[Any], dtype: type) -> NDArray[Any]:
    """Texts as BYTES travel, numbers as the deployment has them."""
    if values.dtype.kind != "U":
        return values.astype(dtype) if values.dtype.kind == "f" else values
    found = np.empty(values.size, dtype=object)
    found[:] = [one.encode() for one in values.ravel().tolist()]
    return found.reshape(values.shape)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("histogram", DOUBLE),
        ("stack", DOUBLE),
        ("forest", SINGLE),
        ("boosted", SINGLE),
        ("ridge", DOUBLE),
        ("machine", DOUBLE),
        ("clusters", DOUBLE),
        ("words", SINGLE),
    ],
)
def test_an_estimator_answers_over_http_as_scikit_learn_did(
    made: Path, faithful: Callable[..., Any], name: str, tolerance: float
) -> None:
    inputs = arrays(made / f"{name}-inputs.npz", np.float64)
    outputs = arrays(made / f"{name}-outputs.npz", np.float64)
    row = faithful("scikit-learn", made / f"{name}.skops", inputs, outputs, tolerance)
    assert row.inputs == 1000
    assert row.format == "skops"


@pytest.fixture(scope="module")
def bad(make: Callable[..., Path]) -> Path:
    """Files that must be refused."""
    return make("bad_skops", "scikit-learn")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own", "__main__.Doubled"),
        ("unfitted", "the Ridge is not fitted"),
        ("dbscan", "knows no others: fit KMeans"),
        ("newer", "skops 9.0 wrote it in protocol 99"),
        ("lie", "is none of skops"),
        ("damaged", "cannot read damaged.skops"),
        ("bomb", "refused as a zip bomb"),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(
    bad: Path,
    command: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    name: str,
    said: str,
) -> None:
    del command  # it says which platform is asked
    assert run(["models", "import", str(bad / f"{name}.skops"), "--name", f"bad-{name}"]) != 0
    assert said in capsys.readouterr().err
