"""Entities of a text, from what is said of each token: neighbours of one kind are one stretch."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

_BEGINS, _GOES_ON, _NOTHING = "B-", "I-", "O"


class Entity(msgspec.Struct, frozen=True):
    """A stretch of a text: its first character, the one after its last, its text and its kind."""

    start: int
    end: int
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Token:
    """Where a token stands in a text."""

    start: int
    end: int


def entities_of(
    text: str, tokens: Sequence[Token], scores: NDArray[np.floating], labels: Sequence[str]
) -> bytes:
    """The entities of a text as JSON.

    Args:
        text: the whole.
        tokens: of the text itself, in order; not what a tokenizer puts around it.
        scores: of each of them, `(tokens, labels)`.
        labels: of the columns; one without `B-` or `I-` goes on.
    """
    found: list[tuple[int, int, str]] = []
    before = _NOTHING
    for token, best in zip(tokens, scores.argmax(axis=1).tolist(), strict=True):
        said = labels[best]
        kind = said.removeprefix(_BEGINS).removeprefix(_GOES_ON)
        if said != _NOTHING:
            if kind == before and not said.startswith(_BEGINS):
                found[-1] = (found[-1][0], token.end, kind)
            else:
                found.append((token.start, token.end, kind))
        before = _NOTHING if said == _NOTHING else kind
    return msgspec.json.encode(
        [Entity(start, end, text[start:end], kind) for start, end, kind in found]
    )
