"""Entities: neighbouring tokens of one kind are one stretch, as they begin and go on."""

import msgspec
import numpy as np
import pytest

from lichen.pipeline.spans import Token, entities_of

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
TEXT = "Anna Lee in Paris"
TOKENS = [Token(0, 4), Token(5, 8), Token(9, 11), Token(12, 17)]


def marked(*chosen: str) -> list[tuple[str, str]]:
    scores = np.eye(len(LABELS))[[LABELS.index(one) for one in chosen]]
    said = msgspec.json.decode(entities_of(TEXT, TOKENS[: len(chosen)], scores, LABELS))
    assert all(TEXT[one["start"] : one["end"]] == one["text"] for one in said)
    return [(one["text"], one["label"]) for one in said]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (("B-PER", "I-PER", "O", "B-LOC"), [("Anna Lee", "PER"), ("Paris", "LOC")]),
        (("B-PER", "B-PER"), [("Anna", "PER"), ("Lee", "PER")]),
        (("I-PER", "I-PER"), [("Anna Lee", "PER")]),
        (("B-PER", "I-LOC"), [("Anna", "PER"), ("Lee", "LOC")]),
        (("MISC", "MISC", "O", "MISC"), [("Anna Lee", "MISC"), ("Paris", "MISC")]),
        (("O", "O"), []),
        ((), []),
    ],
)
def test_stretches_follow_the_marks(chosen: tuple[str, ...], found: list[tuple[str, str]]) -> None:
    assert marked(*chosen) == found
