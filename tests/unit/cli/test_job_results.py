"""What a job made is told in words, never as Python writes a list."""

from lichen.cli.results import candidate_lines, result_lines

TRAINED = {
    "model": "load",
    "version": 2,
    "candidates": [
        {"algorithm": "naive-day", "chosen": False, "sentence": "naive-day: MASE 1.2"},
        {"algorithm": "ridge", "chosen": True, "sentence": "ridge: MASE 0.8"},
    ],
}


def test_a_training_tells_its_version_and_what_it_tried() -> None:
    assert list(result_lines(TRAINED)) == [
        "model load, version 2",
        "  naive-day: MASE 1.2",
        "* ridge: MASE 0.8",
    ]


def test_a_result_of_lists_alone_has_no_empty_line() -> None:
    assert list(result_lines({"candidates": []})) == []
    assert list(candidate_lines({"rows": 5})) == []
