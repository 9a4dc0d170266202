"""What writers of estimators share: the graph, where raw columns come in, and each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.graph import Graph, Value

Fitted = Any
"""An estimator of scikit-learn, which has no types."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Raw:
    """What a feature is of one raw column: `(x - centre) / scale`."""

    column: int
    centre: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """Raw columns that nobody has looked at yet: numbers or texts.

    Attributes:
        columns: which.
        fills: of each the text that stands for one that is missing; empty: none.
    """

    columns: tuple[int, ...]
    fills: tuple[str | None, ...] = ()

    def fill(self, place: int) -> str | None:
        """What stands for a text that is missing."""
        return self.fills[place] if self.fills else None


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor of doubles `(rows, width)`.

    Attributes:
        name: in the graph.
        width: how many features.
        raw: of each feature the raw column that it is, where it is one.
    """

    name: str
    width: int
    raw: tuple[Raw | None, ...] = ()

    def origin(self, feature: int) -> Raw | None:
        """The raw column that a feature is."""
        return self.raw[feature] if self.raw else None


Given = Table | Flow


@dataclass(frozen=True, slots=True)
class Classified:
    """What a classifier says.

    Attributes:
        classes: its labels.
        choice: INT64 `(rows,)`: which of them.
        probability: `(rows, classes)`, where it has them.
        score: its decision function, `(rows, 1)` of two classes, where it has one.
    """

    classes: NDArray[Any]
    choice: str
    probability: str | None = None
    score: str | None = None


class Inputs(Protocol):
    """Where the raw columns of a row come into the graph."""

    def numbers(self, graph: Graph, columns: Sequence[int]) -> str:
        """Columns of numbers, doubles `(rows, columns)`."""
        ...

    def codes(self, graph: Graph, column: int, known: Mapping[str, int], other: int) -> str:
        """INT64 `(rows, 1)`: the number of each known text, `other` of any other."""
        ...

    def terms(self, graph: Graph, said: Any) -> str:  # noqa: ANN401 - `Tokens`
        """A column of texts as the counts or weights of its terms, doubles."""
        ...


Transforms = Callable[["Writing", Fitted, Given], Given]
Classifies = Callable[["Writing", Fitted, Given], Classified]
Values = Callable[["Writing", Fitted, Given], str]
"""Of a regressor: doubles `(rows, targets)`."""


@dataclass(frozen=True, slots=True)
class Writers:
    """Who writes which class of scikit-learn."""

    transformers: Mapping[str, Transforms]
    classifiers: Mapping[str, Classifies]
    regressors: Mapping[str, Values]


@dataclass(slots=True)
class Writing:
    """A graph while estimators are written into it.

    Attributes:
        names: of the raw columns.
        anchors: of each raw column values that matter to some estimator, for the trial.
        texts: of each raw column the texts that some estimator knows.
        whole: raw columns of numbers that are categories.
        prose: raw columns of texts that are parted into terms.
        nones: raw columns whose missing texts are None, and not NaN.
        lacks_unknown: raw columns of which scikit-learn refuses what it does not know.
        labels: what the classes are called, in their order; empty: as scikit-learn does.
    """

    inputs: Inputs
    writers: Writers
    names: Sequence[str]
    labels: tuple[str, ...] = ()
    graph: Graph = field(default_factory=Graph)
    anchors: dict[int, list[float]] = field(default_factory=dict)
    texts: dict[int, list[str]] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    prose: set[int] = field(default_factory=set)
    nones: set[int] = field(default_factory=set)
    lacks_unknown: set[int] = field(default_factory=set)

    def name_of(self, column: int) -> str:
        """A raw column in words."""
        return self.names[column]

    def transformed(self, fitted: Fitted, given: Given) -> Given:
        """What a transformer makes of it.

        Raises:
            InvalidInput: nobody here writes it.
        """
        write: Transforms = _writer(self.writers.transformers, fitted)
        return write(self, fitted, given)

    def classified(self, fitted: Fitted, given: Given) -> Classified:
        """What a classifier says of it.

        Raises:
            InvalidInput: nobody here writes it.
        """
        write: Classifies = _writer(self.writers.classifiers, fitted)
        return write(self, fitted, given)

    def valued(self, fitted: Fitted, given: Given) -> str:
        """What a regressor answers, `(rows, targets)`.

        Raises:
            InvalidInput: nobody here writes it.
        """
        write: Values = _writer(self.writers.regressors, fitted)
        return write(self, fitted, given)

    def flow(self, given: Given) -> Flow:
        """Its features as numbers."""
        if isinstance(given, Flow):
            return given
        name = self.inputs.numbers(self.graph, given.columns)
        return Flow(name, len(given.columns), tuple(Raw(one) for one in given.columns))

    def anchor(self, flow: Flow, feature: int, values: Sequence[float]) -> None:
        """Values of a feature that matter: where a tree splits, where data lay."""
        raw = flow.origin(feature)
        if raw is not None and len(values):
            kept = self.anchors.setdefault(raw.column, [])
            kept.extend(float(one) * raw.scale + raw.centre for one in values)

    def anchor_rows(self, flow: Flow, rows: Floats) -> None:
        """The same of some rows of features."""
        for feature in range(flow.width if flow.raw else 0):
            self.anchor(flow, feature, np.asarray(rows)[:256, feature].tolist())

    def affine(self, flow: Flow, centre: Value | None, scale: Value | None) -> Flow:
        """`(x - centre) / scale`, one of each a feature."""
        name = flow.name
        zeros, ones = np.zeros(flow.width), np.ones(flow.width)
        if centre is not None:
            zeros = np.broadcast_to(np.asarray(centre, dtype=np.float64), flow.width)
            name = self.graph.op("Sub", name, zeros)
        if scale is not None:
            ones = np.broadcast_to(np.asarray(scale, dtype=np.float64), flow.width)
            name = self.graph.op("Div", name, ones)
        raw = tuple(
            one and replace(one, centre=one.centre + shift * one.scale, scale=one.scale * factor)
            for one, shift, factor in zip(flow.raw, zeros.tolist(), ones.tolist(), strict=False)
        )
        return Flow(name, flow.width, raw)


def kind_of(fitted: Fitted) -> str:
    """The class of an estimator of scikit-learn.

    Raises:
        InvalidInput: it is of another library.
    """
    found = type(fitted)
    if not found.__module__.startswith("sklearn."):
        raise InvalidInput(
            f"it holds a {found.__module__}.{found.__qualname__}, which is not scikit-learn's: "
            "only its own estimators are converted; export the model as ONNX yourself"
        )
    return found.__name__


def _writer(writers: Mapping[str, Any], fitted: Fitted) -> Any:  # noqa: ANN401 - one of three
    kind = kind_of(fitted)
    if kind not in writers:
        raise InvalidInput(
            f"scikit-learn's {kind} cannot be converted: take another estimator in its place, or "
            "export the model as ONNX yourself (skl2onnx) and import that"
        )
    if not _is_fitted(fitted):
        raise InvalidInput(f"the {kind} is not fitted: call its fit first")
    return writers[kind]


def _is_fitted(fitted: Fitted) -> bool:
    """Does it hold what fits leave, attributes that end in `_`?"""
    if hasattr(fitted, "steps") or hasattr(fitted, "transformer_list"):
        return True
    if getattr(type(fitted), "__name__", "") in _STATELESS:
        return True
    return any(name.endswith("_") and not name.startswith("__") for name in vars(fitted))


_STATELESS = frozenset({"FunctionTransformer", "Normalizer", "Binarizer", "FrozenEstimator"})
