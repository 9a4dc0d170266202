"""Thresholds for a stated rate of false alarms, and the figures of detectors."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from lichen.core.errors import InvalidInput
from lichen.evaluation.alarms import (
    area_under_roc,
    average_precision,
    detection_delays,
    joint_thresholds,
    share,
)

ROWS = 20_000


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["independent", "equal", "one"])
def test_new_usual_rows_alarm_as_often_as_was_stated(rate: float, kind: str) -> None:
    random = np.random.default_rng(7)

    def drawn() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        first = random.chisquare(3, (ROWS, 1))
        others = random.exponential(size=(ROWS, 2))
        return {
            "independent": np.hstack([first, others]),
            "equal": np.hstack([first, 2 * first]),
            "one": first,
        }[kind]

    thresholds = joint_thresholds(drawn(), rate)
    found = (drawn() > thresholds).any(axis=1).mean()
    # both the thresholds and what is counted are of so many random rows
    spread = np.sqrt(2 * rate * (1 - rate) / ROWS)
    assert abs(found - rate) < 4 * spread


def test_each_statistic_is_over_its_own_threshold_equally_often() -> None:
    random = np.random.default_rng(8)
    statistics = np.column_stack([random.normal(size=ROWS), random.exponential(size=ROWS)])
    over = (statistics > joint_thresholds(statistics, 0.02)).mean(axis=0)
    assert over[0] == pytest.approx(over[1], rel=0.05)


def test_a_rate_that_so_few_rows_cannot_tell_is_refused() -> None:
    assert joint_thresholds(np.arange(99.0)[:, None], 0.01) >= 98
    with pytest.raises(InvalidInput, match=r"98 usual rows cannot tell .* 0\.01: give at least 99"):
        joint_thresholds(np.arange(98.0)[:, None], 0.01)


def test_ties_at_the_threshold_do_not_alarm_by_the_rounding_of_single_precision() -> None:
    threshold = joint_thresholds(np.full((100, 1), 0.7), 0.05)
    assert not np.float32(0.7) > threshold[0]


def test_areas_are_those_of_scikit_learn_with_ties_and_their_intervals_hold_them() -> None:
    random = np.random.default_rng(9)
    truth = random.random(500) < 0.2
    scores = np.round(random.normal(size=500) + truth, 1)
    roc, precision = area_under_roc(scores, truth), average_precision(scores, truth)
    assert roc.value == pytest.approx(roc_auc_score(truth, scores))
    assert precision.value == pytest.approx(average_precision_score(truth, scores))
    for figure in (roc, precision):
        assert figure.low < figure.value < figure.high


def test_intervals_hold_the_truth_nineteen_times_of_twenty() -> None:
    random = np.random.default_rng(10)
    held = 0
    for _ in range(300):
        truth = np.arange(400) < 100
        found = area_under_roc(random.normal(size=400) + truth, truth)
        held += found.low <= 0.76025 <= found.high  # the normal distribution at 1 / sqrt(2)
    assert 0.90 < held / 300 < 0.99


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (3, 10)])
def test_the_interval_of_a_share_holds_it_and_stays_a_share(count: int, total: int) -> None:
    found = share(count, total)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_rows_of_one_kind_alone_tell_no_detectors_apart() -> None:
    with pytest.raises(InvalidInput, match="all of one kind"):
        area_under_roc(np.arange(3.0), np.ones(3, dtype=np.bool_))


def test_an_event_is_noticed_at_its_first_alarm_and_ends_with_its_run() -> None:
    truth = np.array([0, 1, 1, 1, 1, 0, 1, 1], dtype=np.bool_)
    alarms = np.array([1, 0, 1, 0, 0, 1, 0, 0], dtype=np.bool_)
    runs = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    found = detection_delays(alarms, truth, runs)
    assert found.events == 3
    assert found.found == (1,)
    assert detection_delays(alarms[:0], truth[:0], runs[:0]).events == 0


@pytest.mark.parametrize("events", [3, 7, 49, 200, 997])
def test_events_that_all_stand_first_are_found_exactly_whatever_way_a_processor_sums(
    events: int,
) -> None:
    truth = np.arange(5 * events) < events
    found = average_precision(np.arange(5.0 * events)[::-1], truth)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0 < found.low < 1


def test_one_row_among_very_many_that_stands_wrong_has_an_interval() -> None:
    truth = np.arange(300_000) < 100_000
    truth[99_999:100_001] = False, True
    found = average_precision(np.arange(300_000.0)[::-1], truth)
    assert 0 <= found.low < found.value < found.high <= 1
