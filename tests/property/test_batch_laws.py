"""Batching changes no answer: joined and parted is what each would have got alone."""

import asyncio
from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, LichenError
from lichen.core.events import NoObserver, Subject
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.frameworks.function import FunctionPredictor
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.serving.batcher import Batcher
from lichen.serving.charging import NoMetering
from lichen.serving.replica import Replica
from lichen.serving.rows import form
from lichen.serving.ticket import Answer, Query, Ticket

Request = dict[str, Array]
WATCHED = (Subject("d", "m", 1, "fp32"), NoObserver())
SIGNATURE = Signature(
    (
        TensorSpec("x", Datatype.FP32, (-1, -1)),
        TensorSpec("scale", Datatype.FP32, (-1,), optional=True),
    ),
    (TensorSpec("y", Datatype.FP32, (-1,)), TensorSpec("echo", Datatype.FP32, (-1, -1))),
)
WEIGHTS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def compute(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """A sum, refused where a row holds 13, exploding where one holds 17."""
    values = inputs["x"]
    if (values == 13).any():
        raise InvalidInput("13 is refused")
    if (values == 17).any():
        raise ZeroDivisionError
    return {"y": values.sum(axis=1) * inputs.get("scale", np.float32(1)), "echo": values}


@st.composite
def requests(draw: st.DrawFn) -> Request:
    rows, width = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    numbers = st.integers(0, 20).map(np.float32)
    flat = draw(st.lists(numbers, min_size=rows * width, max_size=rows * width))
    request: Request = {"x": np.array(flat, dtype=np.float32).reshape(rows, width)}
    if draw(st.booleans()):
        request["scale"] = np.arange(rows, dtype=np.float32)
    return request


def answers(
    predictor: Predictor, asked: list[Request], most_rows: int, *, inline: bool
) -> list[Answer | LichenError]:
    """What each request gets when all arrive in one turn of the loop."""
    found: dict[int, Answer | LichenError] = {}

    async def run() -> None:
        all_in = asyncio.Event()
        metering = NoMetering()
        replica = Replica(predictor, Stopwatch(lambda: 0, 0))
        replica.learn(1, 0.0 if inline else 1e12)
        loop = asyncio.get_running_loop()
        batcher = Batcher(replica, metering, metering, loop, (most_rows, 1000), WATCHED)
        for number, request in enumerate(asked):
            query = Query("d", request)

            def reply(outcome: Answer | LichenError, number: int = number) -> None:
                found[number] = outcome
                if len(found) == len(asked):
                    all_in.set()

            batcher.submit(Ticket(query, len(request["x"]), form(request), b"", reply))
        await all_in.wait()
        batcher.close()

    asyncio.run(run())
    return [found[number] for number in range(len(asked))]


def same(one: Answer | LichenError, other: Answer | LichenError) -> None:
    if isinstance(one, LichenError):
        assert type(one) is type(other)
        return
    assert isinstance(other, Answer)
    assert one.outputs.keys() == other.outputs.keys()
    for name, values in one.outputs.items():
        np.testing.assert_array_equal(values, other.outputs[name])


@given(
    asked=st.lists(requests(), min_size=1, max_size=8),
    most_rows=st.integers(1, 10),
    inline=st.booleans(),
)
def test_together_and_alone_are_the_same(
    asked: list[Request], most_rows: int, *, inline: bool
) -> None:
    predictor = FunctionPredictor(SIGNATURE, compute)
    together = answers(predictor, asked, most_rows, inline=inline)
    alone = [answers(predictor, [request], most_rows, inline=True)[0] for request in asked]
    for one, other in zip(together, alone, strict=True):
        same(one, other)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_an_onnx_model_answers_the_same_in_any_company(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    predictor = OnnxPredictor(linear_core(WEIGHTS))
    asked = [{"features": random.normal(size=(rows, 5)).astype(np.float32)} for rows in sizes]
    metered = [{"x": request["features"]} for request in asked]
    renamed = FunctionPredictor(SIGNATURE, lambda inputs: {"y": _raw(predictor, inputs["x"])})
    for request, outcome in zip(metered, answers(renamed, metered, 64, inline=True), strict=True):
        assert isinstance(outcome, Answer)
        np.testing.assert_allclose(
            outcome.outputs["y"], request["x"] @ WEIGHTS, rtol=1e-5, atol=1e-5
        )


def _raw(predictor: OnnxPredictor, features: Array) -> Array:
    return predictor.predict(Batch({"features": features}))["raw"]
