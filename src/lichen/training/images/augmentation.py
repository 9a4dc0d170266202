"""Images changed while a network is trained, so that it learns what does not matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

FLIP, CROP, NOISE = "flip", "crop", "noise"
CHANGES = (FLIP, CROP, NOISE)

CROP_SHARE = 0.08
"""Of the shorter side, how far an image is moved at most; at least one pixel."""
NOISE_SPREAD = 0.03 * 255
"""Standard deviation of the noise added to each pixel."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Changes all images of a batch at once, each by a draw of its own.

    Attributes:
        flips: whether half of the images are mirrored left to right.
        crops: whether each is moved, what is pushed out lost and its edge repeated.
        noise: whether noise is added to each pixel.
    """

    flips: bool = False
    crops: bool = False
    noise: bool = False

    def __call__(
        self, pixels: NDArray[np.float32], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Changed images `(images, channels, height, width)`, 0 to 255; drawn from `random`."""
        if self.flips:
            mirrored = random.random(len(pixels)) < 0.5
            pixels = np.where(mirrored[:, None, None, None], pixels[..., ::-1], pixels)
        if self.crops:
            pixels = _moved(pixels, random)
        if self.noise:
            drawn = random.standard_normal(pixels.shape, dtype=np.float32)
            pixels = pixels + np.float32(NOISE_SPREAD) * drawn
        return np.ascontiguousarray(pixels)


def _moved(pixels: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    count, _, height, width = pixels.shape
    reach = max(1, round(CROP_SHARE * min(height, width)))
    down, across = random.integers(-reach, reach + 1, (2, count, 1))
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + across, 0, width - 1)
    moved = np.take_along_axis(pixels, rows[:, None, :, None], axis=2)
    return np.take_along_axis(moved, columns[:, None, None, :], axis=3)


def augmentation(asked: Sequence[str] | None, shape: tuple[int, int, int]) -> Augmentation | None:
    """What was asked for; where nobody said, colour pictures are flipped and cropped.

    Shades of grey are mostly digits, letters and scans, which a mirror makes others of.

    Args:
        asked: some of `flip`, `crop`, `noise`; empty: none.
        shape: of the images, height, width and channels.

    Raises:
        InvalidInput: one of them is none.
    """
    chosen = asked if asked is not None else ((FLIP, CROP) if shape[2] == 3 else ())
    for one in chosen:
        if one not in CHANGES:
            raise InvalidInput(f"augment {one!r} is unknown: take some of {', '.join(CHANGES)}")
    if not chosen:
        return None
    return Augmentation(FLIP in chosen, CROP in chosen, NOISE in chosen)
