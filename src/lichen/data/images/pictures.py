"""PNG, JPEG, GIF and BMP into pixels, by Pillow: its one door, loaded by name.

A picture is measured by its header before any pixel of it is unpacked.
"""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lichen.core.errors import InvalidInput
from lichen.data.images.gallery import Look, Pixels

_FORMATS = ("PNG", "JPEG", "GIF", "BMP")
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_GREY = ("1", "L", "LA", "I;16", "I", "F")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, OverflowError)
"""What Pillow raises for bytes that are no picture, by format."""

# Pillow only warns of what is very large: the limit of our own is held before it unpacks.
Image.MAX_IMAGE_PIXELS = None


def look_at(body: bytes, most_pixels: int) -> Look:
    """Read a picture's header.

    Raises:
        InvalidInput: it is no picture, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as picture:
            return _looked(picture, most_pixels)
    except _UNREADABLE as failure:
        raise _unreadable(failure) from failure


def _looked(picture: Image.Image, most_pixels: int) -> Look:
    width, height = picture.size
    if width * height > most_pixels:
        raise InvalidInput(
            f"it has {width}x{height} pixels, the limit `pixels` is {most_pixels:,}: make it "
            "smaller"
        )
    # Of a PNG it may stand behind the pixels, which would all be unpacked to find it.
    if picture.format == "JPEG" and picture.getexif().get(_ORIENTATION) in _TURNED:
        width, height = height, width
    return Look(width, height, picture.mode not in _GREY, _remark(picture))


def _remark(picture: Image.Image) -> str:
    if getattr(picture, "n_frames", 1) > 1:
        return "moves: its first frame is taken"
    if picture.mode == "CMYK":
        return "is in CMYK: it is read as red, green and blue"
    if picture.mode in ("I;16", "I", "F"):
        return "has more than 8 bits a pixel: the 8 highest are kept"
    if "A" in picture.getbands() or "transparency" in picture.info:
        return "is transparent in places: it is laid on white"
    return ""


def decode(body: bytes, size: tuple[int, int], channels: int) -> Pixels:
    """A picture as uint8 `(height, width, channels)`, brought to a size `(width, height)`.

    Raises:
        InvalidInput: it is damaged.
    """
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as opened:
            opened.load()
            upright = ImageOps.exif_transpose(opened) if opened.format == "JPEG" else opened
            picture = _plain(upright, "L" if channels == 1 else "RGB")
    except _UNREADABLE as failure:
        raise _unreadable(failure) from failure
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8).reshape(size[1], size[0], channels)


def _plain(picture: Image.Image, mode: str) -> Image.Image:
    """8 bits of grey, or of red, green and blue."""
    if picture.mode in ("I;16", "I"):
        high = np.asarray(picture).astype(np.int64) >> 8
        picture = Image.fromarray(np.clip(high, 0, 255).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return picture if picture.mode == mode else picture.convert(mode)


def _unreadable(failure: Exception) -> InvalidInput:
    # Pillow names the object that it read from, which nobody knows.
    said = "" if isinstance(failure, UnidentifiedImageError) else f" ({failure})"
    return InvalidInput(f"it is no readable PNG, JPEG, GIF or BMP{said}")
