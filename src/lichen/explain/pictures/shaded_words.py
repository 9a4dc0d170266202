"""A text with its words shaded; signs and lines say the same without colour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lichen.explain.pictures.bars import heading, headline
from lichen.explain.pictures.scene import (
    AGAINST,
    FOR,
    PALE,
    Box,
    Label,
    Line,
    Scene,
    Shape,
    signed,
    text_width,
)
from lichen.protocol.explaining import Attribution, Explanation, Part

_WIDTH, _LEFT, _TOP, _SIZE, _ROW = 760.0, 20.0, 66.0, 16.0, 38.0
_MOST_NUMBERED = 12
"""Words whose contribution is written under them."""
_MOST_ROWS = 60
_LEAST_SHOWN = 0.02
_DASH = 3.0
_NUMBER = 9.0
_NOTE = "orange, solid line, +: for the answer \u00b7 blue, dashed line, \u2212: against it"


@dataclass(frozen=True, slots=True)
class _Set:
    """A word where it is set."""

    text: str
    x: float
    row: int
    width: float
    value: float
    is_first: bool


def shaded_words(told: Explanation, parts: Sequence[Part], one: Attribution) -> Scene:
    """The words of a text in their order, as dark as they count."""
    words = [
        (part, value)
        for part, value in zip(parts, one.contributions, strict=True)
        if len(part.place) == 2
    ]
    most = max((abs(value) for _, value in words), default=0.0) or 1.0
    placed = list(_placed(words))
    rows = min(max((word.row for word in placed), default=0) + 1, _MOST_ROWS)
    scene = Scene(_WIDTH, _TOP + rows * _ROW + 40, headline(told, one))
    scene.shapes.extend(heading(scene.title, told.sums_to))
    for word in placed:
        if word.row < _MOST_ROWS:
            scene.shapes.extend(_drawn(word, most))
    scene.shapes.extend(_numbers(placed, most))
    rest = sum(one.contributions) - sum(value for _, value in words)
    more = f" \u00b7 between the words: {signed(rest)}" if abs(rest) > _LEAST_SHOWN * most else ""
    scene.shapes.append(Label(_LEFT, scene.height - 14, _NOTE + more, 11, fill=PALE))
    return scene


def _placed(words: Sequence[tuple[Part, float]]) -> Iterator[_Set]:
    """Every word, or piece of several in a row, on its line."""
    x, row, end = _LEFT, 0, 0
    for part, value in words:
        x += text_width(" ", _SIZE) if part.place[0] > end else 0
        end = part.place[1]
        for number, piece in enumerate(_pieces(str(part.value))):
            width = text_width(piece, _SIZE)
            if x + width > _WIDTH - _LEFT and x > _LEFT:
                x, row = _LEFT, row + 1
            yield _Set(piece, x, row, width, value, is_first=number == 0)
            x += width


def _pieces(text: str) -> list[str]:
    """A part cut at its spaces, and where a line is too short for it."""
    most = int((_WIDTH - 2 * _LEFT) / _SIZE)
    words = text.split() or [""]
    spaced = [word if at == len(words) - 1 else f"{word} " for at, word in enumerate(words)]
    return [word[at : at + most] for word in spaced for at in range(0, max(len(word), 1), most)]


def _drawn(word: _Set, most: float) -> list[Shape]:
    share = abs(word.value) / most
    colour = FOR if word.value >= 0 else AGAINST
    top = _TOP + word.row * _ROW
    shapes: list[Shape] = []
    if share >= _LEAST_SHOWN:
        dash = 0.0 if word.value >= 0 else _DASH
        under = top + 23
        shapes = [
            Box(word.x + 1, top + 2, word.width - 2, 20, colour, opacity=0.08 + 0.52 * share),
            Line(word.x + 1, under, word.x + word.width - 1, under, colour, 1 + 2 * share, dash),
        ]
    shapes.append(Label(word.x, top + 17, word.text, _SIZE, width=word.width))
    return shapes


def _numbers(placed: Sequence[_Set], most: float) -> Iterator[Shape]:
    """What the largest count, under them, where there is room beside larger ones."""
    taken: list[tuple[int, float, float]] = []
    for word in sorted(placed, key=lambda one: -abs(one.value)):
        if len(taken) == _MOST_NUMBERED or abs(word.value) < _LEAST_SHOWN * most:
            return
        told = signed(word.value)
        start, end = word.x, word.x + text_width(told, _NUMBER) + 3
        is_free = all(
            row != word.row or end <= left or start >= right for row, left, right in taken
        )
        if word.is_first and word.row < _MOST_ROWS and is_free:
            taken.append((word.row, start, end))
            colour = FOR if word.value >= 0 else AGAINST
            yield Label(word.x, _TOP + word.row * _ROW + 33, told, _NUMBER, fill=colour)
