"""Metrics by step: thinned evenly, the first and the last always there."""

import math
from itertools import pairwise

from lichen.server.work.scripts.course import (
    MOST_METRICS,
    MOST_POINTS,
    Course,
    decoded,
    encoded,
    line,
)


def test_a_long_course_is_thinned_and_keeps_its_ends() -> None:
    course = Course()
    for step in range(10_000):
        course.add(step, {"loss": 1.0 / (step + 1)})
    points = course.shown()["loss"]
    assert len(points) <= MOST_POINTS + 1
    assert [points[0], points[-1]] == [(0, 1.0), (9999, 1.0 / 10_000)]
    gaps = {after[0] - before[0] for before, after in pairwise(points[:-1])}
    assert len(gaps) == 1, "evenly"


def test_a_value_that_is_not_finite_is_shown_as_missing_and_is_no_metric() -> None:
    course = Course()
    course.add(None, {"loss": 1.0, "accuracy": 0.5})
    course.add(None, {"loss": math.nan})
    assert course.shown() == {"loss": [(0, 1.0), (1, None)], "accuracy": [(0, 0.5)]}
    assert course.last_values() == {"accuracy": 0.5}


def test_a_course_goes_on_after_a_pause() -> None:
    whole, first = Course(), Course()
    for step in range(700):
        whole.add(step, {"loss": float(step)})
        first.add(step, {"loss": float(step)})
        first = decoded(encoded(first))
    assert first == whole
    assert decoded(None) == decoded(b"cut o") == Course()


def test_the_number_of_metrics_is_bounded() -> None:
    course = Course()
    course.add(0, {f"m{one}": 1.0 for one in range(MOST_METRICS + 5)})
    assert len(course.shown()) == MOST_METRICS


def test_a_step_is_told_in_a_line() -> None:
    assert line(3, {"loss": 0.123456789, "accuracy": 1.0}) == "step 3: loss 0.123457, accuracy 1"
    assert line(None, {"loss": math.inf}) == "loss inf"
