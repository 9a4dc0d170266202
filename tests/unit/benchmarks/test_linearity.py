"""Two busy cores cost twice the joules of one, from the processes' clocks to the ledger (M2)."""

import pytest
from linearity import two_against_one


def test_the_second_busy_core_costs_what_the_first_did() -> None:
    assert two_against_one(seconds=0.4, rounds=1) == pytest.approx(2, abs=0.1)
