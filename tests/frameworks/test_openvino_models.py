"""A network as OpenVINO keeps it, imported, deployed, and asked 1000 images over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-5


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def test_a_model_of_openvino_answers_over_http_as_openvino_does(
    make: Callable[..., Path], faithful: Callable[..., Any]
) -> None:
    made = make("openvino_ir", None)
    inputs, outputs = arrays(made / "inputs.npz"), arrays(made / "outputs.npz")
    row = faithful("OpenVINO", made / "direction", inputs, outputs, TOLERANCE)
    assert row.inputs == 1000
    assert row.format == "openvino"
