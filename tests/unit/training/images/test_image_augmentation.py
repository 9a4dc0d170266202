"""Images changed while a network is trained."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.training.images.augmentation import Augmentation, augmentation

GREY, COLOUR = (28, 28, 1), (32, 32, 3)


def _batch(count: int = 64) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 10, 12)).astype(np.float32)


def test_a_flip_mirrors_about_half_of_the_images_and_no_more_than_mirrors() -> None:
    before = _batch()
    after = Augmentation(flips=True)(before, np.random.default_rng(1))
    kept = (after == before).all(axis=(1, 2, 3))
    mirrored = (after == before[..., ::-1]).all(axis=(1, 2, 3))
    assert (kept | mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_a_crop_moves_each_image_by_its_own_draw_and_repeats_its_edge() -> None:
    before = _batch()
    after = Augmentation(crops=True)(before, np.random.default_rng(1))
    padded = np.pad(before, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    moves = [
        [
            (down, across)
            for down in range(3)
            for across in range(3)
            if np.array_equal(padded[at, :, down : down + 10, across : across + 12], after[at])
        ]
        for at in range(len(before))
    ]
    assert all(len(found) == 1 for found in moves)
    assert len({found[0] for found in moves}) == 9


def test_noise_is_small_and_has_no_mean() -> None:
    before = _batch(200)
    added = Augmentation(noise=True)(before, np.random.default_rng(1)) - before
    assert abs(float(added.mean())) < 0.1
    assert 7 < float(added.std()) < 8.5


def test_the_same_draws_change_images_alike_and_leave_their_batch_as_it_was() -> None:
    every = Augmentation(flips=True, crops=True, noise=True)
    before = _batch()
    first, second = (every(before, np.random.default_rng([7, 3])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(before, _batch())
    assert first.dtype == np.float32
    assert first.flags.c_contiguous


def test_colour_pictures_are_changed_unless_told_otherwise_and_grey_ones_are_not() -> None:
    assert augmentation(None, COLOUR) == Augmentation(flips=True, crops=True)
    assert augmentation(None, GREY) is None
    assert augmentation([], COLOUR) is None
    assert augmentation(["noise"], GREY) == Augmentation(noise=True)
    with pytest.raises(InvalidInput, match="augment 'turn' is unknown: take some of flip, crop"):
        augmentation(["turn"], GREY)
