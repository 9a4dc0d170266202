"""Classifiers of NLTK as JSON: read with suspicion, and pipelines that say the same to the bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.comparison import check_faithful
from lichen.frameworks.importing.conversion import Wishes
from lichen.frameworks.importing.language.nltk_conversion import convert_document
from lichen.frameworks.importing.language.nltk_document import FORMAT, as_json
from lichen.frameworks.importing.language.nltk_files import is_document
from lichen.frameworks.importing.language.nltk_reading import read_document
from lichen.frameworks.importing.source import laid_out
from lichen.serving.forms import predictor_of

LINEAR: dict[str, Any] = {
    "format": FORMAT,
    "algorithm": "MaxentClassifier",
    "labels": ["a", "b", "c"],
    "bias": [0.0, -1.0, 0.5],
    "features": [
        {
            "name": "first",
            "values": ["x", "y"],
            "scores": [[1, 0, -1], [0, 2, 0]],
            "unseen": [-3, 0, 0],
        },
        {
            "name": "has",
            "values": [False, True],
            "scores": [[0, 1, 0], [2, 0, 0]],
            "unseen": [0] * 3,
        },
        {
            "name": "length",
            "values": [3, 4],
            "scores": [[0, 0, 4], [5, 0, 0]],
            "unseen": [-9, 0, 0],
        },
    ],
    "slopes": [{"name": "weight", "type": "float", "scores": [0.5, -0.5, 0.25]}],
}
TREE: dict[str, Any] = {
    "format": FORMAT,
    "algorithm": "DecisionTreeClassifier",
    "labels": ["a", "b"],
    "root": {
        "feature": "length",
        "branches": [[0, {"label": "b"}], [3, {"label": "a"}], [None, {"label": "b"}]],
        "otherwise": {
            "feature": "first",
            "branches": [["x", {"label": "a"}], [None, {"label": "a"}]],
            "otherwise": {"label": "b"},
        },
    },
}


@pytest.mark.parametrize("said", [LINEAR, TREE])
def test_a_pipeline_answers_a_thousand_rows_as_its_document_says(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    (tmp_path / "model.json").write_text(json.dumps(said), encoding="utf-8")
    source = laid_out(tmp_path, "model.json")
    assert is_document(source)
    made, again = (convert_document(source, Wishes()) for _ in range(2))
    assert made.files == again.files
    predictor = predictor_of(made.files, made.signature)
    assert check_faithful(predictor, made).largest_difference < 1e-6


def test_a_missing_feature_says_nothing_and_zero_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps(TREE), encoding="utf-8")
    made = convert_document(laid_out(tmp_path, "model.json"), Wishes())
    predictor = predictor_of(made.files, None)
    texts = np.array([[b""], [b"x"], [b"x"], [b"never seen"]], dtype=object)
    numbers = np.array([[np.nan], [0.0], [77.0], [77.0]])
    found = predictor.predict(Batch({"numbers": numbers, "texts": texts}))
    assert found["prediction"].tolist() == [b"b", b"b", b"a", b"b"]


def changed(**parts: object) -> bytes:
    return json.dumps({**LINEAR, **parts}).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "no classifier of the format"),
        (changed(labels=["a"]), "two different labels"),
        (changed(labels=["a", "a", "b"]), "two different labels"),
        (changed(bias=[0.0]), "lacks a part"),
        (changed(bias=[0.0, 1e999, 0.0]), "lacks a part"),
        (changed(features=[]), ""),
        (changed(features=[], slopes=[]), "knows no feature"),
        (changed(features=[{"name": "x"}]), "lacks a part"),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(content: bytes, says: str) -> None:
    if not says:
        assert read_document(content).features == ()
        return
    with pytest.raises(InvalidInput) as refused:
        read_document(content)
    assert says in str(refused.value)


def test_texts_and_numbers_in_one_feature_are_refused_by_its_name(tmp_path: Path) -> None:
    mixed = {"name": "first", "values": ["x", 1], "scores": [[0] * 3] * 2, "unseen": [0] * 3}
    (tmp_path / "model.json").write_bytes(changed(features=[mixed]))
    with pytest.raises(InvalidInput, match="'first' holds texts and numbers"):
        convert_document(laid_out(tmp_path, "model.json"), Wishes())


def test_what_is_no_classifier_of_nltk_is_refused_by_its_class() -> None:
    with pytest.raises(InvalidInput, match="a dict is no classifier of NLTK"):
        as_json({})
