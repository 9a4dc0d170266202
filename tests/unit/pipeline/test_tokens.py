"""Texts are counted and weighed as scikit-learn's vectorizers do it."""

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Pipeline, Tokens
from lichen.pipeline.encoding import Encoding, feature_names

Vectorizer = Any
TEXTS = ["The Water is CLEAN", "ölteppich: river, the river!", "a", "", "clean  air\tclean"]


def features(said: Tokens, texts: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = [text.encode() for text in texts]
    return Encoding(Pipeline(encoders=[said])).encode({"texts": cells})


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(),
        CountVectorizer(analyzer="char", ngram_range=(1, 3), binary=True),
        CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
        CountVectorizer(ngram_range=(1, 2), stop_words=["the"], strip_accents="ascii"),
        TfidfVectorizer(lowercase=False, norm="l1", token_pattern=r"[a-z]+"),  # noqa: S106 - none
        TfidfVectorizer(sublinear_tf=True, strip_accents="unicode"),
    ],
    ids=str,
)
def test_features_are_those_of_scikit_learn(vectorizer: Vectorizer) -> None:
    expected = vectorizer.fit_transform(TEXTS).toarray()
    idf = getattr(vectorizer, "idf_", np.zeros(0)).tolist()
    said = Tokens(
        column="text",
        may_lack=True,
        analyzer=vectorizer.analyzer,
        pattern=vectorizer.token_pattern,
        ngrams=vectorizer.ngram_range,
        is_lowered=vectorizer.lowercase,
        accents=vectorizer.strip_accents or "",
        left_out=sorted(vectorizer.get_stop_words() or ()),
        terms=vectorizer.get_feature_names_out().tolist(),
        weights=idf,
        is_binary=vectorizer.binary,
        is_sublinear=getattr(vectorizer, "sublinear_tf", False),
        norm=getattr(vectorizer, "norm", "") or "",
    )
    found = features(said, TEXTS)
    assert np.abs(found - expected).max() < 1e-6
    assert np.array_equal(features(said, TEXTS[:1]), found[:1])
    assert feature_names(Pipeline(encoders=[said]))[0] == f"text:{said.terms[0]}"


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"\w*\w*x", r"(?=a)b", "[", r"a|b", "x" * 201])
def test_patterns_that_could_take_long_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not run here|parts no text"):
        features(Tokens(column="text", pattern=pattern, terms=["a"]), ["a"])


def test_an_encoder_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one weight for each of its terms"):
        features(Tokens(column="text", terms=["a", "b"], weights=[1.0]), ["a"])
    with pytest.raises(InvalidInput, match="terms of 3 to 2 are none"):
        features(Tokens(column="text", terms=["a"], ngrams=(3, 2)), ["a"])


def test_bytes_that_are_no_text_are_refused_with_their_row() -> None:
    cells = np.array([[b"a"], [b"\xff"]], dtype=object)
    with pytest.raises(InvalidInput, match="row 1 holds bytes in column 'text'"):
        Encoding(Pipeline(encoders=[Tokens(column="text", terms=["a"])])).encode({"texts": cells})
