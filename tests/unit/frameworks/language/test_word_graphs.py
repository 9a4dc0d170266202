"""Graphs of words: vectors, topics and weights, against what their formulas say in NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.language.topic_graph import Topics, topic_graph, topic_names
from lichen.frameworks.language.vector_graph import check_vectors, vector_graph
from lichen.frameworks.language.weight_graph import Weighting, weight_graph
from lichen.frameworks.language.word_front import made_up_texts
from lichen.frameworks.onnx import OnnxPredictor, check_model

WORDS = ["river", "water", "coal", "Straße", "水"]
VECTORS = np.array([[1.0, 0.0], [1.0, 0.5], [-1.0, 0.25], [0.0, 2.0], [0.0, 0.0]], dtype=np.float32)


def asked(content: bytes, *texts: str) -> Batch:
    sent = np.empty(len(texts), dtype=object)
    sent[:] = [text.encode() for text in texts]
    return OnnxPredictor(content).predict(Batch({"text": sent}))


def said(values: Array) -> list[str]:
    return [str(one) for one in values.ravel()]


def test_a_word_gets_its_vector_and_its_neighbours_without_itself() -> None:
    content = vector_graph(WORDS, VECTORS)
    check_model(content)
    found = asked(content, "river")
    assert np.array_equal(found["vector"], VECTORS[:1])
    assert said(found["similar"])[0] == "water"
    assert "river" not in said(found["similar"])
    assert found["similarity"][0, 0] == pytest.approx(1 / np.hypot(1, 0.5), abs=1e-6)
    assert said(found["unknown"]) == [""]


def test_a_text_is_the_mean_of_its_known_words_and_names_the_others_in_every_row() -> None:
    texts = ("no", "river water", "", "  never Straße 水 ever river ")
    found = asked(vector_graph(WORDS, VECTORS), *texts)
    expected = np.array([[0, 0], [1, 0.25], [0, 0], [1 / 3, 2 / 3]])
    assert np.allclose(found["vector"], expected)
    assert said(found["unknown"]) == ["no", "", "", "never ever"]
    assert said(found["similar"][0]) == [""] * 5
    assert not found["similarity"][0].any()


def test_the_same_vectors_give_the_same_bytes() -> None:
    assert vector_graph(WORDS, VECTORS) == vector_graph(WORDS, VECTORS.copy())


def test_vectors_that_cannot_be_served_say_why() -> None:
    with pytest.raises(InvalidInput, match="stands twice"):
        vector_graph(["a", "a"], VECTORS[:2])
    with pytest.raises(InvalidInput, match="vocabulary is empty"):
        check_vectors([], np.zeros((0, 2), dtype=np.float32))
    with pytest.raises(InvalidInput, match=r"'b' holds a number that is not finite"):
        check_vectors(["a", "b"], np.array([[0.0], [np.nan]], dtype=np.float32))
    huge = np.broadcast_to(np.float32(0), (10_000_000, 300))
    with pytest.raises(TooLarge, match=r"limit=1342177"):
        check_vectors([], huge)


def weights(counts: NDArray[np.float64], local: str) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        logs = 1 + np.log2(counts)
        mean = counts[counts > 0].mean() if counts.any() else 1.0
        made = {
            "n": counts,
            "b": np.ones_like(counts),
            "l": logs,
            "d": 1 + np.log2(np.maximum(logs, 1)),
            "a": 0.5 + 0.5 * counts / max(counts.max(), 1),
            "L": logs / (1 + np.log2(mean)),
        }[local]
    return np.where(counts > 0, made, 0.0)


@pytest.mark.parametrize(
    ("local", "is_normalised"), [(local, local in "nla") for local in "nbldaL"]
)
def test_term_weights_are_those_of_the_scheme(local: str, *, is_normalised: bool) -> None:
    idf = np.array([0.5, 1.0, 2.0, 3.0, 0.0])
    content = weight_graph(Weighting(WORDS, idf, local, is_normalised))
    check_model(content)
    texts = made_up_texts(WORDS, 25, 3)
    found = asked(content, *texts)
    for row, text in enumerate(texts):
        counts = np.array([float(text.split().count(word)) for word in WORDS])
        expected = weights(counts, local) * idf
        length = np.linalg.norm(expected)
        if is_normalised and length:
            expected /= length
        assert np.allclose(found["vector"][row], expected, atol=1e-6)
        best = WORDS[int(expected.argmax())] if expected.any() else ""
        assert said(found["terms"][row])[0] == best


def variational(said: Topics, text: str) -> NDArray[np.float64]:
    """Hoffman, Blei and Bach (2010), one word at a time, in plain NumPy."""
    places = [said.words.index(word) for word in text.split() if word in said.words]
    beta = said.likelihood[:, places].astype(np.float64)
    gamma = np.ones(len(said.alpha))
    for _ in range(said.most_turns):
        theta = np.exp(digamma(gamma) - digamma(gamma.sum()))
        before = gamma
        gamma = said.alpha + theta * (beta / (theta @ beta + said.epsilon)).sum(axis=1)
        if np.abs(gamma - before).mean() < said.threshold:
            break
    return np.asarray(gamma / gamma.sum())


def test_topics_are_inferred_as_the_paper_says_and_each_text_for_itself() -> None:
    random = np.random.default_rng(1)
    likelihood = random.dirichlet(np.ones(5), 3).astype(np.float32)
    model = Topics(WORDS, np.array([0.1, 0.2, 0.05]), likelihood, 50, 1e-3, 1e-7)
    content = topic_graph(model)
    check_model(content)
    texts = made_up_texts(WORDS, 30, 4)
    found = asked(content, *texts)
    expected = np.array([variational(model, text) for text in texts])
    assert np.allclose(found["membership"], expected, atol=1e-6)
    assert found["prediction"].tolist() == expected.argmax(axis=1).tolist()
    names = topic_names(model)
    assert said(found["topic"]) == [names[at] for at in expected.argmax(axis=1)]
    alone = np.concatenate([asked(content, text)["membership"] for text in texts])
    assert np.allclose(alone, found["membership"], atol=1e-7)
