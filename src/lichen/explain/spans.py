"""Where the terms of a text stand in it: from plain text back to the characters as they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import combining

from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import LONGEST_TEXT, Terms, plain_text, words_of

Span = tuple[int, int]
"""The first character, and the one after the last."""


@dataclass(frozen=True, slots=True)
class Term:
    """One occurrence of a term, and the characters of the plain text that it covers."""

    text: str
    covers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """A text as encoders look at it, and where each of its characters comes from.

    Attributes:
        text: its beginning in lower case, one form of each sign.
        sources: of each character, where it stands in the text as it came.
    """

    text: str
    sources: tuple[Span, ...]


def plain_of(text: str) -> Plain:
    """The plain text and the sources of its characters.

    Signs are brought to one form cluster by cluster; where a cluster's neighbours matter, as for a
    last sigma, the piece between two spaces is one source.
    """
    beginning = text[:LONGEST_TEXT]
    sources: list[Span] = []
    made: list[str] = []
    for start, end in _pieces(beginning):
        piece = plain_text(beginning[start:end])
        clusters = _clusters(beginning, start, end)
        each = [plain_text(beginning[first:last]) for first, last in clusters]
        if "".join(each) == piece:
            sources += [
                span for span, one in zip(clusters, each, strict=True) for _ in range(len(one))
            ]
        elif len(piece) == end - start:
            sources += [(start + at, start + at + 1) for at in range(len(piece))]
        else:
            sources += [(start, end)] * len(piece)
        made.append(piece)
    return Plain("".join(made), tuple(sources))


def _pieces(text: str) -> list[Span]:
    """Runs of spaces and runs of anything else, in turn."""
    borders = [at for at in range(1, len(text)) if text[at].isspace() is not text[at - 1].isspace()]
    ends = [*borders, len(text)] if text else []
    return list(zip([0, *borders], ends, strict=False))


def _clusters(text: str, start: int, end: int) -> list[Span]:
    """A character with the marks that combine with it."""
    firsts = [at for at in range(start, end) if at == start or not _joins(text[at])]
    return list(zip(firsts, [*firsts[1:], end], strict=True))


def _joins(sign: str) -> bool:
    """Whether it is part of what stands before it: a mark, or the later letters of Hangul."""
    return bool(combining(sign)) or "\u1160" <= sign <= "\u11ff" or sign in "\u200d\uff9e\uff9f"


def located(words: Sequence[str], text: str) -> list[Span]:
    """Where words stand that were parted from a text in their order."""
    spans, at = [], 0
    for word in words:
        start = text.find(word, at)
        if start >= 0:
            at = start + len(word)
            spans.append((start, at))
    return spans


def terms_in(said: Words, text: str) -> list[Term]:
    """Every occurrence of a term in plain text, as an encoder parts it."""
    fewest, most = said.ngrams
    if said.analyzer == "char":
        return _characters(text, fewest, most)
    parts = words_of(said.language)
    return _in_a_row(text, located(parts(text), text), fewest, most)


def _in_a_row(text: str, spans: Sequence[Span], fewest: int, most: int) -> list[Term]:
    found = []
    for length in range(fewest, most + 1):
        for first in range(len(spans) - length + 1):
            run = spans[first : first + length]
            words = " ".join(text[start:end] for start, end in run)
            found.append(Term(words, tuple(at for start, end in run for at in range(start, end))))
    return found


def _characters(text: str, fewest: int, most: int) -> list[Term]:
    found = []
    for start, end in located(text.split(), text):
        padded = f" {text[start:end]} "
        for length in range(fewest, most + 1):
            if length >= len(padded):
                found.append(Term(padded, tuple(range(start, end))))
                break
            for first in range(len(padded) - length + 1):
                covered = range(max(start + first - 1, start), min(start + first - 1 + length, end))
                found.append(Term(padded[first : first + length], tuple(covered)))
    return found


def shown_words(text: str, parts: Terms) -> list[Span]:
    """The words of a text as it came, and the signs between them, without spaces.

    Args:
        text: as it came.
        parts: parts plain text into words.
    """
    plain = plain_of(text)
    words = [
        (plain.sources[start][0], plain.sources[end - 1][1])
        for start, end in located(parts(plain.text), plain.text)
    ]
    found: list[Span] = []
    at = 0
    for start, end in words:
        if start < at:
            continue
        found += [*_signs(text, at, start), (start, end)]
        at = end
    return [*found, *_signs(text, at, len(text[:LONGEST_TEXT]))]


def _signs(text: str, start: int, end: int) -> list[Span]:
    """Runs of signs without spaces between two places."""
    return [
        (start + first, start + last)
        for first, last in _pieces(text[start:end])
        if not text[start + first].isspace()
    ]
