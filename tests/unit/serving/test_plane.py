"""The one way to a prediction: what it asks of a model that draws, whom it tells of refusals."""

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, NotFound, Unavailable
from lichen.core.events import Answered, NoObserver, Subject
from lichen.core.ids import TenantId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.function import FunctionPredictor
from lichen.protocol.demands import Demands
from lichen.serving.batcher import Batcher
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane, drawing
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Answer, Outcome, Query

X = TensorSpec("x", Datatype.FP32, (-1, 1))
SAMPLES = TensorSpec("samples", Datatype.INT32, (-1,), optional=True)
Y = TensorSpec("y", Datatype.FP32, (-1, 1))
ROWS: dict[str, Array] = {"x": np.ones((3, 1), dtype=np.float32)}
SUBJECT = Subject("d", "m", 1, "fp32")
TENANT = TenantId("acme")


class Noted(NoObserver):
    def __init__(self) -> None:
        self.answers: list[Answered] = []

    def answered(self, event: Answered) -> None:
        self.answers.append(event)


def drawn(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """As many as were asked for; one where nobody said."""
    wanted = inputs.get("samples", np.ones(len(inputs["x"]), dtype=np.int32))
    return {"y": wanted.reshape(-1, 1).astype(np.float32)}


def plane(watch: Noted, *inputs: TensorSpec, waiting: int = 8) -> DataPlane:
    replica = Replica(FunctionPredictor(Signature(inputs, (Y,)), drawn), Stopwatch(lambda: 0, 0))
    metering = NoMetering()
    loop = asyncio.get_running_loop()
    batcher = Batcher(replica, metering, metering, loop, (8, waiting), (SUBJECT, watch))
    selector = Selector()
    selector.replace({"d": Served(Deployment("d", "m", 1), replica, batcher)}, {})
    selector.end_first_look()
    return DataPlane(selector, watch)


def outcome(asked: DataPlane, query: Query) -> asyncio.Future[Outcome]:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    asked.infer(query, future.set_result)
    return future


def test_a_model_that_draws_is_told_how_often_for_each_row() -> None:
    async def run() -> Outcome:
        query = Query("d", dict(ROWS), demands=Demands(samples=100))
        return await outcome(plane(Noted(), X, SAMPLES), query)

    answer = asyncio.run(run())
    assert isinstance(answer, Answer)
    assert answer.outputs["y"].ravel().tolist() == [100.0] * 3


@pytest.mark.parametrize(
    "signature",
    [
        Signature((X,), (Y,)),
        Signature((X, TensorSpec("samples", Datatype.FP32, (-1,))), (Y,)),
        Signature((X, TensorSpec("samples", Datatype.INT64, (1,))), (Y,)),
    ],
)
def test_a_model_that_does_not_draw_says_so(signature: Signature) -> None:
    with pytest.raises(InvalidInput, match="draws no samples"):
        drawing(signature, 3, 100)


def test_the_observer_learns_of_refusals_of_what_is_served_and_of_nothing_else() -> None:
    async def run() -> list[Answered]:
        watch = Noted()
        asked = plane(watch, X, waiting=0)
        with pytest.raises(Unavailable, match="wait"):
            asked.infer(Query("d", ROWS, tenant=TENANT), lambda _: None)
        with pytest.raises(InvalidInput):
            asked.infer(Query("d", {"z": ROWS["x"]}, tenant=TENANT), lambda _: None)
        with pytest.raises(NotFound):
            asked.infer(Query("other", ROWS, tenant=TENANT), lambda _: None)
        asked.note_refusal("d", "1", TENANT, InvalidInput("no JSON"))
        asked.note_refusal("other", None, TENANT, InvalidInput("no JSON"))
        return watch.answers

    told = asyncio.run(run())
    assert [event.outcome for event in told] == ["Unavailable", "InvalidInput", "InvalidInput"]
    assert {(event.subject, event.tenant, event.rows, event.nj) for event in told} == {
        (SUBJECT, TENANT, 0, None)
    }
