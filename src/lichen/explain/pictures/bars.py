"""Contributions of columns as bars: to the right what is for the answer, to the left against it."""

from collections.abc import Sequence
from textwrap import wrap

from lichen.explain.pictures.scene import (
    AGAINST,
    FOR,
    GRID,
    INK,
    PALE,
    Box,
    Label,
    Line,
    Scene,
    Shape,
    shortened,
    signed,
)
from lichen.protocol.explaining import Attribution, Explanation, Part

MOST_BARS = 15
_WIDTH, _LEFT, _RIGHT, _TOP, _BAR = 760.0, 300.0, 80.0, 64.0, 24.0
_MOST_SIGNS = 34
_MOST_TITLE, _MOST_BELOW = 84, 118


def bars(told: Explanation, parts: Sequence[Part], one: Attribution) -> Scene:
    """The largest contributions of one attribution, and the others in one bar."""
    rows = largest(parts, one.contributions)
    height = _TOP + _BAR * len(rows) + 34
    scene = Scene(_WIDTH, height, headline(told, one))
    scene.shapes.extend(heading(scene.title, told.sums_to))
    most = max((abs(value) for _, value in rows), default=0.0) or 1.0
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    half = (_WIDTH - _LEFT - _RIGHT) / 2 - 44
    scene.shapes.append(Line(middle, _TOP, middle, height - 30, GRID))
    for number, (name, value) in enumerate(rows):
        scene.shapes.extend(_bar(name, value, _TOP + _BAR * number, (middle, half / most)))
    scene.shapes.append(Label(middle, height - 12, "0", 11, "middle", PALE))
    return scene


def largest(parts: Sequence[Part], contributions: Sequence[float]) -> list[tuple[str, float]]:
    """What is shown: names with what stands there, the largest first, the rest summed."""
    order = sorted(range(len(parts)), key=lambda at: -abs(contributions[at]))
    shown = [(named(parts[at]), contributions[at]) for at in order[:MOST_BARS]]
    rest = order[MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} others", sum(contributions[at] for at in rest)))
    return shown


def named(part: Part) -> str:
    """A part as it is written beside its bar."""
    if part.value is None:
        return f"{part.column}{list(part.place)}" if part.place else part.column
    value = f"{part.value:.5g}" if isinstance(part.value, float) else str(part.value)
    return f"{part.column} = {value}{' ' + part.unit if part.unit else ''}"


def headline(told: Explanation, one: Attribution) -> str:
    """What was answered, and what the base is."""
    after = f" {told.unit}" if told.unit else ""
    space = "" if told.space == "value" else f"{told.space} "
    return (
        f"{one.output}: {space}{one.prediction:.4g}{after} (base {one.base:.4g}{after}) "
        f"\u00b7 {told.method}"
    )


def heading(title: str, below: str) -> list[Shape]:
    """The title, and up to two lines under it."""
    lines = wrap(below, _MOST_BELOW, max_lines=2, placeholder=" \u2026")
    return [
        Label(16, 24, shortened(title, _MOST_TITLE), 14, is_bold=True),
        *(Label(16, 41 + 13 * at, line, 10, fill=PALE) for at, line in enumerate(lines)),
    ]


def _bar(name: str, value: float, top: float, across: tuple[float, float]) -> list[Shape]:
    middle, scale = across
    length = abs(value) * scale
    start = middle if value >= 0 else middle - length
    beside = start + length + 5 if value >= 0 else start - 5
    return [
        Label(_LEFT - 10, top + 16, shortened(name, _MOST_SIGNS), 12, "end", INK),
        Box(start, top + 4, length, _BAR - 8, FOR if value >= 0 else AGAINST),
        Label(beside, top + 16, signed(value), 11, "start" if value >= 0 else "end", INK),
    ]
