"""Budgets as records when several change them at once: nobody's word is lost or mixed up."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.control.budgets import Budgets, Owners
from lichen.control.submissions import Sender
from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict, Forbidden, NotFound
from lichen.core.ids import TenantId
from lichen.registry.catalog import Catalog
from lichen.security.tokens import Keys
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments

LAB = Budget("lab", Scope.parse("jobs:train"), Quantity.JOULES, 100, Period.parse("day"))
THEIRS = replace(LAB, tenant=TenantId("other"))
SENDER = Sender("default", "admin", "k")


class Contested(MemoryDocuments):
    """Before the next commit somebody else does something."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Callable[[], object] | None = None

    def commit(self, changes: Sequence[Change]) -> int:
        first, self.first = self.first, None
        if first is not None:
            first()
        return super().commit(changes)


@pytest.fixture
def documents() -> Contested:
    return Contested()


@pytest.fixture
def budgets(documents: Contested, tmp_path: Path) -> Budgets:
    clock = ManualClock()
    catalog = Catalog(documents, LocalBlobs(tmp_path), clock)
    return Budgets(documents, Owners(documents, catalog, Keys(documents, clock)), clock)


def keep(documents: Contested, budget: Budget | None) -> None:
    body = None if budget is None else msgspec.json.encode(budget)
    MemoryDocuments.commit(documents, [Change(BUDGETS, "lab", body)])


def own_alone(owner: TenantId) -> None:
    if owner != "default":
        raise Forbidden("not yours")


def test_a_change_that_came_in_between_is_replaced_as_a_whole(
    documents: Contested, budgets: Budgets
) -> None:
    keep(documents, LAB)
    documents.first = lambda: keep(documents, replace(LAB, limit=7, degrade_from=0.5))
    budgets.put(replace(LAB, limit=200), own_alone)
    assert budgets.get("lab") == replace(LAB, limit=200)


def test_whose_budget_it_is_is_judged_by_what_is_there_at_the_commit(
    documents: Contested, budgets: Budgets
) -> None:
    keep(documents, LAB)
    documents.first = lambda: keep(documents, THEIRS)
    with pytest.raises(Forbidden):
        budgets.put(replace(LAB, limit=200), own_alone)
    assert budgets.get("lab") == THEIRS
    with pytest.raises(Forbidden):
        budgets.remove("lab", own_alone)


def test_what_another_removed_is_not_removed_twice(documents: Contested, budgets: Budgets) -> None:
    keep(documents, LAB)
    documents.first = lambda: keep(documents, None)
    with pytest.raises(NotFound, match="`lichen budget ls`"):
        budgets.remove("lab", own_alone)


def test_the_same_request_twice_at_once_makes_one_budget(
    documents: Contested, budgets: Budgets
) -> None:
    documents.first = lambda: budgets.create(SENDER, LAB)
    assert budgets.create(SENDER, LAB) == LAB
    with pytest.raises(Conflict, match="there is a budget 'lab' already"):
        budgets.create(Sender("default", "admin"), LAB)


def test_setting_what_is_set_writes_nothing(documents: Contested, budgets: Budgets) -> None:
    budgets.put(LAB, own_alone)
    before = documents.revision()
    budgets.put(LAB, own_alone)
    assert documents.revision() == before
