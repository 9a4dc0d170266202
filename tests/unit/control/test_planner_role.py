"""One planner a store: by a lease, and a fence that grows with each holder."""

from datetime import timedelta

import pytest

from lichen.control.planner_role import LEASE, PlannerRole
from lichen.core.clock import ManualClock
from lichen.store.documents import Change, MemoryDocuments

ROW = Change("intentions", "job-1", b"{}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def one(documents: MemoryDocuments, clock: ManualClock) -> PlannerRole:
    return PlannerRole(documents, clock, "one")


@pytest.fixture
def two(documents: MemoryDocuments, clock: ManualClock) -> PlannerRole:
    return PlannerRole(documents, clock, "two")


def test_the_first_has_it_and_the_second_waits(one: PlannerRole, two: PlannerRole) -> None:
    assert one.take()
    assert not two.take()
    assert (one.fence, two.fence) == (1, 0)


def test_who_holds_nothing_writes_nothing(
    one: PlannerRole, two: PlannerRole, documents: MemoryDocuments
) -> None:
    assert one.take()
    assert not two.write(lambda: [ROW])
    assert documents.get("intentions", "job-1") is None


def test_a_stale_holder_can_write_nothing(
    one: PlannerRole, two: PlannerRole, clock: ManualClock, documents: MemoryDocuments
) -> None:
    assert one.take()
    clock.advance(LEASE.total_seconds())
    assert two.take()
    assert two.fence == 2
    assert not one.write(lambda: [ROW])
    assert documents.get("intentions", "job-1") is None
    assert not one.take()


def test_a_stale_holder_whom_nobody_followed_goes_on(one: PlannerRole, clock: ManualClock) -> None:
    assert one.take()
    clock.advance(10 * LEASE.total_seconds())
    assert one.write(lambda: [ROW])


def test_the_next_life_of_a_holder_takes_it_at_once_with_a_higher_fence(
    one: PlannerRole, documents: MemoryDocuments, clock: ManualClock
) -> None:
    assert one.take()
    again = PlannerRole(documents, clock, "one")
    assert again.take()
    assert again.fence == 2
    assert not one.write(lambda: [ROW])


def test_what_is_given_up_is_free(one: PlannerRole, two: PlannerRole) -> None:
    assert one.take()
    one.give_up()
    assert two.take()
    one.give_up()  # it holds nothing by now
    assert two.write(lambda: [ROW])


def test_it_is_due_before_it_runs_out(one: PlannerRole, clock: ManualClock) -> None:
    dues = [one.is_due, one.take() and one.is_due]
    clock.advance(31)
    dues.append(one.is_due)
    dues.append(one.write(lambda: ()) and one.is_due)
    assert dues == [True, False, True, False]


def test_a_lease_of_a_clock_that_was_ahead_does_not_count(
    one: PlannerRole, two: PlannerRole, clock: ManualClock
) -> None:
    assert one.take()
    clock.at -= timedelta(days=2)
    assert two.take()
