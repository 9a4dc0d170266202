"""What a calibrated detector is worth on rows that it was not fitted on."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.alarms import (
    Bounded,
    area_under_roc,
    average_precision,
    detection_delays,
    share,
)
from lichen.registry.manifest import Metric
from lichen.training.anomalies.calibration import Calibrated
from lichen.training.anomalies.observations import Observations

Mask = NDArray[np.bool_]
FALSE_ALARMS, DETECTED = "false-alarm rate", "detection rate"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows to score on, and what they are called."""

    split: str
    rows: Mask


def part_of(seen: Observations, calibrated: Calibrated) -> Part:
    """The rows held back by time; where there are none, those that the thresholds are from.

    Beside the latter stand all rows that are labelled anomalous: no detector was fitted on one.
    """
    if seen.is_tested.any():
        return Part("test", seen.is_tested)
    anomalous = np.zeros(len(seen.runs), dtype=np.bool_) if seen.truth is None else seen.truth
    return Part("validation", calibrated.is_calibrated | anomalous)


def metrics_of(seen: Observations, calibrated: Calibrated) -> tuple[Metric, ...]:
    """Rates, areas and delay, each with its interval; what cannot be told is left out.

    The rate of false alarms needs rows that are known or taken to be usual, all others labels.
    """
    return tuple(_metrics(seen, calibrated, part_of(seen, calibrated)))


def _metrics(seen: Observations, calibrated: Calibrated, part: Part) -> Iterator[Metric]:
    alarms = calibrated.severity > 1
    truth = seen.truth if seen.truth is not None else np.zeros(len(alarms), dtype=np.bool_)
    usual, anomalous = part.rows & ~truth, part.rows & truth
    if usual.any():
        yield _metric(FALSE_ALARMS, share(int(alarms[usual].sum()), int(usual.sum())), part)
    if not anomalous.any():
        return
    yield _metric(DETECTED, share(int(alarms[anomalous].sum()), int(anomalous.sum())), part)
    if usual.any():
        severity, said = calibrated.severity[part.rows], truth[part.rows]
        yield _metric("ROC-AUC", area_under_roc(severity, said), part)
        yield _metric("PR-AUC", average_precision(severity, said), part)
    delays = detection_delays(alarms, truth & part.rows, seen.runs)
    yield _metric("share of events detected", share(len(delays.found), delays.events), part)
    if delays.found:
        yield Metric("median detection delay", float(median(delays.found)), "rows", part.split)


def _metric(name: str, figure: Bounded, part: Part) -> Metric:
    return Metric(name, figure.value, None, part.split, figure.low, figure.high)


def precision_of(seen: Observations, calibrated: Calibrated) -> float | None:
    """Average precision on the rows that detectors are chosen by; None without such labels."""
    marked = seen.marked
    if marked is None:
        return None
    rows = calibrated.is_calibrated | marked
    return average_precision(calibrated.severity[rows], marked[rows]).value
