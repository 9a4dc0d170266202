"""The beginning of every graph of words: a text, parted at its spaces, as places in a vocabulary.

Words are looked up as they stand. What a vocabulary lacks is told by name, never guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.language.drawing import Drawing

TEXT, UNKNOWN = "text", "unknown"
LONGEST_WORD = 1000


@dataclass(frozen=True, slots=True)
class Front:
    """Names in a graph.

    Attributes:
        places: INT64 `(rows, words)`: of each word; `size` where it is unknown, `size + 1` where
            the text is over. There is always one such at the end.
        is_known: FP32 `(rows, words)`: 1 where the vocabulary has the word.
        size: words of the vocabulary.
    """

    places: str
    is_known: str
    size: int


def draw_front(drawing: Drawing, words: Sequence[str]) -> Front:
    """Draw it; the graph answers `unknown` too: the words of a text that are not in `words`.

    Raises:
        InvalidInput: the vocabulary is empty, or a word stands twice, or is none.
    """
    _check(words)
    size = len(words)
    split = drawing.nodes_of("StringSplit", [TEXT], 2)[0]
    rows = drawing.node("Shape", TEXT)
    one_each = drawing.node("Concat", rows, drawing.constant([1]), axis=0)
    end = drawing.node("Expand", drawing.texts([""]), one_each)
    parted = drawing.node("Concat", split, end, axis=1)
    places = drawing.node(
        "LabelEncoder",
        parted,
        keys_strings=["", *words],
        values_int64s=[size + 1, *range(size)],
        default_int64=size,
    )
    is_known = drawing.node("Less", places, drawing.constant(size))
    _draw_unknown(drawing, parted, drawing.node("Equal", places, drawing.constant(size)))
    return Front(places, drawing.node("Cast", is_known, to=1), size)


def _check(words: Sequence[str]) -> None:
    if not words:
        raise InvalidInput("the vocabulary is empty: there is nothing to look up")
    if len(set(words)) < len(words):
        seen: set[str] = set()
        twice = next(one for one in words if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise InvalidInput(f"the word {twice!r} stands twice in the vocabulary: save it anew")
    wrong = next((one for one in words if not one or len(one) > LONGEST_WORD), None)
    if wrong is not None:
        raise InvalidInput(
            f"the vocabulary holds a word of {len(wrong):,} characters, which is none: save it anew"
        )


def _draw_unknown(drawing: Drawing, parted: str, is_unknown: str) -> None:
    """Join the unknown words of each text, a space between: word by word, for all rows at once."""
    count = drawing.node("Shape", parted, start=1, end=2)
    turns = drawing.node("Squeeze", count)
    begun = drawing.node("Expand", drawing.texts([""], []), drawing.node("Shape", TEXT))
    body = _joining(parted, is_unknown)  # no Transpose: that of ONNX Runtime loses texts
    drawing.node_as("Loop", UNKNOWN, turns, "", begun, body=body)


def _joining(parted: str, is_unknown: str) -> Any:  # noqa: ANN401 - onnx's own type
    from onnx import TensorProto, helper

    inner = Drawing("joining_")
    word = inner.node("Gather", parted, "turn", axis=1)
    flag = inner.node("Gather", is_unknown, "turn", axis=1)
    nothing = inner.texts([""], [])
    is_first = inner.node("Equal", "so_far", nothing)
    between = inner.node("Where", is_first, nothing, inner.texts([" "], []))
    longer = inner.node("StringConcat", between, word)
    added = inner.node("Where", flag, longer, nothing)
    inner.node_as("StringConcat", "joined", "so_far", added)
    inner.node_as("Identity", "goes_on", "went_on")
    value = helper.make_tensor_value_info
    return helper.make_graph(
        inner.nodes,
        "joining",
        [
            value("turn", TensorProto.INT64, []),
            value("went_on", TensorProto.BOOL, []),
            value("so_far", TensorProto.STRING, None),
        ],
        [value("goes_on", TensorProto.BOOL, []), value("joined", TensorProto.STRING, None)],
        initializer=inner.kept,
    )


def parted_words(text: str) -> list[str]:
    """The words that a graph sees in a text."""
    return [one for one in text.split(" ") if one]


def made_up_texts(words: Sequence[str], rows: int, seed: int) -> list[str]:
    """Texts to try a vocabulary with: single words, several, unknown ones, none; seeded."""
    drawing = np.random.default_rng(seed)
    made = ["", " ", "nowhere-to-be-found", f"{words[0]} nowhere-to-be-found", f"  {words[-1]}  "]
    while len(made) < rows:
        count = int(drawing.choice([1, 1, 2, 3, 5, 8, 20]))
        drawn = [words[int(at)] for at in drawing.integers(len(words), size=count)]
        if drawing.random() < 0.1:
            drawn.insert(int(drawing.integers(len(drawn) + 1)), "?!unknown?!")
        made.append(" ".join(drawn))
    return made[:rows]
