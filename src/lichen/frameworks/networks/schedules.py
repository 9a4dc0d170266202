"""How the learning rate goes on from step to step."""

from math import cos, pi

RISING_SHARE = 0.3
"""Of the steps of one cycle the learning rate rises in."""

FIRST, LAST = 1 / 25, 1 / 10_000
"""Of the largest learning rate of one cycle: the first and the last."""


def rate_at(schedule: str, largest: float, step: int, steps: int) -> float:
    """The learning rate of one of `steps` steps, counted from 0.

    `step` is a tenth of it after each third; `cosine` falls to all but 0 (Loshchilov and Hutter,
    2016); `one-cycle` rises from a 25th for three tenths of the steps, then falls (Smith and
    Topin, 2017).
    """
    done = step / max(1, steps)
    match schedule:
        case "step":
            return largest * 0.1 ** int(3 * done)
        case "cosine":
            return largest * _fall(done)
        case "one-cycle":
            if done < RISING_SHARE:
                return largest * (1 - (1 - FIRST) * _fall(done / RISING_SHARE))
            return largest * max(LAST, _fall((done - RISING_SHARE) / (1 - RISING_SHARE)))
        case _:
            return largest


def _fall(done: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + cos(pi * min(1.0, done)))
