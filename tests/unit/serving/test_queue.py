"""The fair queue: nobody is lost, nobody is starved, and priority is a caller's own affair."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lichen.protocol.demands import Demands
from lichen.serving.queue import FairQueue
from lichen.serving.rows import form
from lichen.serving.ticket import Query, Ticket


def ticket(caller: str, rows: int = 1, priority: int = 5) -> Ticket:
    inputs = {"x": np.zeros((rows, 1), dtype=np.float32)}
    query = Query("d", inputs, caller=caller, demands=Demands(priority=priority))
    return Ticket(query, rows, form(inputs), b"", lambda _: None)


def drained(queue: FairQueue, most_rows: int) -> list[list[Ticket]]:
    batches = []
    while queue:
        batches.append(queue.take(most_rows))
    return batches


def test_all_that_fits_is_taken_in_the_order_of_its_callers() -> None:
    queue = FairQueue()
    asked = [ticket("a"), ticket("a"), ticket("b")]
    for one in asked:
        queue.push(one)
    assert queue.take(3) == asked
    assert len(queue) == 0
    assert queue.take(3) == []


def test_a_single_request_of_one_caller_passes_the_flood_of_another() -> None:
    queue = FairQueue()
    for _ in range(1000):
        queue.push(ticket("flood"))
    late = ticket("late")
    queue.push(late)
    assert late in queue.take(10)


def test_who_took_many_rows_waits_for_those_who_took_few() -> None:
    queue = FairQueue()
    for _ in range(3):
        queue.push(ticket("large", rows=100))
    for _ in range(150):
        queue.push(ticket("small"))
    batches = drained(queue, 100)
    assert [len(batch) for batch in batches] == [1, 100, 1, 50, 1]


def test_priority_orders_a_callers_own_requests_and_no_others() -> None:
    queue = FairQueue()
    plain, urgent, others = ticket("a"), ticket("a", priority=1), ticket("b", priority=9)
    for one in (plain, others, urgent, ticket("a", priority=9)):
        queue.push(one)
    taken = queue.take(2)
    assert set(taken) == {urgent, others}
    assert queue.take(1) == [plain]


def test_a_request_over_the_limit_is_a_batch_of_its_own() -> None:
    queue = FairQueue()
    large, small = ticket("a", rows=50), ticket("a")
    queue.push(large)
    queue.push(small)
    assert drained(queue, 10) == [[large], [small]]


def test_those_who_left_are_dropped_and_their_rows_with_them() -> None:
    queue = FairQueue()
    asked = [ticket("a", rows=3), ticket("a"), ticket("b")]
    for one in asked:
        queue.push(one)
    asked[0].abandoned = asked[2].abandoned = True
    queue.drop_abandoned()
    assert len(queue) == 1
    assert queue.take(1) == [asked[1]]


requests = st.tuples(st.sampled_from("abcd"), st.integers(1, 12), st.integers(1, 9))


@given(st.lists(requests, max_size=40), st.integers(1, 16))
def test_nobody_is_lost_or_served_twice_and_batches_keep_to_their_rows(
    asked: list[tuple[str, int, int]], most_rows: int
) -> None:
    queue = FairQueue()
    pushed = [ticket(caller, rows, priority) for caller, rows, priority in asked]
    for one in pushed:
        queue.push(one)
    batches = drained(queue, most_rows)
    assert sorted(map(id, pushed)) == sorted(id(one) for batch in batches for one in batch)
    for batch in batches:
        assert len(batch) == 1 or sum(one.rows for one in batch) <= most_rows


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(1, 16))
def test_callers_who_both_wait_differ_by_no_more_than_their_largest_requests(
    sizes: list[int], most_rows: int
) -> None:
    queue = FairQueue()
    for caller in ("a", "b"):
        for rows in sizes:
            queue.push(ticket(caller, rows))
    given_rows = {"a": 0, "b": 0}
    left = {"a": len(sizes), "b": len(sizes)}
    while all(left.values()):
        for one in queue.take(most_rows):
            given_rows[one.caller] += one.rows
            left[one.caller] -= 1
        if all(left.values()):
            assert abs(given_rows["a"] - given_rows["b"]) <= max(sizes)
