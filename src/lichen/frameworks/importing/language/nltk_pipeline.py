"""An NLTK classifier as a pipeline: features by name, an ONNX core, the classes.

Each feature is one raw column. Truths and numbers become themselves and a flag of their absence,
texts a flag for each value; the core adds up what each says, in double precision, or walks a tree.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.language.nltk_reading import (
    Document,
    Feature,
    Node,
    Row,
    Value,
)
from lichen.frameworks.language.drawing import Drawing, model_of

PIPELINE_FILE = "pipeline.json"
NUMBERS, TEXTS = "numbers", "texts"
_FEATURES, _RAW = "features", "raw"
_FLOAT, _DOUBLE = 1, 11
_LEAF = -1
Kind = Literal["truth", "number", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """A raw column: what it holds, its first feature, and the texts that have one each."""

    name: str
    kind: Kind
    start: int
    values: tuple[str, ...] = ()

    @property
    def absent(self) -> int:
        """The feature that says that a truth or number is missing."""
        return self.start + 1

    @property
    def other(self) -> int:
        """The feature of any text that is not listed."""
        return self.start + len(self.values)


def columns_of(said: Document) -> tuple[Column, ...]:
    """The raw columns of a classifier, each with its features.

    Raises:
        InvalidInput: the values of a feature are of kinds that one column cannot hold.
    """
    values: dict[str, dict[Value, None]] = {name: {} for name in said.names}
    for feature in said.features:
        values[feature.name].update(dict.fromkeys(feature.values))
    if said.root is not None:
        _collect(said.root, values)
    slopes = {one.name: one.type for one in said.slopes}
    kinds = {name: _kind(name, [*values[name]], slopes.get(name)) for name in said.names}
    texts = {
        name: tuple(one for one in values[name] if isinstance(one, str) and one)
        for name in said.names
    }
    widths = [len(texts[name]) + 2 if kinds[name] == "text" else 2 for name in said.names]
    starts = accumulate(widths, initial=0)
    return tuple(
        Column(name, kinds[name], start, _listed(kinds[name], texts[name]))
        for name, start in zip(said.names, starts, strict=False)
    )


def _listed(kind: Kind, texts: tuple[str, ...]) -> tuple[str, ...]:
    """A missing text is listed last, as the empty one."""
    return (*texts, "") if kind == "text" else ()


def _collect(node: Node, values: dict[str, dict[Value, None]]) -> None:
    if node.label is not None:
        return
    for value, below in node.branches:
        if value is not None:
            values[node.feature][value] = None
        _collect(below, values)
    if node.otherwise is not None:
        _collect(node.otherwise, values)


def _kind(name: str, values: Sequence[Value], slope: str | None) -> Kind:
    has_text = any(isinstance(one, str) for one in values)
    has_number = slope is not None or any(not isinstance(one, str) for one in values)
    if has_text and has_number:
        raise InvalidInput(
            f"the feature {name!r} holds texts and numbers, and a column is of one kind: give it "
            "as one of them (str) and train again"
        )
    if has_text:
        return "text"
    is_truth = all(isinstance(one, bool) or one in (0, 1) for one in values)
    return "truth" if is_truth and slope in (None, "", "bool") else "number"


def pipeline_of(said: Document, columns: Sequence[Column]) -> bytes:
    """The `pipeline.json`: encoders of the columns, and the head that names the classes."""
    link = "logit" if said.root is None else "probability"
    head = {"kind": "classes", "labels": list(said.labels), "link": link}
    made = {"encoders": [_encoder(one) for one in columns], "head": head}
    return json.dumps(made, ensure_ascii=False).encode()


def _encoder(column: Column) -> dict[str, object]:
    said: dict[str, object] = {"column": column.name, "may_lack": True}
    if column.kind == "text":
        return {"kind": "one-hot", **said, "values": list(column.values), "flags_other": True}
    is_truth = column.kind == "truth"
    return {"kind": "number", **said, "fill": 0.0, "flags_missing": True, "is_boolean": is_truth}


def core_of(said: Document, columns: Sequence[Column]) -> bytes:
    """The ONNX core: `features` FP32 in, what is said of each label out."""
    from onnx import TensorProto, helper

    width = columns[-1].start + (len(columns[-1].values) + 1 if columns[-1].values else 2)
    drawing = Drawing()
    if said.root is None:
        _draw_linear(drawing, said, columns, width)
        kind = TensorProto.DOUBLE
    else:
        _draw_tree(drawing, said, columns, width)
        kind = TensorProto.FLOAT
    value = helper.make_tensor_value_info
    return model_of(
        drawing,
        [value(_FEATURES, TensorProto.FLOAT, ["rows", width])],
        [value(_RAW, kind, ["rows", len(said.labels)])],
        "nltk",
    )


@dataclass(slots=True)
class _Sums:
    """What is added up: weights of features, and of numbers that equal a value."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    places: list[int]
    values: list[float]
    equal: list[NDArray[np.float64]]

    def add(self, feature: Feature, column: Column) -> None:
        """One table."""
        unseen = _centred(feature.unseen)
        scores = dict(zip(feature.values, map(_centred, feature.scores), strict=True))
        if column.kind == "text":
            for at, text in enumerate(column.values):
                known = scores.get(text, unseen)
                self.weights[column.start + at] += known if text else scores.get("", 0.0 * unseen)
            self.weights[column.other] += unseen
            return
        self.bias += unseen
        self.weights[column.absent] -= unseen
        for value, said in scores.items():
            self.places.append(column.start)
            self.values.append(float(value))
            self.equal.append(said - unseen)


def _centred(scores: Sequence[float]) -> NDArray[np.float64]:
    """Chances do not change when all labels get as much more: small numbers add up exactly."""
    found = np.array(scores, dtype=np.float64)
    centred: NDArray[np.float64] = found - found.mean()
    return centred


def _draw_linear(drawing: Drawing, said: Document, columns: Sequence[Column], width: int) -> None:
    by_name = {one.name: one for one in columns}
    labels = len(said.labels)
    sums = _Sums(np.zeros((width, labels)), _centred(said.bias), [], [], [])
    for feature in said.features:
        sums.add(feature, by_name[feature.name])
    slopes = np.zeros((width, labels))
    for slope in said.slopes:
        slopes[by_name[slope.name].start] += _centred(slope.scores)
    wide = drawing.node("Cast", _FEATURES, to=_DOUBLE)
    total = drawing.node("MatMul", wide, drawing.constant(sums.weights, np.float64))
    if said.slopes:
        numbers = wide
        if said.threshold is not None:
            over = drawing.node("Greater", wide, drawing.constant(said.threshold, np.float64))
            numbers = drawing.node("Cast", over, to=_DOUBLE)
        more = drawing.node("MatMul", numbers, drawing.constant(slopes, np.float64))
        total = drawing.node("Add", total, more)
    if sums.equal:
        total = drawing.node("Add", total, _equalities(drawing, sums))
    drawing.node_as("Add", _RAW, total, drawing.constant(sums.bias, np.float64))


def _equalities(drawing: Drawing, sums: _Sums) -> str:
    """What numbers say that equal a value; a missing number, encoded as 0, equals none."""
    places = np.array(sums.places)
    picked = drawing.node("Gather", _FEATURES, drawing.constant(places), axis=1)
    absent = drawing.node("Gather", _FEATURES, drawing.constant(places + 1), axis=1)
    values = drawing.constant(np.array(sums.values, dtype=np.float32), np.float32)
    is_equal = drawing.node("Equal", picked, values)
    is_there = drawing.node("Equal", absent, drawing.constant(0.0, np.float32))
    flags = drawing.node("Cast", drawing.node("And", is_equal, is_there), to=_DOUBLE)
    return drawing.node("MatMul", flags, drawing.constant(np.stack(sums.equal), np.float64))


@dataclass(slots=True)
class _Branches:
    """A tree of yes and no, as the attributes of a TreeEnsembleRegressor.

    Every test is of a flag: that ONNX Runtime tests equality is not to be relied on (1.31 loses
    its way in a long row of such tests). Numbers are compared before, each with its value.
    """

    labels: Sequence[str]
    width: int
    flag: list[int]
    yes: list[int]
    no: list[int]
    leaves: list[tuple[int, int]]
    compared: dict[tuple[int, float], int]

    def grow(self, node: Node, columns: Mapping[str, Column]) -> int:
        """Add a node and all below it; where it stands."""
        if node.label is not None:
            at = self._new(_LEAF)
            self.leaves.append((at, self.labels.index(node.label)))
            return at
        if node.otherwise is None:
            raise InvalidInput("the tree ends without a label")
        column = columns[node.feature]
        tests = sorted(node.branches, key=lambda one: one[0] is not None)
        if column.kind != "text" and all(key is not None for key, _ in tests):
            tests = [(None, node.otherwise), *tests]  # a missing number is encoded as 0
        places = [self._new(self._flag(column, key)) for key, _ in tests]
        for at, (_, below) in zip(places, tests, strict=True):
            self.yes[at] = self.grow(below, columns)
        last = self.grow(node.otherwise, columns)
        for at, after in zip(places, [*places[1:], last], strict=True):
            self.no[at] = after
        return places[0] if places else last

    def _new(self, flag: int) -> int:
        self.flag.append(flag)
        self.yes.append(0)
        self.no.append(0)
        return len(self.flag) - 1

    def _flag(self, column: Column, key: Value | None) -> int:
        """Where it stands whether a column has this value."""
        if column.kind == "text":
            return column.start + column.values.index("" if key is None else str(key))
        if key is None:
            return column.absent
        test = (column.start, float(key))
        return self.compared.setdefault(test, self.width + len(self.compared))


def _draw_tree(drawing: Drawing, said: Document, columns: Sequence[Column], width: int) -> None:
    from onnx import helper

    grown = _Branches(said.labels, width, [], [], [], [], {})
    if said.root is not None:
        grown.grow(said.root, {one.name: one for one in columns})
    flags = _FEATURES
    if grown.compared:
        places = drawing.constant([place for place, _ in grown.compared])
        values = drawing.constant([value for _, value in grown.compared], np.float32)
        picked = drawing.node("Gather", _FEATURES, places, axis=1)
        equal = drawing.node("Cast", drawing.node("Equal", picked, values), to=_FLOAT)
        flags = drawing.node("Concat", _FEATURES, equal, axis=1)
    count = len(grown.flag)
    drawing.nodes.append(
        helper.make_node(
            "TreeEnsembleRegressor",
            [flags],
            [_RAW],
            domain="ai.onnx.ml",
            n_targets=len(said.labels),
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=[0] * count,
            nodes_nodeids=list(range(count)),
            nodes_featureids=[max(0, one) for one in grown.flag],
            nodes_modes=["LEAF" if one == _LEAF else "BRANCH_LEQ" for one in grown.flag],
            nodes_values=[0.5] * count,
            nodes_truenodeids=grown.no,
            nodes_falsenodeids=grown.yes,
            nodes_missing_value_tracks_true=[0] * count,
            target_treeids=[0] * len(grown.leaves),
            target_nodeids=[at for at, _ in grown.leaves],
            target_ids=[label for _, label in grown.leaves],
            target_weights=[1.0] * len(grown.leaves),
        )
    )


def tensors_of(columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Array]:
    """Rows as the pipeline takes them."""
    made: dict[str, Array] = {}
    numbers = [one for one in columns if one.kind != "text"]
    texts = [one for one in columns if one.kind == "text"]
    if numbers:
        cells = [[row.get(one.name, np.nan) for one in numbers] for row in rows]
        made[NUMBERS] = np.array(cells, dtype=np.float64)
    if texts:
        found = np.empty((len(rows), len(texts)), dtype=np.object_)
        for at, row in enumerate(rows):
            found[at] = [str(row.get(one.name, "")).encode() for one in texts]
        made[TEXTS] = found
    return made
