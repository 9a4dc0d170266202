"""Shares of words are exact: terms stand where they are said to, and their shares sum."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lichen.explain.leaving_out import left_out
from lichen.explain.spans import plain_of, shown_words, terms_in
from lichen.explain.words import TermWeights, word_shares
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import plain_text, terms_of, words_of
from lichen.pipeline.words import WordsEncoding

TEXTS = (
    "The river smells; fish are dying, and the RIVER is brown!",
    "Ｆｕｌｌ　ｗｉｄｔｈ ﬁsh Å A\u030a ΣΊΣΥΦΟΣ ½ ™",
    "河水发臭，鱼都死了。工厂夜里排污 PM2.5",
    "   ",
    "a",
    "e\u0301\u0301 İstanbul ｶﾞ 각 ...",
)
ENCODERS = (
    {"analyzer": "word", "ngrams": (1, 2)},
    {"analyzer": "char", "ngrams": (2, 5)},
    {"analyzer": "char", "ngrams": (1, 1)},
    {"analyzer": "word", "language": "zh", "ngrams": (1, 2)},
)


@pytest.mark.parametrize("text", TEXTS)
def test_plain_text_knows_where_each_character_came_from(text: str) -> None:
    plain = plain_of(text)
    assert plain.text == plain_text(text)
    assert len(plain.sources) == len(plain.text)
    assert all(0 <= start < end <= len(text) for start, end in plain.sources)
    assert list(plain.sources) == sorted(plain.sources)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("form", ENCODERS)
def test_terms_are_found_as_often_as_the_encoder_finds_them(
    form: dict[str, Any], text: str
) -> None:
    said = Words(column="text", terms=[], weights=[], **form)
    found = terms_in(said, plain_text(text))
    assert Counter(one.text for one in found) == Counter(terms_of(said)(text))


def block(form: dict[str, Any], texts: tuple[str, ...], margins: int) -> TermWeights:
    random = np.random.default_rng(3)
    probe = Words(column="text", terms=[], weights=[], **form)
    known = sorted({term for text in texts for term in terms_of(probe)(text)})[::2]
    idf = (1 + random.random(len(known))).tolist()
    said = Words(column="text", terms=known, weights=idf, **form)
    return TermWeights(said, WordsEncoding(said, 0), random.standard_normal((len(known), margins)))


@pytest.mark.parametrize("text", TEXTS)
def test_shares_of_words_sum_to_what_the_text_adds(text: str) -> None:
    blocks = [block(form, TEXTS, 3) for form in ENCODERS]
    added = np.zeros(3)
    for one in blocks:
        places, values = one.encoding.entries(text.encode(), 0)
        added += values @ one.weights[places]
    found = word_shares(blocks, text, shown_words(text, words_of("zh")))
    assert np.allclose(found.shares.sum(axis=0) + found.rest, added, rtol=0, atol=1e-12)


def test_a_word_that_alone_counts_gets_all_of_it() -> None:
    said = Words(column="text", terms=["river"], weights=[1.0])
    own = TermWeights(said, WordsEncoding(said, 0), np.array([[2.0]]))
    text = "The River, the river."
    words = shown_words(text, words_of("en"))
    found = word_shares([own], text, words)
    shown = {
        text[start:end]: share
        for (start, end), share in zip(words, found.shares[:, 0], strict=True)
    }
    assert shown == {"The": 0, "River": 1.0, ",": 0, "the": 0, "river": 1.0, ".": 0}
    assert found.rest == pytest.approx(0)


def test_chinese_words_and_signs_are_shown_apart() -> None:
    text = "河水发臭，鱼死了。"
    shown = [text[start:end] for start, end in shown_words(text, words_of("zh"))]
    assert "".join(shown) == text
    assert {"河水", "，", "。"} <= set(shown)


def planted(texts: Sequence[str]) -> np.ndarray:
    return np.array([[1.0 * ("poison" in text) + 0.2 * ("fish" in text)] for text in texts])


def test_leaving_out_finds_the_word_that_was_planted() -> None:
    text = "the fish in the river eat poison daily"
    words = shown_words(text, words_of("en"))
    found = left_out(planted, text, words)
    shown = [text[start:end] for start, end in found.parts]
    order = [shown[at] for at in np.argsort(-found.drops[:, 0])]
    assert order[:2] == ["poison", "fish"]
    assert found.drops[shown.index("poison"), 0] == pytest.approx(1.0)
    assert found.runs == len(words) + 2
    assert found.base == pytest.approx(0)


def test_of_a_long_text_several_words_are_left_out_together() -> None:
    text = " ".join(["water"] * 500 + ["poison"])
    found = left_out(planted, text, shown_words(text, words_of("en")), 64)
    assert found.runs <= 64
    start, end = found.parts[int(found.drops[:, 0].argmax())]
    assert "poison" in text[start:end]


def test_a_text_of_one_word_leaves_no_empty_text() -> None:
    asked: list[str] = []

    def scores(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return planted(texts)

    found = left_out(scores, "poison", [(0, 6)])
    assert all(asked)
    assert found.drops[:, 0] == pytest.approx([1.0])
