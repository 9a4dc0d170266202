"""Pretrained models that came as ONNX: what they take and answer is found, and all else refused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT, linear_core
from lichen.frameworks.operations import operations_of
from lichen.frameworks.pretrained import PretrainedModel, read_pretrained, said_of

CONTEXT, STEPS = 48, 24
DAY_BEFORE = np.eye(CONTEXT, STEPS, k=-(CONTEXT - STEPS), dtype=np.float32)
"""Weights of a model that says the last day again."""

Wire = tuple[str, Sequence[str], str, dict[str, Any]]


def model(
    *,
    taken: Sequence[int | str] = ("rows", CONTEXT),
    answered: Sequence[int | str] = ("rows", STEPS),
    middle: Sequence[Wire] = (),
    kind: int = TensorProto.FLOAT,
    opset: int = 18,
    more: dict[str, NDArray[Any]] | None = None,
) -> bytes:
    """`window` to `answer`: flattened, the day before, then the nodes of `middle` from `day`."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    constants: dict[str, NDArray[Any]] = {
        "flat": np.array([-1, CONTEXT]),
        "weights": DAY_BEFORE.astype(dtype),
        **(more or {}),
    }
    wires = [
        ("Reshape", ["window", "flat"], "low", {}),
        ("MatMul", ["low", "weights"], "day", {}),
        *(middle or [("Identity", ["day"], "answer", {})]),
    ]
    graph = helper.make_graph(
        [helper.make_node(one, list(inputs), [out], **said) for one, inputs, out, said in wires],
        "g",
        [helper.make_tensor_value_info("window", kind, taken)],
        [helper.make_tensor_value_info("answer", kind, answered)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    made = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(made.SerializeToString(deterministic=True))


def quantiles(*, last: bool, shifts: Sequence[float] = (-0.2, 0.0, 0.3)) -> bytes:
    """The day before and, beside it, what is below and above."""
    levels = np.array(shifts, dtype=np.float32)
    places = [-1, STEPS, 1] if last else [-1, 1, STEPS]
    shape = [len(levels)] if last else [len(levels), 1]
    answered = [STEPS, len(levels)] if last else [len(levels), STEPS]
    return model(
        answered=("rows", *answered),
        middle=[
            ("Reshape", ["day", "places"], "raw", {}),
            ("Add", ["raw", "levels"], "answer", {}),
        ],
        more={"places": np.array(places), "levels": levels.reshape(shape)},
    )


def features(context: int = CONTEXT) -> NDArray[np.float32]:
    random = np.random.default_rng(1)
    windows = 40 + 10 * random.standard_normal((5, context)).cumsum(axis=1)
    windows[3] = 7.0  # never changes
    return np.column_stack([windows, np.ones(5)]).astype(np.float32)


@pytest.mark.parametrize(
    "content",
    [
        linear_core(DAY_BEFORE),
        model(),
        model(taken=("rows", CONTEXT, 1), answered=("rows", STEPS, 1), middle=[
            ("Reshape", ["day", "tall"], "answer", {}),
        ], more={"tall": np.array([-1, STEPS, 1])}),
        model(kind=TensorProto.DOUBLE),
        model(opset=11),
        model(opset=21),
        quantiles(last=False),
        quantiles(last=True),
    ],
    ids=["named as ours", "plain", "columns", "doubles", "opset 11", "opset 21", "levels first",
         "levels last"],
)  # fmt: skip
def test_the_median_comes_back_in_the_units_of_the_window(content: bytes) -> None:
    rows = features()
    core = read_pretrained(content).core(CONTEXT, STEPS)
    expected = rows[:, CONTEXT - STEPS : CONTEXT]
    assert np.allclose(core.raw(rows), expected, rtol=1e-5, atol=1e-3)
    served = OnnxPredictor(core.onnx()).predict(Batch({INPUT: rows}))[OUTPUT]
    assert np.array_equal(served, core.raw(rows).astype(np.float32))
    assert read_pretrained(content).core(CONTEXT, STEPS).onnx() == core.onnx()
    assert operations_of(core.onnx()) >= DAY_BEFORE.size


def test_a_shorter_horizon_is_cut_and_a_longer_one_refused() -> None:
    read = read_pretrained(model())
    rows = features()
    expected = rows[:, CONTEXT - STEPS : CONTEXT - STEPS + 6]
    assert np.allclose(read.core(CONTEXT, 6).raw(rows), expected, rtol=1e-5, atol=1e-3)
    with pytest.raises(InvalidInput, match="forecasts 24 steps, and 25 are asked for: ask for up"):
        read.core(CONTEXT, 25)


def test_a_window_of_another_length_than_the_models_is_refused() -> None:
    with pytest.raises(InvalidInput, match="windows of 48 steps, and the context is 47: leave the"):
        read_pretrained(model()).core(47, STEPS)


def test_an_open_window_is_of_whatever_length_is_asked_for() -> None:
    read = of_any_length()
    assert read.windows.context is None
    rows = features(30)
    expected = np.repeat(rows[:, :30].mean(axis=1, keepdims=True), 4, axis=1)
    assert np.allclose(read.core(30, 4).raw(rows), expected, rtol=1e-4)


def of_any_length() -> PretrainedModel:
    """The mean of a window, four times; within a branch that sees what stands around it."""
    branch = [
        helper.make_graph(
            [helper.make_node("Mul", ["mean", "four"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 4])],
        )
        for name in ("answer_then", "answer_else")
    ]
    nodes = [
        helper.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("If", ["yes"], ["answer"], then_branch=branch[0], else_branch=branch[1]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["rows", "steps"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["rows", 4])],
        [
            numpy_helper.from_array(np.array(True), "yes"),  # noqa: FBT003 - NumPy's
            numpy_helper.from_array(np.ones((1, 4), dtype=np.float32), "four"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return read_pretrained(bytes(made.SerializeToString()))


def of_nodes(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(made.SerializeToString())


def told(name: str, kind: int = TensorProto.FLOAT, shape: Sequence[int | str] = ("n", 4)) -> Any:  # noqa: ANN401
    return helper.make_tensor_value_info(name, kind, shape)


ADDED = helper.make_node("Add", ["a", "b"], ["c"])
SAME = helper.make_node("Identity", ["a"], ["c"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no model", "no ONNX model"),
        (of_nodes([ADDED], [told("a"), told("b")], [told("c")]), r"takes 2 \(a, b\): export it"),
        (of_nodes([SAME], [told("a")], [told("c"), told("a")]), r"answers 2 \(c, a\): export it"),
        (
            of_nodes([SAME], [told("a", TensorProto.INT64)], [told("c", TensorProto.INT64)]),
            "'a' of the pretrained model is INT64, and windows",
        ),
        (
            of_nodes([SAME], [told("a", TensorProto.STRING)], [told("c", TensorProto.STRING)]),
            "'a' of the pretrained model is BYTES",
        ),
        (
            of_nodes([SAME], [told("a", shape=(1, 4))], [told("c", shape=(1, 4))]),
            r"takes \(1, 4\), and windows are \(rows, context\)",
        ),
        (
            of_nodes([SAME], [told("a", shape=("n", 4, 2))], [told("c", shape=("n", 4, 2))]),
            r"takes \(open, 4, 2\), and windows",
        ),
    ],
)
def test_a_model_that_takes_no_windows_is_refused_by_what_it_takes(
    content: bytes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_pretrained(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (quantiles(last=False, shifts=(0.3, 0.0, -0.2)), r"answers \(rows, 3, 24\), which is no"),
        (quantiles(last=True, shifts=(-0.2, 0.3)), r"answers \(rows, 24, 2\), which is no fore"),
        (
            model(
                answered=("rows",),
                middle=[("ReduceSum", ["day", "second"], "answer", {"keepdims": 0})],
                more={"second": np.array([1])},
            ),
            r"answers \[8\] to 8 windows, and a forecast is \(rows, horizon\)",
        ),
        (
            model(middle=[("Sub", ["day", "much"], "less", {}), ("Log", ["less"], "answer", {})],
                  more={"much": np.array([9.0], dtype=np.float32)}),
            "answers NaN or infinity to windows",
        ),
        (
            model(middle=[("ReduceMean", ["day", "first"], "mean", {"keepdims": 1}),
                          ("Sub", ["day", "mean"], "answer", {})],
                  more={"first": np.array([0])}),
            "answers a window otherwise when others stand beside it",
        ),
    ],
    ids=["falling", "even", "no steps", "NaN", "mixed rows"],
)  # fmt: skip
def test_answers_that_are_no_forecast_are_refused_by_what_was_found(
    content: bytes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_pretrained(content).core(CONTEXT, STEPS)


def test_an_opset_too_old_to_put_anything_around_is_refused() -> None:
    with pytest.raises(InvalidInput, match="of ONNX opset 7, below 8: export it again"):
        read_pretrained(model(opset=7)).core(CONTEXT, STEPS)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1)])
def test_quantiles_of_one_step_are_no_steps(shape: tuple[int, int]) -> None:
    """`(rows, horizon)` of one long axis alone is a horizon, whatever it does."""
    rising = np.arange(3.0) + np.zeros((8, 1))
    said = said_of("answer", rising.reshape(8, *shape))
    assert (said.horizon, said.levels) == (1, shape.index(3))
    assert said_of("answer", rising).horizon == 3
    assert said_of("answer", -rising.reshape(8, *shape)).horizon == 3
