"""Which form of a version runs which batch, and what becomes of those that do not."""

import logging
import time

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import Unavailable, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.base import Predictor
from lichen.frameworks.function import FunctionPredictor
from lichen.frameworks.runtimes import MOST_NS, SIZES, Choice, Runtime, Runtimes, choose, fastest

FORM = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),), (TensorSpec("y", Datatype.FP32, (-1,)),)
)


def form(call_us: int, row_us: int = 0, shift: float = 0.0) -> FunctionPredictor:
    """Answers the sum of a row, and burns CPU for it."""

    def burn(us: int) -> None:
        until = time.thread_time_ns() + us * 1000
        while time.thread_time_ns() < until:
            pass

    def compute(inputs: dict[str, Array]) -> dict[str, Array]:
        burn(call_us + row_us * len(inputs["x"]))
        return {"y": inputs["x"].sum(axis=1) + np.float32(shift)}

    return FunctionPredictor(FORM, compute)  # type: ignore[arg-type]


def fails() -> Predictor:
    raise Unavailable("it is not installed")


def test_each_size_goes_to_the_form_that_is_cheapest_there() -> None:
    costs = {"a": {1: 5.0, 8: 40.0, 32: 160.0}, "b": {1: 20.0, 8: 30.0, 32: 60.0}}
    assert choose(costs, "a") == (Choice(2, "a"), Choice(None, "b"))


def test_a_form_that_hardly_wins_does_not_replace_the_first() -> None:
    assert choose({"a": {1: 100.0}, "b": {1: 91.0}}, "a") == (Choice(None, "a"),)


def test_sizes_beyond_those_measured_go_where_the_last_one_went() -> None:
    costs = {"a": {1: 9.0, 8: 9.0, 32: 9.0}, "b": {1: 1.0, 8: 1.0}}
    assert choose(costs, "a") == (Choice(16, "b"), Choice(None, "a"))


def test_a_batch_runs_on_the_form_of_its_size() -> None:
    few, many = form(0), form(0, shift=1.0)
    both = Runtimes({"few": few, "many": many}, (Choice(2, "few"), Choice(None, "many")))
    for rows, expected in ((1, 0.0), (2, 0.0), (3, 1.0), (300, 1.0)):
        answer = both.predict(Batch({"x": np.zeros((rows, 2), dtype=np.float32)}))
        assert answer["y"].tolist() == [expected] * rows
    both.close()
    assert few.is_closed
    assert many.is_closed


def test_what_is_measured_decides_and_forms_that_never_win_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, cheap, dear = form(2000), form(50), form(4000)
    others = [Runtime("dear", lambda: dear), Runtime("cheap", lambda: cheap)]
    with caplog.at_level(logging.INFO):
        assert fastest(first, "first", others) is cheap
    assert first.is_closed
    assert dear.is_closed
    assert not cheap.is_closed
    assert "runtimes by rows: cheap" in caplog.text


def test_one_form_serves_single_rows_and_another_large_batches() -> None:
    quick_start, cheap_rows = form(50, row_us=100), form(1000)
    served = fastest(quick_start, "first", [Runtime("rows", lambda: cheap_rows)])
    assert isinstance(served, Runtimes)
    assert [choice.name for choice in served.choices] == ["first", "rows"]
    assert served.choices[0].rows in range(2, 17)
    assert served.joins_rows
    assert served.signature == FORM
    assert not quick_start.is_closed


@pytest.mark.parametrize("shift", [0.01, np.nan])
def test_a_form_that_answers_otherwise_is_dropped(
    shift: float, caplog: pytest.LogCaptureFixture
) -> None:
    first, wrong = form(500), form(0, shift=shift)
    assert fastest(first, "first", [Runtime("wrong", lambda: wrong)]) is first
    assert wrong.is_closed
    assert "runtime wrong is left out: its answers differ" in caplog.text


def test_a_form_that_cannot_be_loaded_is_left_out() -> None:
    first = form(0)
    assert fastest(first, "first", [Runtime("other", fails)]) is first
    assert not first.is_closed


def test_a_form_that_fails_on_a_large_batch_costs_nobody_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def compute(inputs: dict[str, Array]) -> dict[str, Array]:
        if len(inputs["x"]) == SIZES[-1]:
            raise WorkFailed("too large")
        return {"y": inputs["x"].sum(axis=1)}

    first, weak = form(0), FunctionPredictor(FORM, compute)  # type: ignore[arg-type]
    assert fastest(first, "first", [Runtime("weak", lambda: weak)]) is first
    assert weak.is_closed
    assert "another failed while measured: too large" in caplog.text


def test_a_slow_model_is_run_a_few_times_with_few_rows() -> None:
    seen: list[int] = []

    def compute(inputs: dict[str, Array]) -> dict[str, Array]:
        seen.append(len(inputs["x"]))
        until = time.thread_time_ns() + MOST_NS + 1_000_000
        while time.thread_time_ns() < until:
            pass
        return {"y": inputs["x"].sum(axis=1)}

    first, quick = FunctionPredictor(FORM, compute), form(0)  # type: ignore[arg-type]
    assert fastest(first, "first", [Runtime("quick", lambda: quick)]) is quick
    assert max(seen) == 2
    assert len(seen) <= 8


def test_without_other_forms_nothing_is_measured() -> None:
    def compute(inputs: dict[str, Array]) -> dict[str, Array]:
        raise AssertionError(inputs)

    first = FunctionPredictor(FORM, compute)  # type: ignore[arg-type]
    assert fastest(first, "first", []) is first
