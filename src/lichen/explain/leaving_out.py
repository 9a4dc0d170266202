"""What an answer loses when a word is left out of a text: one model run a word, many at once.

Li, Monroe and Jurafsky (2016), "Understanding neural networks through representation erasure".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.explain.spans import Span

Floats = NDArray[np.float64]
Scores = Callable[[Sequence[str]], Floats]
"""Texts to what is explained of each `(texts, outputs)`."""
MOST_RUNS = 256
TEXTS_AT_ONCE = 64
_NOTHING = " "
"""What is left of a text without words: an empty one would be missing."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What leaving each part out took from each output.

    Attributes:
        parts: where they stand: words, or several in a row where there are too many words.
        drops: `(parts, outputs)`.
        prediction: `(outputs,)`.
        base: `(outputs,)`, with every part left out.
        runs: texts that the model was asked about.
    """

    parts: Sequence[Span]
    drops: Floats
    prediction: Floats
    base: Floats
    runs: int


def left_out(scores: Scores, text: str, words: Sequence[Span], most: int = MOST_RUNS) -> LeftOut:
    """Leave out one word after the other.

    Args:
        scores: the model.
        text: as it came.
        words: where they stand; at least one.
        most: model runs at most.
    """
    parts = _joined(words, max(most - 2, 1))
    texts = [text, _without_all(text, words)]
    texts += [text[:start] + text[end:] or _NOTHING for start, end in parts]
    said = np.concatenate(
        [
            scores(texts[first : first + TEXTS_AT_ONCE])
            for first in range(0, len(texts), TEXTS_AT_ONCE)
        ]
    )
    return LeftOut(parts, said[0] - said[2:], said[0], said[1], len(texts))


def _joined(words: Sequence[Span], most: int) -> list[Span]:
    """Words as they are, or so many in a row that there are no more than `most`."""
    each = -(-len(words) // most)
    return [
        (words[first][0], words[min(first + each, len(words)) - 1][1])
        for first in range(0, len(words), each)
    ]


def _without_all(text: str, words: Sequence[Span]) -> str:
    kept, at = [], 0
    for start, end in words:
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]]).strip() or _NOTHING
