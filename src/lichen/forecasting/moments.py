"""Sums of products: all that a ridge needs to know of its data, added and taken off in closed form.

For windows of one series the whole Gram matrix follows from one autocorrelation pass and a
diagonal recursion, `G[i+1, j+1] = G[i, j] + entering - leaving`; a shorter context is a block of
it, and taking off a trailing mean is a rank-two change. So one pass serves every candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over rows of features `x` and targets `y`.

    Attributes:
        rows: how many.
        xx: `(features, features)`.
        xy: `(features, horizon)`.
        yy: `(horizon,)`, the squares of each target.
    """

    rows: int
    xx: Matrix
    xy: Matrix
    yy: Matrix

    @classmethod
    def of(cls, features: NDArray[np.float32], targets: Matrix) -> "Moments":
        """The moments of some rows."""
        exact = features.astype(np.float64)
        return cls(
            len(exact), exact.T @ exact, exact.T @ targets, np.einsum("ij,ij->j", targets, targets)
        )

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.rows + other.rows, self.xx + other.xx, self.xy + other.xy, self.yy + other.yy
        )

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(
            self.rows - other.rows, self.xx - other.xx, self.xy - other.xy, self.yy - other.yy
        )


@dataclass(frozen=True, slots=True)
class WindowMoments:
    """Moments of raw windows of `context + horizon` values followed by the constant 1.

    Attributes:
        rows: how many windows.
        context: values before the first step predicted.
        joint: `(context + horizon + 1,) * 2`.
    """

    rows: int
    context: int
    joint: Matrix

    def moments(self, context: int, normalisation: int) -> Moments:
        """Those of `context` values and the constant, after taking off a trailing mean.

        The windows stay those of the longest context, so that candidates are compared on the same
        rows.
        """
        drop = self.context - context
        joint = self.joint[drop:, drop:]
        size = len(joint)
        if normalisation:
            joint = _levelled(joint, context, normalisation)
        inputs = np.r_[0:context, size - 1]
        outputs = slice(context, size - 1)
        return Moments(
            self.rows,
            joint[np.ix_(inputs, inputs)],
            np.ascontiguousarray(joint[inputs, outputs]),
            np.diagonal(joint)[outputs].copy(),
        )


def window_moments(values: Matrix, context: int, horizon: int) -> WindowMoments:
    """The moments of every window of `values` `(rows, series)` that touches no NaN."""
    length = context + horizon
    rows = 0
    joint = np.zeros((length + 1, length + 1))
    for series in _alike(values):
        for first, last in _whole_spans(values[:, series[0]], length):
            stretch = values[first:last, series]
            windows = (last - first - length + 1) * len(series)
            joint[:-1, :-1] += _window_products(stretch, length)
            sums = _window_sums(stretch, length)
            joint[-1, :-1] += sums
            joint[:-1, -1] += sums
            joint[-1, -1] += windows
            rows += windows
    return WindowMoments(rows, context, joint)


def _levelled(joint: Matrix, context: int, normalisation: int) -> Matrix:
    """`P joint P'` where `P` takes each window's trailing mean off all its values."""
    mean = np.zeros(len(joint))
    mean[context - normalisation : context] = 1.0 / normalisation
    shift = np.ones(len(joint))
    shift[-1] = 0.0
    along = joint @ mean
    both = float(mean @ along)
    crossed = np.outer(shift, along)
    levelled: Matrix = joint - crossed - crossed.T + both * np.outer(shift, shift)
    return levelled


def _window_products(values: Matrix, length: int) -> Matrix:
    """`sum over series and starts of outer(window, window)`, values without NaN."""
    rows = len(values)
    starts = rows - length + 1
    products = np.empty((length, length))
    products[0] = _lagged_products(values, starts, length)
    entering, leaving = values[starts:rows], values[: length - 1]
    change = entering @ entering.T - leaving @ leaving.T
    for row in range(length - 1):
        np.add(products[row, row:-1], change[row, row:], out=products[row + 1, row + 1 :])
    below = np.tril_indices(length, -1)
    products[below] = products.T[below]
    return products


def _lagged_products(values: Matrix, starts: int, length: int) -> Matrix:
    """`sum over series and t < starts of v[t] v[t + lag]` for each lag below `length`."""
    size = 1 << (len(values) + length).bit_length()
    first = np.fft.rfft(values[:starts], size, axis=0)
    whole = np.fft.rfft(values, size, axis=0)
    products: Matrix = np.fft.irfft((first.conj() * whole).sum(axis=1), size)[:length]
    return products


def _window_sums(values: Matrix, length: int) -> Matrix:
    """`sum over series and starts of window`."""
    total = np.concatenate([[0.0], np.cumsum(values.sum(axis=1))])
    starts = len(values) - length + 1
    sums: Matrix = total[starts : starts + length] - total[:length]
    return sums


def _alike(values: Matrix) -> list[list[int]]:
    """Series grouped by where they have values: those of one group share their spans."""
    groups: dict[bytes, list[int]] = {}
    for series in range(values.shape[1]):
        groups.setdefault(np.isfinite(values[:, series]).tobytes(), []).append(series)
    return list(groups.values())


def _whole_spans(series: Matrix, length: int) -> Sequence[Span]:
    """Stretches without NaN that hold at least one window."""
    whole = np.concatenate([[0], np.isfinite(series).astype(np.int8), [0]])
    borders = np.flatnonzero(np.diff(whole))
    spans = zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True)
    return [span for span in spans if span[1] - span[0] >= length]
