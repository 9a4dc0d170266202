"""Caffe networks, imported, deployed, asked over HTTP: beside OpenCV, and beside Caffe itself."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "golden" / "caffe"
IMAGES = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
TOLERANCE = 1e-4


def arrays(path: Path, prefix: str = "") -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        named = {key: stored[key] for key in stored.files if key.startswith(prefix)}
    return {key.removeprefix(prefix): values for key, values in named.items()}


@pytest.fixture(scope="module")
def answered(make: Callable[..., Path]) -> Path:
    if not IMAGES.is_file():
        pytest.skip(f"{IMAGES} is absent: apt-get install dataset-fashion-mnist")
    return make("caffe", "caffe", str(GOLDEN / "lenet"), str(IMAGES))


def test_a_trained_network_answers_as_opencv_does(
    answered: Path, faithful: Callable[..., Any]
) -> None:
    inputs, outputs = arrays(answered / "inputs.npz"), arrays(answered / "outputs.npz")
    row = faithful("Caffe, by OpenCV", GOLDEN / "lenet", inputs, outputs, TOLERANCE)
    assert row.inputs == 1000
    assert row.format == "caffe"


def test_a_trained_network_answers_as_caffe_itself_did(
    answered: Path, faithful: Callable[..., Any]
) -> None:
    inputs, outputs = arrays(answered / "inputs.npz"), {}
    outputs["prob"] = np.load(GOLDEN / "lenet" / "answers.npy")
    assert faithful("Caffe", GOLDEN / "lenet", inputs, outputs, TOLERANCE).inputs == 1000


@pytest.mark.parametrize("name", ["norms", "answers", "version1"])
def test_layers_that_opencv_lacks_or_reads_otherwise_answer_as_caffe_did(
    tmp_path: Path, faithful: Callable[..., Any], name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for suffix in ("prototxt", "caffemodel"):
        shutil.copy(GOLDEN / f"{name}.{suffix}", folder)
    both = GOLDEN / f"{name}.npz"
    faithful("Caffe", folder, arrays(both, "in_"), arrays(both, "out_"), TOLERANCE)
