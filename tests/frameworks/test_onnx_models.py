"""ONNX models that packages carry, imported, deployed, and asked 1000 times over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

TOLERANCE = 1e-5
OF_MAGIKA = 2e-2
"""ONNX Runtime itself answers some files otherwise in a batch than alone: by up to 1.4e-2."""


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    return make("onnx_models", None)


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize(("name", "tolerance"), [("magika", OF_MAGIKA), ("direction", TOLERANCE)])
def test_a_model_answers_over_http_as_onnx_runtime_does(
    made: Path, faithful: Callable[..., Any], name: str, tolerance: float
) -> None:
    inputs, outputs = arrays(made / f"{name}-inputs.npz"), arrays(made / f"{name}-outputs.npz")
    row = faithful("ONNX Runtime", made / f"{name}.onnx", inputs, outputs, tolerance)
    assert row.inputs == 1000
    assert row.format == "onnx"


def test_weights_in_another_file_of_the_folder_serve_as_well(
    made: Path, faithful: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "direction"
    folder.mkdir()
    model = onnx.load(str(made / "direction.onnx"))
    onnx.save(
        model,
        str(folder / "direction.onnx"),
        save_as_external_data=True,
        location="direction.onnx.data",
    )
    both = arrays(made / "direction-inputs.npz"), arrays(made / "direction-outputs.npz")
    few = [{name: values[:100] for name, values in one.items()} for one in both]
    faithful("ONNX Runtime", folder, *few, TOLERANCE)


def test_a_model_with_a_state_is_called_a_thousand_times_in_a_row(
    made: Path,
    platform: Any,  # noqa: ANN401
    command: Callable[..., Any],
    listed: Callable[[Any], None],
) -> None:
    """Each call carries the state that the last one answered, as whoever listens to sound would."""
    version = command("models", "import", made / "silero.onnx", "--name", "silero")
    command("deploy", "silero@1", "--name", "silero")
    kept = arrays(made / "silero.npz")
    state = np.zeros((2, 1, 128), dtype=np.float32).tolist()
    headers = {"Authorization": f"Bearer {platform.key}"}
    chances = []
    with httpx.Client(base_url=platform.http, headers=headers, timeout=60) as client:
        for chunk in kept["chunks"]:
            tensors = {"input": chunk.tolist(), "state": state, "sr": 16000}
            answer = client.post("/predict/silero", json={"x": tensors})
            assert answer.status_code == 200, answer.text
            told = answer.json()["y_pred"]
            chances.append(told["output"])
            state = told["stateN"]
    command("undeploy", "silero")
    apart = float(np.max(np.abs(np.array(chances) - kept["chances"])))
    last = float(np.max(np.abs(np.array(state) - kept["state"])))
    assert version["provenance"]["format"] == "onnx"
    listed(
        ("ONNX Runtime", "silero, 1000 calls, its state carried", "onnx", 1000, apart, TOLERANCE)
    )
    assert max(apart, last) <= TOLERANCE
    assert np.ptp(kept["chances"]) > 1e-3
