"""A scene as PNG, by Pillow; the only file of the room that imports it, loaded by name."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageColor, ImageDraw, ImageFont

from lichen.core.errors import InvalidInput
from lichen.explain.pictures.scene import Bitmap, Box, Label, Line, Scene, Shape, text_width

SCALE = 2
"""Pixels of the PNG for each of the scene."""
_COMPRESSION = 3
"""Of zlib: at its usual 6, packing takes most of the time, for a tenth less."""
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_CHINESE = ("NotoSansCJK-Regular", "NotoSerifCJK-Regular", "NotoSansSC", "wqy", "DroidSansFallback")
_LAST_PLAIN = "\u024f"
"""Signs up to here are in the font that Pillow carries."""


def png_of(scene: Scene) -> bytes:
    """The picture as PNG.

    Raises:
        InvalidInput: it holds signs that no font here has.
    """
    size = (round(scene.width * SCALE), round(scene.height * SCALE))
    canvas = Image.new("RGBA", size, "#ffffff")
    for shape in scene.shapes:
        _put(canvas, shape)
    written = io.BytesIO()
    canvas.convert("RGB").save(written, "PNG", compress_level=_COMPRESSION)
    return written.getvalue()


def _put(canvas: Image.Image, shape: Shape) -> None:
    match shape:
        case Box():
            _box(canvas, shape)
        case Line():
            _line(ImageDraw.Draw(canvas), shape)
        case Label():
            _label(canvas, shape)
        case Bitmap():
            sides = (round(shape.width * SCALE), round(shape.height * SCALE))
            with Image.open(io.BytesIO(shape.png)) as picture:
                shown = picture.convert("RGBA").resize(sides, Image.Resampling.NEAREST)
            canvas.paste(shown, (round(shape.x * SCALE), round(shape.y * SCALE)))


def _box(canvas: Image.Image, one: Box) -> None:
    left, top = round(one.x * SCALE), round(one.y * SCALE)
    right, bottom = round((one.x + one.width) * SCALE), round((one.y + one.height) * SCALE)
    if right <= left or bottom <= top:
        return
    if one.opacity >= 1 and not one.stroke:
        ImageDraw.Draw(canvas).rectangle((left, top, right - 1, bottom - 1), one.fill)
        return
    red, green, blue, *_ = ImageColor.getrgb(one.fill)
    layer = Image.new("RGBA", (right - left, bottom - top), (red, green, blue))
    layer.putalpha(round(255 * one.opacity))
    canvas.alpha_composite(layer, (max(left, 0), max(top, 0)))
    if one.stroke:
        ImageDraw.Draw(canvas).rectangle(
            (left, top, right - 1, bottom - 1), outline=one.stroke, width=SCALE
        )


def _line(draw: ImageDraw.ImageDraw, one: Line) -> None:
    width = max(1, round(one.width * SCALE))
    for (x1, y1), (x2, y2) in _dashes(one):
        draw.line((x1 * SCALE, y1 * SCALE, x2 * SCALE, y2 * SCALE), one.stroke, width)


def _dashes(one: Line) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    across, down = one.x2 - one.x1, one.y2 - one.y1
    length = (across**2 + down**2) ** 0.5
    if not one.dash or not length:
        return [((one.x1, one.y1), (one.x2, one.y2))]
    found, at = [], 0.0
    while at < length:
        ends = [place / length for place in (at, min(at + one.dash, length))]
        start, end = [(one.x1 + share * across, one.y1 + share * down) for share in ends]
        found.append((start, end))
        at += 2 * one.dash
    return found


def _label(canvas: Image.Image, one: Label) -> None:
    if not one.text.strip():
        return
    font = _font(round(one.size * SCALE), is_plain=max(one.text) <= _LAST_PLAIN)
    text = one.text.replace("\u2212", "-").replace("\u2026", "...")
    across = font.getlength(text)
    room = SCALE * (text_width(text, one.size) if one.width is None else one.width)
    wanted = min(across, room)
    left = one.x * SCALE - {"start": 0.0, "middle": wanted / 2, "end": wanted}[one.anchor]
    left += 0.0 if one.width is None else (room - wanted) / 2
    height = round(one.size * SCALE * 1.6)
    layer = Image.new("RGBA", (max(1, round(across) + 4), height), (0, 0, 0, 0))
    at = (0, round(one.size * SCALE * 1.1))
    bold = 1 if one.is_bold else 0
    ImageDraw.Draw(layer).text(at, text, one.fill, font, anchor="ls", stroke_width=bold)
    if round(wanted) != round(across):
        layer = layer.resize((max(1, round(wanted)), height), Image.Resampling.LANCZOS)
    place = (max(round(left), 0), max(round(one.y * SCALE) - at[1], 0))
    if place[0] < canvas.width and place[1] < canvas.height:
        canvas.alpha_composite(layer, place)


@lru_cache(maxsize=32)
def _font(size: int, *, is_plain: bool) -> Any:  # noqa: ANN401 - of two kinds, drawn with alike
    if is_plain:
        return ImageFont.load_default(size)
    found = _chinese_font()
    if found is None:
        raise InvalidInput(
            "no font here has the signs of this text, so it cannot be drawn as PNG: take SVG, or "
            "install fonts-noto-cjk"
        )
    return ImageFont.truetype(str(found), size)


@lru_cache
def _chinese_font() -> Path | None:
    fonts = [
        path
        for folder in _FOLDERS
        for path in sorted(Path(folder).rglob("*.[ot]t[cf]"))
        if path.is_file()
    ]
    for name in _CHINESE:
        for path in fonts:
            if path.name.startswith(name):
                return path
    return None
