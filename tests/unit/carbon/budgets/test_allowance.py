"""One process's part of a budget: leased, spent, given back, forgotten with its step (B2)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.allowance_file import StepFile, allowance_path
from lichen.carbon.budgets.budget import Budget, Period, PeriodKind, Quantity, Scope, ScopeKind
from lichen.core.clock import ManualClock
from lichen.core.errors import Corrupt, InvalidInput, Unavailable

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOURLY, ROLLING = Period(PeriodKind.HOUR), Period(PeriodKind.ROLLING, 24 * 60)
LIMIT = 10_000


def budget(limit: int = LIMIT, period: Period = HOURLY, name: str = "team") -> Budget:
    return Budget(name, Scope(ScopeKind.TENANT, "north"), Quantity.JOULES, limit, period)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def spend(allowance: Allowance, amount: int) -> bool:
    fits = allowance.reserve(amount)
    if fits:
        allowance.settle(amount, amount)
    return fits


def test_spends_to_the_last_unit_and_no_further(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert sum(spend(allowance, 7) for _ in range(LIMIT)) == LIMIT // 7
    assert spend(allowance, LIMIT % 7)
    assert not spend(allowance, 1)
    assert allowance.standing().committed == LIMIT
    assert allowance.remaining == 0


def test_an_estimate_too_high_is_spendable_again(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert allowance.reserve(LIMIT)
    assert not allowance.reserve(1)
    allowance.settle(LIMIT, 10)
    assert allowance.reserve(LIMIT - 10)


def test_what_exceeds_its_estimate_is_booked_beyond_the_limit(
    tmp_path: Path, clock: ManualClock
) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert allowance.reserve(LIMIT)
    allowance.settle(LIMIT, LIMIT + 5)
    assert Allowance.open(tmp_path, budget(), clock).standing().committed == LIMIT + 5


def test_two_openers_share_one_limit_and_a_closed_one_returns_its_slice(
    tmp_path: Path, clock: ManualClock
) -> None:
    first, second = (Allowance.open(tmp_path, budget(), clock) for _ in range(2))
    assert spend(first, 10)
    held_open = second.standing().committed - 10
    assert 0 < held_open <= LIMIT // 64
    assert not second.reserve(LIMIT - 10)
    first.close()
    assert second.reserve(LIMIT - 10)


def test_who_vanishes_forfeits_the_open_slice(tmp_path: Path, clock: ManualClock) -> None:
    Allowance.open(tmp_path, budget(), clock).reserve(10)  # and nobody closes it
    standing = Allowance.open(tmp_path, budget(), clock).standing()
    assert 10 <= standing.committed <= 10 + LIMIT // 64


def test_an_idle_process_gives_its_slice_back(tmp_path: Path, clock: ManualClock) -> None:
    idle, other = (Allowance.open(tmp_path, budget(), clock) for _ in range(2))
    assert spend(idle, 10)
    idle.tend()
    assert other.standing().committed > 10
    idle.tend()
    assert other.standing().committed == 10
    assert other.reserve(LIMIT - 10)
    idle.tend()
    assert idle.remaining == 0


def test_a_new_hour_begins_with_the_whole_limit(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert spend(allowance, LIMIT)
    assert allowance.standing().resets_at == NOON + timedelta(hours=1)
    assert allowance.fits_at(LIMIT) == NOON + timedelta(hours=1)
    assert allowance.fits_at(LIMIT + 1) is None
    clock.advance(3600)
    assert allowance.standing().remaining == LIMIT
    assert spend(allowance, LIMIT)


def test_a_rolling_window_frees_step_by_step(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(period=ROLLING), clock)
    assert spend(allowance, 6_000)
    clock.advance(600)
    assert spend(allowance, 4_000)
    assert not spend(allowance, 1)
    assert allowance.fits_at(6_000) == NOON + timedelta(minutes=25)
    assert allowance.fits_at(6_001) == NOON + timedelta(minutes=35)
    clock.advance(15 * 60)
    assert allowance.standing().remaining == 6_000
    assert spend(allowance, 6_000)
    assert not spend(allowance, 1)


def test_work_that_ends_in_a_later_step_gives_nothing_to_that_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert allowance.reserve(LIMIT)
    clock.advance(3600)
    assert spend(allowance, 1)
    allowance.settle(LIMIT, 0)
    assert allowance.reserve(LIMIT - 1)
    assert not allowance.reserve(1)


def test_work_of_an_earlier_step_returns_what_it_did_not_cost_to_that_step(
    tmp_path: Path, clock: ManualClock
) -> None:
    allowance = Allowance.open(tmp_path, budget(period=ROLLING), clock)
    assert allowance.reserve(9_000)
    clock.advance(60)
    assert spend(allowance, 1_000)
    allowance.settle(9_000, 2_000)
    assert allowance.standing().committed == 3_000
    clock.advance(24 * 60)
    assert allowance.standing().committed == 1_000


@pytest.mark.parametrize("ahead_s", [3600, 86400 * 365])
def test_a_clock_that_was_ahead_does_not_grant_an_hour_twice(
    tmp_path: Path, clock: ManualClock, ahead_s: int
) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert spend(allowance, LIMIT)
    clock.advance(ahead_s)
    assert spend(allowance, LIMIT)
    clock.advance(-ahead_s)
    assert not spend(allowance, 1)
    assert not Allowance.open(tmp_path, budget(), clock).reserve(1)
    clock.advance(ahead_s)
    assert not spend(allowance, 1)


def test_a_clock_that_is_set_back_an_hour_finds_what_was_spent_in_the_coming_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert spend(allowance, LIMIT)
    clock.advance(-3600)
    assert not spend(allowance, 1)


def test_a_changed_limit_counts_what_was_spent(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert spend(allowance, LIMIT)
    allowance.adopt(budget(LIMIT + 100))
    assert allowance.remaining == 100
    assert spend(allowance, 100)
    assert not Allowance.open(tmp_path, budget(LIMIT // 2), clock).reserve(1)
    with pytest.raises(InvalidInput, match="open it anew"):
        allowance.adopt(budget(period=ROLLING))


def test_another_period_is_another_account(tmp_path: Path, clock: ManualClock) -> None:
    assert spend(Allowance.open(tmp_path, budget(), clock), LIMIT)
    assert Allowance.open(tmp_path, budget(period=ROLLING), clock).standing().committed == 0
    assert Allowance.open(tmp_path, budget(), clock).standing().committed == LIMIT


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[:-1],
        lambda content: bytes(len(content)),
        lambda content: content[:2048] + b"\xff" * 8 + content[2056:],
        lambda content: content[:2056] + b"\xff" * 8 + content[2064:],
        lambda content: content[:2064] + content[2048:2064] + content[2080:],
    ],
    ids=["empty", "cut", "zeros", "no step", "below zero", "a step twice"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, clock: ManualClock, damage: Callable[[bytes], bytes]
) -> None:
    assert spend(Allowance.open(tmp_path, budget(), clock), 10)
    path = allowance_path(tmp_path, budget())
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    with pytest.raises(Corrupt, match="is damaged"):
        Allowance.open(tmp_path, budget(), clock)
    assert path.read_bytes() == broken


def test_the_file_of_another_budget_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    Allowance.open(tmp_path, budget(), clock)
    allowance_path(tmp_path, budget()).rename(allowance_path(tmp_path, budget(name="other")))
    with pytest.raises(Corrupt, match="budget team, tenant:north"):
        Allowance.open(tmp_path, budget(name="other"), clock)


def test_a_closed_one_refuses_and_what_is_in_flight_stays_committed(
    tmp_path: Path, clock: ManualClock
) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert allowance.reserve(500)
    allowance.close()
    allowance.close()
    allowance.settle(500, 10)
    allowance.tend()
    assert not allowance.reserve(1)
    with pytest.raises(Unavailable, match="closed"):
        allowance.standing()
    assert Allowance.open(tmp_path, budget(), clock).standing().committed == 500


def test_amounts_below_zero_are_refused(tmp_path: Path, clock: ManualClock) -> None:
    allowance = Allowance.open(tmp_path, budget(), clock)
    for attempt in (
        lambda: allowance.reserve(-1),
        lambda: allowance.settle(1, -1),
    ):
        with pytest.raises(InvalidInput):
            attempt()
    assert allowance.standing().committed == 0


def test_while_another_holds_the_file_nothing_is_granted_and_nothing_is_lost(
    tmp_path: Path, clock: ManualClock
) -> None:
    first, second = (Allowance.open(tmp_path, budget(), clock) for _ in range(2))
    assert first.reserve(500)
    holder = StepFile.open(tmp_path, budget())
    with holder.locked():
        assert not second.reserve(1)
        with pytest.raises(Unavailable, match="does not go on"):
            second.standing()
        first.settle(500, 2_000)
        first.tend()
    assert second.reserve(1)
    assert second.standing().committed >= 500
    first.tend()
    first.tend()
    assert second.standing().committed >= 2_001, "what was owed is paid when the file is free"
    first.close()
    second.close()
    with pytest.raises(Unavailable, match="closed"):
        first.standing()
    holder.close()
    assert Allowance.open(tmp_path, budget(), clock).standing().committed == 2_001
