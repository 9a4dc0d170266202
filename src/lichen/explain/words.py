"""What each word of a text contributed: exactly, where the model is a weighted sum of its terms.

`margin = base + sum over terms of tf-idf x weight`. A term's share goes to the characters that it
covers, alike to each of its occurrences, and from them to the words that they stand in. TF-IDF is
brought to unit length, so that a share is exact for this text and is not what the word alone would
add to another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.explain.spans import Span, Term, plain_of, terms_in
from lichen.pipeline.declaration import Words
from lichen.pipeline.words import WordsEncoding

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TermWeights:
    """An encoder of a column, and what each of its terms counts for each margin.

    Attributes:
        said: the encoder.
        encoding: prepared.
        weights: `(terms, margins)`.
    """

    said: Words
    encoding: WordsEncoding
    weights: Floats


@dataclass(frozen=True, slots=True)
class WordShares:
    """What a text contributed.

    Attributes:
        shares: `(words, margins)`, in the order of the words.
        rest: `(margins,)`: of terms that cover no word, such as single spaces.
    """

    shares: Floats
    rest: Floats


def word_shares(blocks: Sequence[TermWeights], text: str, words: Sequence[Span]) -> WordShares:
    """The shares of a text's words.

    Args:
        blocks: the encoders of the text's column.
        text: as it came.
        words: where they stand in it.
    """
    plain = plain_of(text)
    margins = blocks[0].weights.shape[1]
    by_character = np.zeros((len(plain.text), margins))
    rest = np.zeros(margins)
    for block in blocks:
        places, values = block.encoding.entries(text.encode(), 0)
        whole = values[:, None] * block.weights[places]
        told = {block.said.terms[at]: share for at, share in zip(places, whole, strict=True)}
        rest += _spread(terms_in(block.said, plain.text), told, by_character)
    shares = np.zeros((len(words), margins))
    owner = _owners(plain.sources, words)
    is_owned = owner >= 0
    np.add.at(shares, owner[is_owned], by_character[is_owned])
    return WordShares(shares, rest + by_character[~is_owned].sum(axis=0))


def _spread(found: Sequence[Term], told: Mapping[str, Floats], by_character: Floats) -> Floats:
    """Give each term's share to the characters of its occurrences; what covers none is left."""
    counts: dict[str, int] = {}
    for term in found:
        counts[term.text] = counts.get(term.text, 0) + 1
    left = np.zeros(by_character.shape[1])
    for term in found:
        share = told.get(term.text)
        if share is None:
            continue
        each = share / counts[term.text]
        if term.covers:
            by_character[list(term.covers)] += each / len(term.covers)
        else:
            left += each
    return left


def _owners(sources: Sequence[Span], words: Sequence[Span]) -> NDArray[np.int64]:
    """Of each plain character the word that its source stands in; -1 of none."""
    starts = np.array([start for start, _ in words], dtype=np.int64)
    ends = np.array([end for _, end in words], dtype=np.int64)
    at = np.array([start for start, _ in sources], dtype=np.int64)
    if not len(words):
        return np.full(len(sources), -1)
    place = np.searchsorted(starts, at, side="right") - 1
    return np.where((place >= 0) & (at < ends[place]), place, -1)
