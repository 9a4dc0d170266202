"""What a request may demand, and what it is told when that is no number."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.demands import DEFAULT_PRIORITY, NO_DEMANDS, Demands, demands_of


def test_a_request_without_demands_has_none() -> None:
    assert demands_of(None) is NO_DEMANDS
    assert demands_of({"binary_data_output": True}) is NO_DEMANDS


def test_demands_are_read_as_numbers_and_as_text() -> None:
    said = {"timeout": 5000, "priority": "2", "batch_rows": 8, "samples": 100}
    assert demands_of(said) == Demands(5000, 2, 8, 100)


def test_zero_is_what_clients_send_for_none() -> None:
    assert demands_of({"timeout": 0, "priority": 0}) == Demands(None, DEFAULT_PRIORITY)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"timeout": -1}, "parameter timeout is -1: give a whole number, 0 or more"),
        ({"timeout": 1.5}, "parameter timeout is 1.5"),
        ({"priority": 10}, "parameter priority is 10: give a whole number, from 0 to 9"),
        ({"priority": True}, "parameter priority is True"),
        ({"batch_rows": 0}, "parameter batch_rows is 0: give a whole number, 1 or more"),
        ({"samples": "many"}, "parameter samples is 'many'"),
        ({"samples": "9" * 400}, "parameter samples is"),
    ],
)
def test_what_is_no_such_number_is_named(parameters: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        demands_of(parameters)
