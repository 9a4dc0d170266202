"""Texts as the counts or weights of their terms, parted as scikit-learn's vectorizers part them.

The pattern of a token is a regular expression that came with the model. Only such run here as look
at a text once: sequences of signs and classes without groups, of which one at most repeats without
end (patterns beyond can take time that grows with the square of a text, or worse).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import log, sqrt
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Tokens

LONGEST_TEXT = 100_000
"""Characters of a text that are looked at: an endless text must not hold up the others."""
_BLANKS = re.compile(r"\s\s+")
_PIECE = r"(?:\\[bBwWdDsS]|\\[^\w\s]|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\](){}|*+?^$.]|\.|\^|\$)"
_PLAIN_PATTERN = re.compile(rf"(?:\(\?u\))?(?:{_PIECE}(?:[*+?]|\{{\d{{1,2}}(?:,\d{{0,2}})?\}})?)*")
_ENDLESS = re.compile(r"(?<!\\)[*+]|\{\d+,\}")


class TokensEncoding:
    """A `Tokens`, prepared."""

    def __init__(self, said: Tokens, start: int) -> None:
        """Prepare it; its features begin at `start`.

        Raises:
            InvalidInput: it contradicts itself, or its pattern is none that is run.
        """
        if said.weights and len(said.weights) != len(said.terms):
            raise InvalidInput(
                f"column {said.column!r} has not one weight for each of its terms: import it again"
            )
        if not np.isfinite(said.weights).all() or said.norm not in ("", "l1", "l2"):
            raise InvalidInput(f"column {said.column!r} weighs its terms by no number")
        self._said, self._start = said, start
        self._parted = parting(said)
        self._places = {term: at for at, term in enumerate(said.terms)}

    def fill(self, cells: Sequence[bytes], features: NDArray[np.float32]) -> None:
        """Write the features of some rows.

        Raises:
            InvalidInput: a cell is no UTF-8 text; the message names its row.
        """
        for row, cell in enumerate(cells):
            for place, value in self._entries(cell, row):
                features[row, self._start + place] = value

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write the features of one row.

        Raises:
            InvalidInput: the cell is no UTF-8 text.
        """
        for place, value in self._entries(cell, 0):
            row[self._start + place] = value

    def _entries(self, cell: bytes, row: int) -> list[tuple[int, float]]:
        """Terms that are known, ascending, and their values; summed in the order of a row."""
        try:
            text = cell.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"row {row} holds bytes in column {self._said.column!r} that are no UTF-8 text"
            ) from error
        found = (self._places.get(term) for term in self._parted(text[:LONGEST_TEXT]))
        counts = Counter(place for place in found if place is not None)
        values = [(place, self._weighed(place, counts[place])) for place in sorted(counts)]
        size = self._size([value for _, value in values])
        return [(place, value / size) for place, value in values]

    def _weighed(self, place: int, count: int) -> float:
        said = self._said
        value = 1.0 if said.is_binary else float(count)
        if said.is_sublinear:
            value = 1.0 + log(value)
        return value * said.weights[place] if said.weights else value

    def _size(self, values: Sequence[float]) -> float:
        if self._said.norm == "l2":
            return sqrt(sum(value * value for value in values)) or 1.0
        return (sum(abs(value) for value in values) if self._said.norm == "l1" else 1.0) or 1.0


def parting(said: Tokens) -> Callable[[str], Iterator[str]]:
    """What parts a text into its terms.

    Raises:
        InvalidInput: it parts them by a pattern that is not run, or in no way that is known.
    """
    fewest, most = said.ngrams
    if not 1 <= fewest <= most:
        raise InvalidInput(f"terms of {fewest} to {most} are none: give such as 1 and 2")
    if said.analyzer == "word":
        tokens, left_out = _tokens(said.pattern), frozenset(said.left_out)
        return lambda text: _in_a_row(
            [one for one in tokens(_plain(said, text)) if one not in left_out], (fewest, most), " "
        )
    if said.analyzer == "char":
        return lambda text: _in_a_row(
            list(_BLANKS.sub(" ", _plain(said, text))), (fewest, most), ""
        )
    return lambda text: _within_words(_BLANKS.sub(" ", _plain(said, text)), (fewest, most))


def _tokens(pattern: str) -> Callable[[str], list[str]]:
    is_plain = len(pattern) <= 200 and _PLAIN_PATTERN.fullmatch(pattern) is not None
    if not is_plain or len(_ENDLESS.findall(re.sub(r"\[[^\]]*\]", "", pattern))) > 1:
        raise InvalidInput(
            f"texts are parted by the pattern {pattern!r}, which is not run here: take one without "
            r"groups of which one part repeats, such as (?u)\b\w\w+\b"
        )
    try:
        return re.compile(pattern).findall
    except re.error as error:
        raise InvalidInput(f"the pattern {pattern!r} parts no text: {error}") from error


def _plain(said: Tokens, text: str) -> str:
    """In lower case and without accents, where that is asked for."""
    if said.is_lowered:
        text = text.lower()
    if not said.accents or (text.isascii() and said.accents == "unicode"):
        return text
    apart = normalize("NFKD", text)
    if said.accents == "ascii":
        return apart.encode("ascii", "ignore").decode()
    return "".join(sign for sign in apart if not combining(sign))


def _in_a_row(parts: Sequence[str], ngrams: tuple[int, int], between: str) -> Iterator[str]:
    """Every run of so many parts."""
    for length in range(ngrams[0], min(ngrams[1], len(parts)) + 1):
        if length == 1:
            yield from parts
            continue
        for first in range(len(parts) - length + 1):
            yield between.join(parts[first : first + length])


def _within_words(text: str, ngrams: tuple[int, int]) -> Iterator[str]:
    """Every run of characters within a word with a space on both sides; short words once."""
    for word in text.split():
        padded = f" {word} "
        for length in range(ngrams[0], ngrams[1] + 1):
            if length >= len(padded):
                yield padded
                break
            for first in range(len(padded) - length + 1):
                yield padded[first : first + length]
