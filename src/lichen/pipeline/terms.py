"""From a text to its terms: words or characters, one or several in a row."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from unicodedata import normalize

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.plugins import load_object
from lichen.pipeline.declaration import Words

CHINESE, ENGLISH = "zh", "en"
LONGEST_TEXT = 20_000
"""Characters of a text that are looked at: what it is about is said by then, and an endless text
must not hold up the others."""
_CHINESE_WORDS = "lichen.pipeline.chinese:chinese_words"
_WORD = re.compile(r"[^\W_]+")

Terms = Callable[[str], list[str]]
"""The terms of a text, as often as they stand in it."""


def terms_of(said: Words) -> Terms:
    """What parts a text as an encoder says.

    Raises:
        InvalidInput: it says no language that is known, or no range of n-grams.
        Unavailable: what parts texts of its language is not installed.
    """
    fewest, most = said.ngrams
    if not 1 <= fewest <= most:
        raise InvalidInput(f"terms of {fewest} to {most} are none: give such as 1 and 2")
    if said.analyzer == "char":
        return lambda text: list(_characters(plain_text(text), fewest, most))
    words = words_of(said.language)
    if most == 1:
        return lambda text: words(plain_text(text))
    return lambda text: _in_a_row(words(plain_text(text)), fewest, most)


def plain_text(text: str) -> str:
    """Its beginning in lower case, one form of each sign: full-width letters as the usual ones."""
    text = text[:LONGEST_TEXT]
    return text.lower() if text.isascii() else normalize("NFKC", text).lower()


def words_of(language: str) -> Terms:
    """What parts plain text of a language into words.

    Raises:
        InvalidInput: the language is none that is known.
        Unavailable: what parts texts of it is not installed.
    """
    if language == CHINESE:
        return _chinese()
    if language != ENGLISH:
        raise InvalidInput(f"no words of the language {language!r} are known: give en or zh")
    return _WORD.findall


@cache
def _chinese() -> Terms:
    try:
        parts: Terms = load_object(_CHINESE_WORDS)()
    except ModuleNotFoundError as missing:
        raise Unavailable(
            "Chinese text is parted into words by jieba, which is not installed: "
            "`pip install jieba`"
        ) from missing
    return parts


def _in_a_row(words: list[str], fewest: int, most: int) -> list[str]:
    """Every run of `fewest` to `most` words, a space between."""
    found = list(words) if fewest == 1 else []
    for length in range(max(2, fewest), most + 1):
        found += [
            " ".join(words[first : first + length]) for first in range(len(words) - length + 1)
        ]
    return found


def _characters(text: str, fewest: int, most: int) -> Iterator[str]:
    """Every run of so many characters within words with a space on both sides."""
    for word in text.split():
        padded = f" {word} "
        for length in range(fewest, most + 1):
            if length >= len(padded):
                yield padded
                break
            for first in range(len(padded) - length + 1):
                yield padded[first : first + length]
