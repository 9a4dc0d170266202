"""How answers are shown as tables: rows where they share them, else value by value."""

from lichen.cli.tables import rows_of
from lichen.client.inference import Answer


def answer(**outputs: object) -> Answer:
    return Answer(outputs, None, "model", "1")  # type: ignore[arg-type]


def test_outputs_of_the_same_rows_are_one_table() -> None:
    said = answer(prediction=["a", "b"], probability=[[0.75, 0.25], [0.5, 0.5]])
    assert rows_of(said, {"probability": ["a", "b"]}) == [
        ["prediction", "probability_a", "probability_b"],
        ["a", 0.75, 0.25],
        ["b", 0.5, 0.5],
    ]


def test_an_answer_beside_the_next_state_is_told_value_by_value() -> None:
    said = answer(speech=[[0.5]], state=[[[1.0, 2.0]], [[3.0, 4.0]]])
    assert rows_of(said) == [
        ["output", "place", "value"],
        ["speech", "0 0", 0.5],
        ["state", "0 0 0", 1.0],
        ["state", "0 0 1", 2.0],
        ["state", "1 0 0", 3.0],
        ["state", "1 0 1", 4.0],
    ]
