"""A dearer algorithm replaces a cheaper one only if it is worth it."""

import pytest

from lichen.training.worth import (
    FIRST_TENTH_NJ,
    LEAST_GAIN,
    TENTH_SHARE,
    Scored,
    expected_gain,
    gain_of_untried,
    is_worth_trying,
    needed_gain,
    stop_price_nj,
    weigh,
)


@pytest.mark.parametrize(
    ("ratio", "needed"), [(0.1, 0.005), (1, 0.005), (10, 0.02), (100, 0.04), (1000, 0.06)]
)
def test_each_tenfold_of_joules_asks_for_two_percent(ratio: float, needed: float) -> None:
    assert needed_gain(ratio) == pytest.approx(needed)


def test_a_small_gain_at_many_times_the_joules_is_refused_in_one_sentence() -> None:
    verdict = weigh(Scored("ridge", 0.5, 1_000), Scored("lightgbm", 0.498, 200_000))
    assert not verdict.worth
    assert verdict.sentence == (
        "LightGBM: 0.4 % better than ridge, 200x the joules per forecast: "
        "not chosen (worth it from 4.6 % better)"
    )


def test_a_large_gain_is_taken_at_any_price() -> None:
    verdict = weigh(Scored("naive-day", 1.0, 900), Scored("ridge", 0.5, 1_080))
    assert verdict.worth
    assert verdict.sentence == (
        "Ridge: 50.0 % better than naive-day, 1.2x the joules per forecast: worth it"
    )


def test_what_is_worse_is_never_taken_even_where_it_is_cheaper() -> None:
    verdict = weigh(Scored("naive-day", 0.5, 1_000), Scored("naive-week", 0.6, 100))
    assert not verdict.worth
    assert "20.0 % worse" in verdict.sentence


def test_without_a_meter_the_dearer_is_taken_to_cost_ten_times() -> None:
    unmetered = Scored("lightgbm", 0.985, None)
    verdict = weigh(Scored("ridge", 1.0, 5), unmetered)
    assert not verdict.worth
    assert "not metered, taken as 10x" in verdict.sentence
    assert weigh(Scored("ridge", 1.0, None), Scored("lightgbm", 0.979, 5)).worth


def test_a_perfect_guard_is_not_replaced() -> None:
    assert not weigh(Scored("naive-day", 0.0, 1), Scored("ridge", 0.0, 1)).worth
    assert LEAST_GAIN > 0


def test_what_is_not_tried_yet_promises_less_the_more_brought_nothing() -> None:
    assert gain_of_untried(0.4, 0) == pytest.approx(0.08)
    assert gain_of_untried(0.4, 3) == pytest.approx(0.01)


def test_a_next_draw_promises_less_the_more_were_made_and_the_further_it_trails() -> None:
    assert expected_gain([0.3, 0.32], 0.3) > expected_gain([0.3] + [0.32] * 8, 0.3) > 0
    assert expected_gain([0.3, 0.32], 0.3) > expected_gain([0.3, 0.32], 0.25)
    assert expected_gain([0.0, 0.0], 0.0) == 0.0


def test_a_price_is_what_was_said_or_a_share_of_what_was_spent() -> None:
    assert stop_price_nj(5, 1e12, FIRST_TENTH_NJ) == 5
    assert stop_price_nj(None, 1e12) == pytest.approx(TENTH_SHARE * 1e12)
    assert stop_price_nj(None, 0.0, FIRST_TENTH_NJ) == FIRST_TENTH_NJ
    assert is_worth_trying(0.002, 10.0, 5.0)
    assert not is_worth_trying(0.002, 10.1, 5.0)
