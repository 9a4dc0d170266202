"""Occlusion finds the part of a picture that counts, whatever is asked about together."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.explain import occlusion
from lichen.explain.occlusion import occluded
from lichen.explain.patches import BASELINES, Layout, blurred, cover_of, layout_of, patches


def picture(seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).integers(0, 60, (24, 24, 3)).astype(np.uint8)
    made[8:12, 16:20] = 250
    return made


def brightness(rows: np.ndarray) -> np.ndarray:
    """Counts what is bright in the planted square alone."""
    bright = rows[:, 8:12, 16:20].astype(np.float64) > 200
    return np.asarray(bright.mean(axis=(1, 2, 3))[:, None])


def layout(datatype: Datatype, *shape: int) -> Layout:
    found = layout_of([TensorSpec("image", datatype, (-1, *shape))])
    assert found is not None
    return found


LAST = layout(Datatype.UINT8, 24, 24, 3)
FIRST = layout(Datatype.FP32, 3, 24, 24)


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_planted_square_comes_first(baseline: str) -> None:
    one = picture()
    squares = patches(24, 24, 4)
    cover = cover_of(one, LAST, baseline, 4)
    found = occluded(brightness, one, cover, [LAST.region(place) for place in squares])
    assert squares[int(found.drops[:, 0].argmax())] == [16, 8, 20, 12]
    assert found.runs == 36 + 2
    others = np.delete(found.drops[:, 0], found.drops[:, 0].argmax())
    assert np.abs(others).max() == 0


def test_batching_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, squares = picture(), patches(24, 24, 5)
    cover, regions = cover_of(one, LAST, None, 5), [LAST.region(place) for place in squares]
    together = occluded(brightness, one, cover, regions)
    monkeypatch.setattr(occlusion, "MOST_AT_ONCE", 1)
    alone = occluded(brightness, one, cover, regions)
    assert np.array_equal(together.drops, alone.drops)


def test_colours_first_or_last_is_the_same_picture() -> None:
    one = picture().astype(np.float32)
    turned = np.ascontiguousarray(np.moveaxis(one, -1, 0))
    for baseline in BASELINES:
        last = cover_of(one, LAST, baseline, 3)
        first = cover_of(turned, FIRST, baseline, 3)
        assert np.allclose(np.moveaxis(last, -1, 0), first)
    assert FIRST.sides(turned) == LAST.sides(one) == (24, 24)
    assert turned[FIRST.region([1, 2, 4, 8])].shape == (3, 6, 3)


def test_a_blur_is_a_mean_and_keeps_what_is_even() -> None:
    even = np.full((9, 7, 1), 5.0)
    assert np.allclose(blurred(even, 2), even)
    point = np.zeros((31, 31, 1))
    point[15, 15] = 1
    soft = blurred(point, 2)
    assert soft.sum() == pytest.approx(1)
    assert soft.argmax() == point.argmax()


def test_patches_cover_a_picture_once() -> None:
    seen = np.zeros((10, 17))
    for left, top, right, bottom in patches(10, 17, 4):
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("side", [0, -3, 25])
def test_a_patch_that_does_not_fit_is_refused(side: int) -> None:
    with pytest.raises(InvalidInput, match="does not fit a picture of 24x24"):
        patches(24, 24, side)


def test_too_many_patches_are_refused() -> None:
    with pytest.raises(InvalidInput, match="give a larger patch"):
        patches(224, 224, 1)


def test_what_is_no_picture_has_no_layout() -> None:
    specs = [
        TensorSpec("x", Datatype.FP32, (-1, 8)),
        TensorSpec("y", Datatype.FP32, (-1, 8, 8, 8)),
        TensorSpec("z", Datatype.BYTES, (-1, 8, 8, 3)),
    ]
    assert layout_of(specs) is None
