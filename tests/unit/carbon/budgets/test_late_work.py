"""Work that ends after its step: the oldest step gets it back first (B2)."""

from lichen.carbon.budgets.late_work import LateWork


def test_work_is_taken_from_the_oldest_step_and_what_is_left_of_it_stays() -> None:
    late = LateWork([(100, 30), (200, 20)])
    assert late.take(10) == (100, 0)
    assert list(late) == [(100, 20), (200, 20)]
    assert late.take(25) == (100, 0)
    assert list(late) == [(200, 15)]


def test_what_no_old_step_holds_is_of_the_step_that_is_now() -> None:
    late = LateWork([(100, 30)])
    assert late.take(50) == (100, 20)
    assert not late
