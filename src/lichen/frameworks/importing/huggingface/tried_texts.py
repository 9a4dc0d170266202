"""Made-up texts to try a model with: words of its vocabulary, other scripts, odd and long ones."""

from collections.abc import Sequence

import numpy as np

from lichen.core.batch import Array

_SEED = 20261123
_ODD = (
    "",
    "a",
    ".",
    "  two   spaces \t and a tab ",
    "ALL CAPITALS, déjà vu, naïve façade",
    "空气质量在冬天变差。",
    "Мы измеряем воздух.",
    "e = mc² ≈ 9·10¹⁶ J/kg 🌿🌍",
    "http://example.org/?q=1&x=%20#top",
    "no\u200bspace\u00a0between",
    "don't can't it's 3.14 1,000",
)
_LENGTHS = (1, 3, 6, 10, 16, 24)
_PLAIN = (
    *("the", "river", "water", "air", "smoke", "is", "was", "not", "very", "good", "bad"),
    *("Paris", "Berlin", "Anna", "of", "in", "and", "company", "claims", "reduced", "emissions"),
)


def tried_texts(words: Sequence[str], count: int, longest: int) -> list[str]:
    """So many texts, the same at every call.

    Args:
        words: of the model's vocabulary.
        count: how many.
        longest: tokens after which the model cuts a text; one of them is longer.
    """
    random = np.random.default_rng(_SEED)
    known = [one for one in words if one.isalpha() and one.isascii()] or list(_PLAIN)
    made = [*_ODD, " ".join(_PLAIN[at % len(_PLAIN)] for at in range(longest + 20))]
    while len(made) < count:
        length = _LENGTHS[len(made) % len(_LENGTHS)]
        drawn = [
            known[random.integers(len(known))]
            if random.random() < 0.5
            else str(random.choice(_PLAIN))
            for _ in range(length)
        ]
        made.append(" ".join(drawn))
    return made[:count]


def as_column(texts: Sequence[str]) -> Array:
    """Texts as `texts` of a version, BYTES `(rows, 1)`."""
    return as_bytes([text.encode() for text in texts]).reshape(-1, 1)


def as_bytes(cells: Sequence[bytes]) -> Array:
    """BYTES `(rows,)`."""
    found = np.empty(len(cells), dtype=np.object_)
    found[:] = cells
    return found
