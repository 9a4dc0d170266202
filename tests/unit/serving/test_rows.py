"""Joining rows and parting them again."""

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import WorkFailed
from lichen.serving.rows import form, grouped, join, part


def test_forms_tell_optional_inputs_and_inner_shapes_apart() -> None:
    one, two = np.zeros((1, 3)), np.zeros((2, 3))
    assert form({"x": one}) == form({"x": two})
    assert form({"x": one, "y": two}) == form({"y": two, "x": one})
    assert form({"x": one}) != form({"x": one, "y": two})
    assert form({"x": one}) != form({"x": np.zeros((1, 4))})


def test_requests_run_together_up_to_the_limit_in_order() -> None:
    a, b = (("x", (3,)),), (("x", (4,)),)
    assert grouped([(a, 1), (b, 1), (a, 2), (a, 1), (b, 9), (a, 1)], 4) == [
        [0, 2, 3],
        [1],
        [4],
        [5],
    ]


def test_one_request_is_passed_through() -> None:
    values = {"x": np.ones((2, 1))}
    assert join([values]).arrays is values
    assert part(Batch({"y": values["x"]}), [2])[0]["y"] is values["x"]


@pytest.mark.parametrize("shape", [(), (1,), (4, 2)])
def test_another_number_of_rows_than_went_in_is_never_an_answer(shape: tuple[int, ...]) -> None:
    with pytest.raises(WorkFailed, match=r"output 'y' in shape .* for 3 rows"):
        part(Batch({"y": np.zeros(shape)}), [1, 2])


def test_an_answer_of_a_model_without_rows_is_given_as_it_is() -> None:
    outputs = Batch({"chance": np.zeros((1, 1)), "state": np.zeros((2, 1, 3)), "n": np.array(4)})
    (whole,) = part(outputs, [1], takes_rows=False)
    assert {name: one.shape for name, one in whole.items()} == {
        "chance": (1, 1),
        "state": (2, 1, 3),
        "n": (),
    }
    with pytest.raises(WorkFailed, match="'state' in shape"):
        part(outputs, [1])
