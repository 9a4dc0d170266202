"""The queue before a replica: bounded, honest about failures, and blind to those who left."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import DeadlinePassed, LichenError, Unavailable, WorkFailed
from lichen.core.events import Answered, NoObserver, Observer, Ran, Subject
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.function import FunctionPredictor
from lichen.protocol.demands import Demands
from lichen.serving.batcher import Batcher
from lichen.serving.charging import Bill, Charge, NoMetering
from lichen.serving.replica import Replica
from lichen.serving.rows import form
from lichen.serving.ticket import Answer, Outcome, Query, Ticket

WATCHED = (Subject("d", "m", 1, "fp32"), NoObserver())
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),),
    (TensorSpec("y", Datatype.FP32, (-1, 1)), TensorSpec("z", Datatype.FP32, (-1, 1))),
)
Compute = Callable[[Mapping[str, Array]], Mapping[str, Array]]


def double(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    return {"y": inputs["x"] * 2, "z": inputs["x"]}


class Noted(NoObserver):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.answers: list[Answered] = []
        self.runs: list[Ran] = []

    def answered(self, event: Answered) -> None:
        self.answers.append(event)

    def ran(self, event: Ran) -> None:
        self.runs.append(event)


def batcher(
    compute: Compute = double,
    *,
    slow: bool = False,
    bill: Bill | None = None,
    watch: Observer | None = None,
    **said: bool,
) -> Batcher:
    replica = Replica(FunctionPredictor(SIGNATURE, compute, **said), Stopwatch.of_thread())
    replica.warm()
    replica.learn(1, 1e12 if slow else 0.0)
    metering = NoMetering()
    return Batcher(
        replica,
        bill or metering,
        metering,
        asyncio.get_running_loop(),
        (4, 3),
        (WATCHED[0], watch or WATCHED[1]),
    )


def ticket(
    reply: Callable[[Outcome], None], value: float = 1.0, outputs: tuple[str, ...] | None = None
) -> Ticket:
    inputs: dict[str, Array] = {"x": np.full((1, 1), value, dtype=np.float32)}
    return Ticket(Query("d", inputs, outputs=outputs), 1, form(inputs), b"head", reply)


def outcome_of(batches: Batcher, value: float = 1.0) -> asyncio.Future[Outcome]:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    batches.submit(ticket(future.set_result, value))
    return future


def test_the_queue_is_bounded_and_drains() -> None:
    async def run() -> None:
        batches = batcher()
        assert batches.idle.is_set()
        waiting = [outcome_of(batches) for _ in range(3)]
        assert not batches.idle.is_set()
        with pytest.raises(Unavailable, match="3 requests wait"):
            outcome_of(batches)
        for outcome in await asyncio.gather(*waiting):
            assert isinstance(outcome, Answer)
        assert batches.idle.is_set()
        assert isinstance(await outcome_of(batches), Answer)

    asyncio.run(run())


def test_those_who_left_are_not_computed_for() -> None:
    seen: list[int] = []

    def count(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        seen.append(len(inputs["x"]))
        return double(inputs)

    async def run() -> None:
        batches = batcher(count)
        seen.clear()
        gone = [ticket(lambda _: pytest.fail("it was answered")) for _ in range(2)]
        for one in gone:
            batches.submit(one)
            one.abandoned = True
        assert isinstance(await outcome_of(batches), Answer)
        batches.submit(gone[0])
        await asyncio.sleep(0.01)
        assert batches.idle.is_set()

    asyncio.run(run())
    assert seen == [1]


def test_what_a_model_raises_hurts_only_its_own_request() -> None:
    def explode_on_13(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        if (inputs["x"] == 13).any():
            raise ZeroDivisionError("/secret/path")
        return double(inputs)

    async def run() -> list[Outcome]:
        batches = batcher(explode_on_13)
        return await asyncio.gather(*[outcome_of(batches, value) for value in (1.0, 13.0, 2.0)])

    first, failed, third = asyncio.run(run())
    assert isinstance(failed, WorkFailed)
    assert "secret" not in str(failed)
    assert [one.outputs["y"].item() for one in (first, third) if isinstance(one, Answer)] == [2, 4]


class Tally(NoMetering):
    """Counts who is charged."""

    def __init__(self) -> None:
        self.charged: list[int] = []

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        self.charged += rows
        return super().charge(cpu_ns, rows, tenants)


def test_a_batch_of_a_wrong_shape_charges_nobody_before_it_runs_again_one_by_one() -> None:
    def forgets_company(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return double({"x": inputs["x"][:1]})

    async def run() -> list[int]:
        tally = Tally()
        batches = batcher(forgets_company, bill=tally)
        outcomes = await asyncio.gather(*[outcome_of(batches, value) for value in (1.0, 2.0)])
        assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, True]
        return tally.charged

    assert asyncio.run(run()) == [1, 1]


def test_a_wrong_shape_is_never_an_answer() -> None:
    async def run() -> LichenError | Answer:
        return await outcome_of(batcher(lambda _: {"y": np.zeros((7, 1))}))

    failed = asyncio.run(run())
    assert isinstance(failed, WorkFailed)
    assert "shape" in str(failed)


def test_a_door_that_breaks_costs_no_other_its_answer() -> None:
    def broken(_: Outcome) -> None:
        raise OSError("the connection is gone")

    async def run() -> Outcome:
        batches = batcher()
        batches.submit(ticket(broken))
        return await outcome_of(batches)

    assert isinstance(asyncio.run(run()), Answer)


def test_rows_that_must_not_be_joined_run_one_by_one() -> None:
    sizes: list[int] = []

    def note(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        sizes.append(len(inputs["x"]))
        return double(inputs)

    async def run() -> None:
        batches = batcher(note, joins_rows=False)
        sizes.clear()
        await asyncio.gather(*[outcome_of(batches) for _ in range(3)])

    asyncio.run(run())
    assert sizes == [1, 1, 1]


def test_a_slow_model_leaves_the_loop_and_gathers_what_comes_meanwhile() -> None:
    release, started = threading.Event(), threading.Event()
    threads: list[str] = []
    sizes: list[int] = []

    def slow(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        threads.append(threading.current_thread().name)
        sizes.append(len(inputs["x"]))
        started.set()
        release.wait(10)
        return double(inputs)

    async def run() -> None:
        release.set()
        batches = batcher(slow, slow=True)
        release.clear()
        started.clear()
        threads.clear()
        sizes.clear()
        waiting = [outcome_of(batches)]
        await asyncio.to_thread(started.wait, 10)
        waiting += [outcome_of(batches) for _ in range(3)]
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(*waiting)
        batches.close()

    asyncio.run(run())
    assert sizes == [1, 3]
    assert threading.main_thread().name not in threads


def test_only_the_outputs_asked_for_come_back() -> None:
    async def run() -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        batcher().submit(ticket(future.set_result, outputs=("z",)))
        return await future

    answer = asyncio.run(run())
    assert isinstance(answer, Answer)
    assert list(answer.outputs) == ["z"]
    assert answer.head == b"head"


def test_a_replica_learns_what_batches_cost() -> None:
    ticks = iter([0, 1000, 1000, 5000])
    replica = Replica(FunctionPredictor(SIGNATURE, double), Stopwatch(lambda: next(ticks), 0))
    assert replica.expected_ns(1) == 0.0
    batch = Batch({"x": np.zeros((2, 1), dtype=np.float32)})
    assert replica.run(batch, 2)[1] == 1000
    assert replica.expected_ns(3) == 1000.0  # of one size with 2
    assert replica.run(batch, 2)[1] == 4000
    assert replica.expected_ns(2) == pytest.approx(1300.0)
    assert replica.expected_ns(1) == pytest.approx(1300.0)
    assert replica.expected_ns(8) == pytest.approx(5200.0)


def test_one_batch_runs_at_a_time_and_answers_before_the_next() -> None:
    order: list[str] = []

    def note(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        order.append(f"ran {len(inputs['x'])}")
        return double(inputs)

    async def run() -> None:
        batches = batcher(note)
        order.clear()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rows: dict[str, Array] = {"x": np.zeros((3, 1), dtype=np.float32)}
        for number in range(2):

            def reply(_: Outcome, number: int = number) -> None:
                order.append(f"answered {number}")
                if number == 1:
                    done.set_result(None)

            batches.submit(Ticket(Query("d", rows), 3, form(rows), b"", reply))
        await done

    asyncio.run(run())
    assert order == ["ran 3", "answered 0", "ran 3", "answered 1"]


def test_a_request_that_waited_too_long_is_told_so_and_not_computed() -> None:
    release = threading.Event()
    sizes: list[int] = []

    def slow(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        sizes.append(len(inputs["x"]))
        release.wait(10)
        return double(inputs)

    async def run() -> None:
        release.set()
        watch = Noted()
        batches = batcher(slow, slow=True, watch=watch)
        release.clear()
        sizes.clear()
        first = outcome_of(batches)
        await asyncio.sleep(0)
        late: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        batches.submit(ticket(late.set_result), timeout_us=1000)
        assert isinstance(await late, DeadlinePassed)  # while the replica is still busy
        assert not first.done()
        release.set()
        assert isinstance(await first, Answer)
        await asyncio.to_thread(batches.idle.wait, 10)
        batches.close()
        assert [event.outcome for event in watch.answers] == ["DeadlinePassed", "ok"]

    asyncio.run(run())
    assert sizes == [1]


def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    async def run() -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        batcher().submit(ticket(future.set_result), timeout_us=60_000_000)
        return await future

    assert isinstance(asyncio.run(run()), Answer)


def test_the_observer_learns_of_every_batch_and_every_answer() -> None:
    async def run() -> Noted:
        watch = Noted()
        batches = batcher(watch=watch)
        await asyncio.gather(*[outcome_of(batches) for _ in range(3)])
        return watch

    watch = asyncio.run(run())
    assert [(event.requests, event.rows) for event in watch.runs] == [(3, 3)]
    assert [event.outcome for event in watch.answers] == ["ok"] * 3
    for event in watch.answers:
        assert event.queue_ns + event.compute_ns <= event.total_ns
        assert event.nj is None


def test_many_rows_run_in_chunks_and_are_charged_once() -> None:
    sizes: list[int] = []

    def note(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        sizes.append(len(inputs["x"]))
        return double(inputs)

    async def run() -> tuple[Outcome, list[int]]:
        tally = Tally()
        batches = batcher(note, bill=tally)
        sizes.clear()
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        rows: dict[str, Array] = {"x": np.arange(10, dtype=np.float32).reshape(10, 1)}
        query = Query("d", rows, demands=Demands(batch_rows=3))
        batches.submit(Ticket(query, 10, form(rows), b"", future.set_result))
        return await future, tally.charged

    answer, charged = asyncio.run(run())
    assert sizes == [3, 3, 3, 1]
    assert charged == [10]
    assert isinstance(answer, Answer)
    np.testing.assert_array_equal(answer.outputs["y"].ravel(), np.arange(10) * 2)


def test_requests_wait_for_company_only_where_that_is_asked_for() -> None:
    sizes: list[int] = []

    def note(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        sizes.append(len(inputs["x"]))
        return double(inputs)

    async def run() -> None:
        batches = batcher(note)
        batches.wait_seconds = 3600.0
        sizes.clear()
        first = outcome_of(batches)
        for _ in range(5):
            await asyncio.sleep(0)
        assert sizes == []
        filling: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        rows: dict[str, Array] = {"x": np.zeros((3, 1), dtype=np.float32)}
        batches.submit(Ticket(Query("d", rows), 3, form(rows), b"", filling.set_result))
        await asyncio.gather(first, filling)  # a full batch waits no longer
        assert sizes == [4]
        batches.wait_seconds = 0.001
        assert isinstance(await outcome_of(batches), Answer)
        assert sizes == [4, 1]

    asyncio.run(run())
