"""A slice follows how fast it is spent, and is small beside what is left (B2)."""

from lichen.carbon.budgets.slices import SLICE_SHARE, SliceSize

SECOND = 10**9
PLENTY = 10**12


def test_what_is_used_up_at_once_grows_and_what_lasts_shrinks_again() -> None:
    size, now_ns, sizes = SliceSize(), 5 * SECOND, []
    for _ in range(5):
        now_ns += 1000
        sizes.append(size.next(10, PLENTY, now_ns))
    assert sizes[1:] == [160, 320, 640, 1280]
    assert size.next(10, PLENTY, now_ns + 2 * SECOND) == 640


def test_near_the_limit_a_slice_shrinks_with_what_is_left() -> None:
    size = SliceSize()
    assert size.next(10, 6_400, SECOND) == 8 * 10
    assert size.next(10, 640, SECOND + 1) == 640 // SLICE_SHARE
    assert size.next(10, 63, SECOND + 2) == 0
