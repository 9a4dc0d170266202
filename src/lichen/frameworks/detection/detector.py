"""What a detector is: it fits on usual rows, and says of a row how unlike them it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import IR_VERSION, ML_OPSET, OPSET

Features = NDArray[np.float32]
Statistics = NDArray[np.float64]
Pause = Callable[[], None]
MOST_CONTRIBUTIONS = 200
"""Columns beyond which an answer does not say what each contributed: it would be mostly that."""


@dataclass(frozen=True, slots=True)
class Window:
    """How rows that follow each other become the features of a dynamic detector.

    The window `(rows, lags + 1, columns)` holds raw float64 values, the oldest row first, the row
    that is judged last; each becomes `(clip(x or fill) - centre) / scale`.

    Attributes:
        lags: rows before the one that is judged.
        fill, low, high, centre, scale: `(columns,)`.
    """

    lags: int
    fill: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def columns(self) -> int:
        """How many values a row has."""
        return len(self.fill)


class FittedDetector(Protocol):
    """Says how unlike the usual rows are: larger is more so."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of what it says of a row."""
        ...

    @property
    def contributes(self) -> bool:
        """Whether its core says what each column contributed, after the statistics."""
        ...

    def judge(self, features: Features) -> Statistics:
        """`(rows, statistics)`."""
        ...

    def onnx(self, thresholds: NDArray[np.float64], window: Window | None = None) -> bytes:
        """The core: `features` float32 `(rows, k)` to `raw` `(rows, statistics + contributions)`.

        With a window it takes `window` float64 instead. Equal detectors give equal bytes.
        """
        ...


class Detector(Protocol):
    """One algorithm with its settings."""

    def settled(self, features: Features) -> "Detector":
        """The same, with choices made by these rows that must not differ between parts of them.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        ...

    def fit(self, features: Features, seed: int, pause: Pause) -> FittedDetector:
        """Fit it on usual rows; equal input gives an equal detector.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a graph: what it is, takes and gives, and how it is set."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A core as it is written.

    Attributes:
        nodes: in the order they are computed; the last gives `raw`.
        constants: by name.
        features: values of a row.
        outputs: values of an answer.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[np.generic]]
    features: int
    outputs: int


def core_model(graph: Graph, window: Window | None = None) -> bytes:
    """The serialised, checked ONNX model of a core.

    Raises:
        InvalidInput: a constant is not finite.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants = list(graph.nodes), dict(graph.constants)
    takes = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", graph.features])
    if window is not None:
        before, more = _encoded(window)
        nodes, constants = [*before, *nodes], {**constants, **more}
        shape: list[str | int | None] = ["rows", window.lags + 1, window.columns]
        takes = helper.make_tensor_value_info("window", TensorProto.DOUBLE, shape)
    for name, value in constants.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InvalidInput(f"the fit broke down, {name} is not finite: check the data")
    drawn = helper.make_graph(
        [
            helper.make_node(n.kind, list(n.inputs), [n.output], domain=n.domain, **n.settings)
            for n in nodes
        ],
        "detector",
        [takes],
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["rows", graph.outputs])],
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        drawn, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _encoded(window: Window) -> tuple[list[Node], dict[str, NDArray[np.generic]]]:
    """The nodes from `window` to `features`, as the encoders of single rows compute them."""
    constants: dict[str, NDArray[np.generic]] = {
        "fill": window.fill,
        "low": window.low,
        "high": window.high,
        "centre": window.centre,
        "scale": window.scale,
        "flat": np.array([-1, (window.lags + 1) * window.columns], dtype=np.int64),
    }
    nodes = [
        Node("IsNaN", ("window",), "missing"),
        Node("Where", ("missing", "fill", "window"), "filled"),
        Node("Max", ("filled", "low"), "raised"),
        Node("Min", ("raised", "high"), "clipped"),
        Node("Sub", ("clipped", "centre"), "centred"),
        Node("Div", ("centred", "scale"), "scaled"),
        Node("Cast", ("scaled",), "narrowed", {"to": 1}),
        Node("Reshape", ("narrowed", "flat"), "features"),
    ]
    return nodes, constants


def lagged(encoded: Features, starts: NDArray[np.int64], lags: int) -> Features:
    """Each row after the `lags` before it, `(rows, (lags + 1) * columns)`, the oldest first.

    Args:
        encoded: rows in their order.
        starts: `(rows,)`: the first row of the run that each belongs to; what would stand before
            it is taken as equal to it.
        lags: rows to look back at.
    """
    here = np.arange(len(encoded))
    places = [np.maximum(here - back, starts) for back in range(lags, -1, -1)]
    return np.concatenate([encoded[place] for place in places], axis=1)
