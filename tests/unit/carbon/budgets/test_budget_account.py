"""A budget's account for jobs: held in one process, settled in another, read by all (B2)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Period, Quantity, Scope, ScopeKind
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, Unavailable

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
LIMIT = 10_000


def budget(limit: int = LIMIT, per: str = "hour") -> Budget:
    scope = Scope(ScopeKind.TENANT, "north")
    return Budget("team", scope, Quantity.JOULES, limit, Period.parse(per))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_held_work_may_be_settled_by_another_process(tmp_path: Path, clock: ManualClock) -> None:
    account = BudgetAccount.open(tmp_path, budget(), clock)
    since = account.hold(LIMIT)
    assert since == NOON
    assert account.hold(1) is None
    account.close()
    other = BudgetAccount.open(tmp_path, budget(), clock)
    other.settle_held(since, LIMIT, 4_000)
    assert other.standing().committed == 4_000
    clock.advance(3600)
    other.settle_held(since, 4_000, 4_500)
    assert other.standing().committed == 500, "what it cost beyond its estimate counts now"


def test_what_is_held_leaves_less_for_slices(tmp_path: Path, clock: ManualClock) -> None:
    account = BudgetAccount.open(tmp_path, budget(), clock)
    allowance = Allowance.open(tmp_path, budget(), clock)
    assert account.hold(LIMIT - 5)
    assert not allowance.reserve(6)
    assert allowance.reserve(5)
    assert account.hold(1) is None
    assert account.standing().remaining == 0


def test_every_look_sees_what_others_did_since_the_last(tmp_path: Path, clock: ManualClock) -> None:
    watcher, spender = (BudgetAccount.open(tmp_path, budget(), clock) for _ in range(2))
    assert watcher.standing().committed == 0
    since = spender.hold(7)
    assert watcher.standing().committed == 7
    assert watcher.standing().resets_at == NOON.replace(hour=13)
    assert since is not None
    spender.settle_held(since, 7, 3)
    assert watcher.standing().committed == 3
    clock.advance(3600)
    assert watcher.standing().committed == 0, "the hour is over, though the file has not changed"
    assert watcher.standing().resets_at == NOON.replace(hour=14)


def test_what_was_seen_on_the_way_is_not_taken_for_what_was_told(
    tmp_path: Path, clock: ManualClock
) -> None:
    watcher, spender = (BudgetAccount.open(tmp_path, budget(), clock) for _ in range(2))
    assert watcher.standing() == watcher.standing()
    assert spender.hold(LIMIT)
    assert watcher.hold(1) is None
    assert watcher.standing().remaining == 0


def test_a_limit_that_changes_holds_for_what_is_asked_next(
    tmp_path: Path, clock: ManualClock
) -> None:
    account = BudgetAccount.open(tmp_path, budget(), clock)
    account.adopt(budget(50))
    assert account.hold(51) is None
    assert account.fits_at(51) is None
    assert account.hold(50)
    assert account.fits_at(1) == NOON.replace(hour=13)
    with pytest.raises(InvalidInput, match="open it anew"):
        account.adopt(budget(per="day"))


def test_amounts_below_zero_are_refused(tmp_path: Path, clock: ManualClock) -> None:
    account = BudgetAccount.open(tmp_path, budget(), clock)
    with pytest.raises(InvalidInput):
        account.hold(-1)
    for estimate, actual in ((-1, 1), (1, -1)):
        with pytest.raises(InvalidInput):
            account.settle_held(NOON, estimate, actual)
    assert account.standing().committed == 0


def test_after_its_end_an_account_says_so(tmp_path: Path, clock: ManualClock) -> None:
    account = BudgetAccount.open(tmp_path, budget(), clock)
    account.close()
    account.close()
    with pytest.raises(Unavailable, match="closed"):
        account.standing()
    with pytest.raises(Unavailable, match="closed"):
        account.hold(1)
