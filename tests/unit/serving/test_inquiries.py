"""Inquiries beside predictions: one between two batches, alone, charged and named apart."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lichen.api.statuses import http_status
from lichen.core.batch import Array, Batch
from lichen.core.errors import DeadlinePassed, InvalidInput, Unavailable, WorkFailed
from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.frameworks.function import FunctionPredictor
from lichen.serving.batcher import Batcher
from lichen.serving.charging import Charge, NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.replica import Replica
from lichen.serving.residency.dormant import Dormant
from lichen.serving.rows import form
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Answer, Ended, Outcome, Query, Ticket

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)


@dataclass
class Why:
    """An inquiry that writes down when it ran."""

    log: list[str]
    name: str = "why"
    fails: Exception | None = None

    def prepare(self, predictor: Predictor) -> None:
        assert predictor.signature == SIGNATURE

    def run(self, predictor: Predictor, inputs: Batch) -> object:
        self.log.append(self.name)
        if self.fails is not None:
            raise self.fails
        return float(predictor.predict(inputs)["y"].sum())


@dataclass
class Watch:
    answers: list[Answered] = field(default_factory=list)
    runs: list[Ran] = field(default_factory=list)

    def answered(self, event: Answered) -> None:
        self.answers.append(event)

    def ran(self, event: Ran) -> None:
        self.runs.append(event)


class OwnBill:
    """Charges each request a nanojoule, and counts them."""

    def __init__(self) -> None:
        self.charged = 0

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        assert cpu_ns >= 0
        self.charged += len(rows)
        return [Charge(1, None, b"nj=1") for _ in tenants]


class House:
    """A queue of one row a batch, and the order in which its work ran."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.watch, self.bill = Watch(), OwnBill()

        def compute(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
            self.log.append("batch")
            return {"y": inputs["x"] * 2}

        replica = Replica(FunctionPredictor(SIGNATURE, compute), Stopwatch.of_thread())
        metering = NoMetering()
        subject = Subject("d", "m", 1, "fp32")
        loop = asyncio.get_running_loop()
        self.batcher = Batcher(replica, metering, metering, loop, (1, 9), (subject, self.watch))
        self.batcher.inquiries.bill = self.bill

    def ask(self, inquiry: Why | None = None) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        inputs: dict[str, Array] = {"x": np.full((1, 1), 3.0, dtype=np.float32)}
        query = Query("d", inputs, inquiry=inquiry)
        self.batcher.submit(Ticket(query, 1, form(inputs), b"", future.set_result))
        return future


def test_inquiries_and_batches_take_turns() -> None:
    async def run() -> list[str]:
        house = House()
        asked = [house.ask() for _ in range(3)]
        asked += [house.ask(Why(house.log, f"why {number}")) for number in range(3)]
        await asyncio.gather(*asked)
        assert house.batcher.idle.is_set()
        house.batcher.close()
        return [one for one in house.log if one.startswith("why") or one == "batch"]

    log = asyncio.run(run())
    first = [at for at, one in enumerate(log) if one.startswith("why")]
    assert [log[at] for at in first] == ["why 0", "why 1", "why 2"]
    assert first[1] - first[0] > 1  # its own answer, and a batch of others between


def test_an_inquiry_has_its_own_bill_and_subject() -> None:
    async def run() -> House:
        house = House()
        outcome = await house.ask(Why(house.log))
        assert isinstance(outcome, Answer)
        assert outcome.found == 6.0
        assert outcome.charge is not None
        await house.ask()
        house.batcher.close()
        return house

    house = asyncio.run(run())
    assert house.bill.charged == 1
    assert [one.subject.variant for one in house.watch.runs] == ["fp32-explain", "fp32"]


def test_what_an_inquiry_raises_is_answered_and_the_queue_goes_on() -> None:
    async def run() -> list[Outcome]:
        house = House()
        asked = [
            house.ask(Why(house.log, fails=InvalidInput("no such output"))),
            house.ask(Why(house.log, fails=ZeroDivisionError("/secret/path"))),
            house.ask(),
        ]
        found = await asyncio.gather(*asked)
        house.batcher.close()
        return list(found)

    refused, failed, answered = asyncio.run(run())
    assert isinstance(refused, InvalidInput)
    assert isinstance(failed, WorkFailed)
    assert "secret" not in str(failed)
    assert isinstance(answered, Answer)


def test_an_inquiry_that_ran_out_of_its_time_is_charged_and_the_queue_goes_on() -> None:
    async def run() -> tuple[House, list[Outcome]]:
        house = House()
        late = DeadlinePassed("it took too long")
        found = await asyncio.gather(house.ask(Why(house.log, fails=late)), house.ask())
        house.batcher.close()
        return house, list(found)

    house, (ended, answered) = asyncio.run(run())
    assert isinstance(ended, Ended)
    assert str(ended) == "it took too long"
    assert ended.charge == Charge(1, None, b"nj=1")
    assert house.bill.charged == 1
    assert http_status(ended) == 504
    assert isinstance(answered, Answer)
    assert [one.outcome for one in house.watch.answers if one.outcome != "ok"] == ["DeadlinePassed"]


def test_who_left_is_not_explained_for() -> None:
    async def run() -> list[str]:
        house = House()
        inputs: dict[str, Array] = {"x": np.zeros((1, 1), dtype=np.float32)}
        gone = Ticket(Query("d", inputs, inquiry=Why(house.log)), 1, form(inputs), b"", _never)
        house.batcher.submit(gone)
        gone.abandoned = True
        await house.ask()
        house.batcher.close()
        return house.log

    assert asyncio.run(run()) == ["batch"]


def _never(outcome: Outcome) -> None:
    raise AssertionError(outcome)


def test_an_inquiry_of_a_version_that_slept_is_none_of_the_one_that_woke() -> None:
    async def run() -> list[Outcome]:
        house, loop = House(), asyncio.get_running_loop()
        watched = (Subject("d", "m", 1, "fp32"), house.watch)
        bed = Dormant(lambda: None, loop, 9, watched)
        inputs: dict[str, Array] = {"x": np.zeros((1, 1), dtype=np.float32)}
        found: list[asyncio.Future[Outcome]] = [loop.create_future(), loop.create_future()]
        for inquiry, future in zip((Why(house.log), None), found, strict=True):
            query = Query("d", inputs, inquiry=inquiry)
            bed.submit(Ticket(query, 1, form(inputs), b"of version 1", future.set_result))
        predictor = FunctionPredictor(SIGNATURE, lambda given: {"y": given["x"]})
        replica = Replica(predictor, Stopwatch.of_thread())
        selector = Selector()
        selector.replace({"d": Served(Deployment("d", "m", 2), replica, house.batcher)}, {})
        bed.hand_over(selector)
        outcomes = await asyncio.gather(*found)
        house.batcher.close()
        return list(outcomes)

    refused, answered = asyncio.run(run())
    assert isinstance(refused, Unavailable)
    assert isinstance(answered, Answer)
