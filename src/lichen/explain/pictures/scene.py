"""A picture as plain shapes, in pixels from the top left; text widths are stated, not measured."""

from dataclasses import dataclass, field
from typing import Literal
from unicodedata import east_asian_width

INK, PALE, GRID = "#1b1b1b", "#5a5a5a", "#d9d9d9"
FOR, AGAINST = "#d55e00", "#0072b2"
"""Vermillion and blue of Okabe and Ito (2008), which colour-blind readers tell apart."""
SERIES = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999",
)  # fmt: skip
_NARROW, _WIDE = 0.6, 1.0
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    opacity: float = 1.0
    stroke: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line; `dash` is the length of its dashes, 0 for a solid one."""

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: str = INK
    width: float = 1.0
    dash: float = 0.0


@dataclass(frozen=True, slots=True)
class Label:
    """Text on one line, `y` its baseline. `width`: brought to exactly so many pixels."""

    x: float
    y: float
    text: str
    size: float = 12.0
    anchor: Anchor = "start"
    fill: str = INK
    is_bold: bool = False
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A PNG, scaled to a rectangle without smoothing."""

    x: float
    y: float
    width: float
    height: float
    png: bytes


Shape = Box | Line | Label | Bitmap


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture; later shapes lie over earlier ones. `title` is read to who cannot see it."""

    width: float
    height: float
    title: str
    shapes: list[Shape] = field(default_factory=list)


def text_width(text: str, size: float) -> float:
    """How wide a text is set: every sign six tenths of its size, Chinese signs all of it."""
    wide = sum(east_asian_width(sign) in "WF" for sign in text)
    return size * (_WIDE * wide + _NARROW * (len(text) - wide))


def shortened(text: str, most: int) -> str:
    """A text of at most so many signs."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def signed(value: float) -> str:
    """A number with its sign, three digits."""
    return f"{value:+.3g}".replace("-", "\u2212")
