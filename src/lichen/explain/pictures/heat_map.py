"""A picture with what its patches count laid over it; the largest are framed and numbered."""

from collections.abc import Sequence

from lichen.explain.pictures.bars import heading, headline
from lichen.explain.pictures.scene import (
    AGAINST,
    FOR,
    INK,
    PALE,
    Bitmap,
    Box,
    Label,
    Scene,
    Shape,
    signed,
)
from lichen.protocol.explaining import Attribution, Explanation, Part

_SIDE, _LEFT, _TOP, _GAP = 340.0, 20.0, 74.0, 20.0
_NUMBERED = 3
_LEAST_NUMBERED = 26.0
"""Pixels of a patch that has room for its number."""
_LEAST_SHOWN = 0.04
_MOST_OPACITY = 0.78
_SIGNS = {True: "+", False: "\u2212"}


def heat_map(
    told: Explanation, parts: Sequence[Part], one: Attribution, picture: bytes | None
) -> Scene:
    """The picture as it is, and beside it under its patches.

    Args:
        told: the explanation.
        parts: patches of the picture.
        one: what each counts.
        picture: as PNG; None: the patches stand alone.
    """
    width = max((part.place[2] for part in parts), default=1)
    height = max((part.place[3] for part in parts), default=1)
    scale = _SIDE / max(width, height)
    shown = (width * scale, height * scale)
    scene = Scene(2 * _LEFT + 2 * _SIDE + _GAP, _TOP + shown[1] + 74, headline(told, one))
    scene.shapes.extend(heading(scene.title, told.sums_to))
    right = _LEFT + _SIDE + _GAP
    if picture is not None:
        scene.shapes.extend([Bitmap(left, _TOP, *shown, picture) for left in (_LEFT, right)])
        scene.shapes.append(Box(right, _TOP, *shown, "#ffffff", opacity=0.35))
    scene.shapes.extend(_patches(parts, one.contributions, (right, scale)))
    scene.shapes.extend(_legend(parts, one.contributions, _TOP + shown[1] + 22))
    return scene


def _patches(
    parts: Sequence[Part], contributions: Sequence[float], placed: tuple[float, float]
) -> list[Shape]:
    left, scale = placed
    most = max((abs(value) for value in contributions), default=0.0) or 1.0
    shapes: list[Shape] = []
    for part, value in zip(parts, contributions, strict=True):
        share = abs(value) / most
        if share >= _LEAST_SHOWN:
            colour = FOR if value >= 0 else AGAINST
            shapes.append(_box(part, colour, _MOST_OPACITY * share, (left, scale)))
    for number, at in enumerate(_largest(contributions), start=1):
        x, y, right, bottom = (side * scale for side in parts[at].place)
        shapes.append(
            Box(left + x, _TOP + y, right - x, bottom - y, "#ffffff", opacity=0.0, stroke=INK)
        )
        if right - x < _LEAST_NUMBERED:
            continue  # its number would hide it: the legend says where it is
        told = f"{number}{_SIGNS[contributions[at] >= 0]}"
        shapes.append(Box(left + x, _TOP + y, 22, 15, "#ffffff", opacity=0.85))
        shapes.append(Label(left + x + 2, _TOP + y + 12, told, 12, is_bold=True))
    return shapes


def _box(part: Part, colour: str, opacity: float, placed: tuple[float, float]) -> Box:
    left, scale = placed
    x, y, right, bottom = (side * scale for side in part.place)
    return Box(left + x, _TOP + y, right - x, bottom - y, colour, opacity=opacity)


def _largest(contributions: Sequence[float]) -> list[int]:
    order = sorted(range(len(contributions)), key=lambda at: -abs(contributions[at]))
    return [at for at in order[:_NUMBERED] if contributions[at]]


def _legend(parts: Sequence[Part], contributions: Sequence[float], top: float) -> list[Shape]:
    right = _LEFT + _SIDE + _GAP
    largest: list[Shape] = [
        Label(
            right,
            top + 16 * at,
            f"{at + 1}: {signed(contributions[one])} at x {parts[one].place[0]}, "
            f"y {parts[one].place[1]}",
            11,
        )
        for at, one in enumerate(_largest(contributions))
    ]
    return [
        Box(_LEFT, top - 11, 14, 14, FOR),
        Label(_LEFT + 20, top, "+ for the answer", 11, fill=PALE),
        Box(_LEFT, top + 9, 14, 14, AGAINST),
        Label(_LEFT + 20, top + 20, "\u2212 against it", 11, fill=PALE),
        *largest,
    ]
