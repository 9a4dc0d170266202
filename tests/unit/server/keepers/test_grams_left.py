"""What budgets of grams still hold for jobs."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from lichen.carbon.budgets.allowance_file import allowance_path
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.control.transitions import JobRecord
from lichen.core.clock import ManualClock
from lichen.protocol.admin import JobKind
from lichen.server.home import Home
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.server.keepers.grams_left import grams_left
from lichen.store.documents import Change, MemoryDocuments

G = 10**9


def job(name: str, kind: JobKind = JobKind.TRAIN, tenant: str = "default") -> JobRecord:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return JobRecord(id=name, kind=kind, spec={}, tenant=tenant, created_at=now)


class House:
    def __init__(self, folder: Path) -> None:
        self.home, self.documents, self.clock = Home(folder), MemoryDocuments(), ManualClock()
        self.accounts = BudgetAccounts(self.documents, self.home, self.clock)

    def set(self, name: str, scope: str, quantity: Quantity, limit: int) -> Budget:
        made = Budget(name, Scope.parse(scope), quantity, limit * G, Period.parse("day"))
        self.documents.commit([Change(BUDGETS, name, msgspec.json.encode(made))])
        return made


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_tightest_budget_of_grams_that_covers_a_job_counts(house: House) -> None:
    wide = house.set("wide", "tenant:default", Quantity.GRAMS, 9)
    house.set("tight", "jobs:train", Quantity.GRAMS, 7)
    house.set("joules", "jobs:train", Quantity.JOULES, 1)
    jobs = [job("a"), job("b", JobKind.IMPORT), job("c", tenant="another")]
    assert grams_left(house.accounts, jobs) == {"a": 7.0, "b": 9.0}
    spent = BudgetAccount.open(house.home.budgets, wide, house.clock)
    assert spent.hold(5 * G) is not None
    spent.close()
    assert grams_left(house.accounts, jobs) == {"a": 4.0, "b": 4.0}
    house.accounts.close()


def test_a_damaged_budget_keeps_no_plan_from_being_made(house: House) -> None:
    broken = house.set("broken", "jobs:train", Quantity.GRAMS, 7)
    path = allowance_path(house.home.budgets, broken)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no budget at all")
    assert grams_left(house.accounts, [job("a")]) == {}
    house.accounts.close()
