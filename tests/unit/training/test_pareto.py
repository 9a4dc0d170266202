"""The Pareto front of what was measured."""

from lichen.training.pareto import on_front


def test_what_another_beats_in_one_and_equals_in_all_else_is_not_on_it() -> None:
    assert on_front([(0.1, 5.0), (0.2, 5.0), (0.3, 1.0), (0.3, 1.0)]) == (True, False, True, True)


def test_what_was_not_measured_is_not_free() -> None:
    unmetered, metered = (0.1, None), (0.1, 5.0)
    assert on_front([unmetered, metered]) == (True, True)
    assert on_front([(0.1, 7.0, None), (0.1, 7.0, 5.0), (0.1, 8.0, 1.0)]) == (True, True, True)
    assert on_front([(0.1, None), (0.2, None)]) == (True, False)
