"""Pixels as PNG, by nothing but zlib: what heat maps are laid over."""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_START = b"\x89PNG\r\n\x1a\n"
_KINDS = {1: 0, 3: 2, 4: 6}
"""Of so many colours, as PNG numbers them."""


def png_of_pixels(values: NDArray[Any]) -> bytes:
    """A picture `(height, width, colours)` as PNG; floats are spread over the whole range."""
    pixels = values if values.dtype == np.uint8 else _spread(values.astype(np.float64))
    height, width, colours = pixels.shape
    rows = np.zeros((height, 1 + width * colours), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _KINDS[colours], 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 6)
    return _START + b"".join(
        _chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def _spread(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    spread: NDArray[np.uint8] = np.rint(255 * (values - low) / ((high - low) or 1.0)).astype(
        np.uint8
    )
    return spread


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
