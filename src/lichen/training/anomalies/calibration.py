"""Thresholds by rows that a detector was not fitted on, and how severe it finds every row.

In the rows it was fitted on a detector sees less than in new ones, so thresholds from these alarm
too often. Each part of the usual rows is judged by a detector fitted on the others; where rows
follow each other the parts are blocks, so that a slow drift of what is usual counts as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.alarms import joint_thresholds
from lichen.frameworks.detection.detector import (
    Detector,
    Features,
    FittedDetector,
    Pause,
    Statistics,
    Window,
    lagged,
)
from lichen.frameworks.networks.unfinished import NetworkNursery, NoNetworkNursery
from lichen.protocol.training import NetworkOptions
from lichen.training.anomalies.observations import Observations
from lichen.training.anomalies.portfolio import Setting, detector_of

FOLDS = 5
LEAST_ROWS = 10
MOST_FEATURES = 5000
"""Of a window: beyond it a dynamic detector would cost more than it can tell."""
Mask = NDArray[np.bool_]
Part = tuple[NDArray[np.int64], Mask]
"""Places of the rows held out, and which rows are fitted on meanwhile."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How to calibrate.

    Attributes:
        false_alarms: share of usual rows that may be called anomalous.
        is_ordered: whether rows that follow each other are related.
        folds: parts that the usual rows are judged in.
        seed: of what draws at random.
        network: of an autoencoder, as asked for.
        nursery: keeps networks that are not done.
    """

    false_alarms: float
    is_ordered: bool
    folds: int = FOLDS
    seed: int = 0
    network: NetworkOptions | None = None
    nursery: NetworkNursery = field(default_factory=NoNetworkNursery)

    def parts(self, rows: int, lags: int) -> Iterator[Part]:
        """Each part held out, and which of the rows its detector is fitted on.

        Rows whose windows reach into a part are of neither.
        """
        order = np.arange(rows)
        if not self.is_ordered:
            order = np.random.default_rng(self.seed).permutation(rows)
        for held in np.array_split(order, min(self.folds, rows)):
            others = np.ones(rows, dtype=np.bool_)
            others[held] = False
            if self.is_ordered and lags:
                others[max(0, held[0] - lags) : held[-1] + 1 + lags] = False
            yield held, others


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A detector with thresholds.

    Attributes:
        fitted: on all usual rows.
        thresholds: of its statistics.
        severity: `(rows,)`: the largest of its statistics by their thresholds; over 1 is an alarm.
            Of rows it was fitted on, by a detector that was not.
        is_calibrated: `(rows,)`: the usual rows that the thresholds are from.
    """

    fitted: FittedDetector
    thresholds: NDArray[np.float64]
    severity: NDArray[np.float64]
    is_calibrated: Mask


def calibrate(seen: Observations, setting: Setting, asked: Asked, pause: Pause) -> Calibrated:
    """Fit a detector, calibrate its thresholds, and judge every row.

    Raises:
        InvalidInput: the rows cannot be fitted on, or are too few for the rate.
    """
    features, usable = features_of(seen, setting.lags)
    places = np.flatnonzero(usable)
    if len(places) < LEAST_ROWS:
        raise InvalidInput(
            f"{len(places)} usual rows are too few to know what is usual: give at least "
            f"{LEAST_ROWS}"
        )
    detector = detector_of(setting, asked.network, asked.nursery).settled(features[places])
    parts = asked.parts(len(places), setting.lags)
    held_out = _held_out(features[places], detector, parts, asked.seed, pause)
    thresholds = joint_thresholds(held_out, asked.false_alarms)
    pause()
    fitted = detector.fit(features[places], asked.seed, pause)
    severity = np.empty(len(features))
    severity[places] = (held_out / thresholds).max(axis=1)
    others = np.flatnonzero(~usable)
    severity[others] = (fitted.judge(features[others]) / thresholds).max(axis=1)
    return Calibrated(fitted, thresholds, severity, usable)


def features_of(seen: Observations, lags: int) -> tuple[Features, Mask]:
    """What a detector sees of each row, and which rows it may be fitted on.

    Raises:
        InvalidInput: no run has so many usual rows that follow each other.
    """
    if not lags:
        return seen.encoded, seen.is_fitted
    width = (lags + 1) * seen.encoded.shape[1]
    if width > MOST_FEATURES:
        raise InvalidInput(
            f"{lags} lags of {seen.encoded.shape[1]} columns are {width} numbers a window, over "
            f"{MOST_FEATURES}: take fewer"
        )
    here = np.arange(len(seen.starts))
    usable = seen.is_fitted & (here - seen.starts >= lags)
    for back in range(1, lags + 1):
        usable &= np.roll(seen.is_fitted, back)
    if not usable.any():
        raise InvalidInput(
            f"no run has {lags + 1} usual rows that follow each other, which {lags} lags need: "
            "take fewer lags"
        )
    return lagged(seen.encoded, seen.starts, lags), usable


def _held_out(
    usual: Features, detector: Detector, parts: Iterator[Part], seed: int, pause: Pause
) -> Statistics:
    """The statistics of each usual row by a detector that was not fitted on it."""
    judged: list[tuple[NDArray[np.int64], Statistics]] = []
    for held, others in parts:
        pause()
        judged.append((held, detector.fit(usual[others], seed, pause).judge(usual[held])))
    found = np.empty((len(usual), judged[0][1].shape[1]))
    for held, statistics in judged:
        found[held] = statistics
    return found


def window_of(seen: Observations, lags: int) -> Window | None:
    """How a dynamic detector is served; None where it judges single rows."""
    if not lags:
        return None

    def each(name: str) -> NDArray[np.float64]:
        return np.array([float(getattr(one, name)) for one in seen.encoders])

    return Window(lags, each("fill"), each("low"), each("high"), each("centre"), each("scale"))
