"""Boosters as versions: the file that came, ONNX beside it, and what the library answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.boosting import library as lightgbm_library
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.foreign_forest import ForeignForest, rows_for
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.importing.boosted.booster import LINKS, Booster, Floats, Rows
from lichen.frameworks.importing.boosted.lightgbm_trees import lightgbm_booster
from lichen.frameworks.importing.boosted.xgboost_trees import xgboost_booster
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.scikit.graph import Graph, Port
from lichen.frameworks.importing.scikit.trees import leaf_values, summed
from lichen.frameworks.importing.source import Source
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_writer import OPSET
from lichen.frameworks.xgboost import library as xgboost_library
from lichen.frameworks.xgboost import read_xgboost

INPUT, OUTPUT = "x", "prediction"
TOLERANCE = 1e-5
"""XGBoost and the forests written here add in float32."""
_SEED = 20261123
_TINY = 1e-35
"""LightGBM reads numbers up to it as 0."""
PROBABILITIES = ("probability", "probability of each class")
"""What answers are that are shares of classes."""
_ANSWERS = {
    "none": "as the booster predicts",
    "logistic": PROBABILITIES[0],
    "softmax": PROBABILITIES[1],
    "exponential": "mean, through its logarithm",
    "class": "number of the class",
    "hinge": "0 or 1",
}


@dataclass(frozen=True, slots=True)
class _Read:
    """A booster as its library loaded it."""

    library: str
    features: tuple[str, ...]
    objective: str
    predict: Callable[[Rows], Floats]


def convert_lightgbm(source: Source, wishes: Wishes) -> Conversion:
    """A text of LightGBM as a version.

    Raises:
        InvalidInput: LightGBM does not read it, or nothing here writes what it holds.
    """
    del wishes  # what it takes stands in the file
    return lightgbm_conversion(source.read(source.only or source.name))


def convert_xgboost(source: Source, wishes: Wishes) -> Conversion:
    """A JSON or UBJSON of XGBoost as a version.

    Raises:
        InvalidInput: XGBoost does not read it, or nothing here writes what it holds.
    """
    del wishes  # what it takes stands in the file
    return xgboost_conversion(source.read(source.only or source.name))


def lightgbm_conversion(content: bytes) -> Conversion:
    """The text of a booster as a version.

    Raises:
        InvalidInput: LightGBM does not read it, or nothing here writes what it holds.
    """
    try:
        return _of_forest(read_lightgbm(content), "lightgbm", {"model.txt": content})
    except InvalidInput:
        read, text = _lightgbm(content)
    return _of_booster(lightgbm_booster(text), read, "lightgbm", {"model.txt": content})


def xgboost_conversion(content: bytes) -> Conversion:
    """The JSON or UBJSON of a booster as a version.

    Raises:
        InvalidInput: XGBoost does not read it, or nothing here writes what it holds.
    """
    file = "model.ubj" if content.startswith(b"{L") else "model.json"
    try:
        return _of_forest(read_xgboost(content), "xgboost", {file: content})
    except InvalidInput:
        read, saved = _xgboost(content)
    return _of_booster(xgboost_booster(saved), read, "xgboost", {file: content})


def _lightgbm(content: bytes) -> tuple[_Read, str]:
    lightgbm = lightgbm_library()
    try:
        # by the sizes of its trees LightGBM reads in threads, where an error ends the process
        lines = content.decode().splitlines()
        if "end of trees" not in lines:
            raise InvalidInput("it was cut short: save the booster again")
        kept = "\n".join(line for line in lines if not line.startswith("tree_sizes="))
        booster = lightgbm.Booster(model_str=f"{kept}\n")
        text = booster.model_to_string(num_iteration=-1)
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise InvalidInput("LightGBM does not read it: save the booster again") from error

    def predict(rows: Rows) -> Floats:
        answers = booster.predict(rows, num_iteration=-1, num_threads=1)
        return np.asarray(answers, dtype=np.float64)

    objective = text.partition("\nobjective=")[2].partition("\n")[0] or "custom"
    names, library = tuple(booster.feature_name()), f"lightgbm {lightgbm.__version__}"
    return _Read(library, names, objective, predict), text


def _xgboost(content: bytes) -> tuple[_Read, bytes]:
    xgboost = xgboost_library()
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise InvalidInput("XGBoost does not read it: save the booster again as JSON") from error
    saved = bytes(booster.save_raw("json"))
    width = booster.num_features()
    names = tuple(booster.feature_names or (f"f{number}" for number in range(width)))
    types = booster.feature_types

    def predict(rows: Rows) -> Floats:
        given: dict[str, Any] = {"feature_names": booster.feature_names, "nthread": 1}
        data = xgboost.DMatrix(rows, feature_types=types, enable_categorical=bool(types), **given)
        return np.asarray(booster.predict(data), dtype=np.float64)

    objective = str(json.loads(saved)["learner"]["objective"]["name"])
    return _Read(f"xgboost {xgboost.__version__}", names, objective, predict), saved


def _of_forest(forest: ForeignForest, algorithm: str, kept: Mapping[str, bytes]) -> Conversion:
    width = len(forest.features)
    base, random = rows_for(forest.tables, width), np.random.default_rng(_SEED)
    order = np.stack([random.permutation(len(base)) for _ in range(width)], axis=1)
    rows = np.concatenate([base, np.take_along_axis(base, order, axis=0)])[:CHECKED_ROWS]
    read = _Read(forest.library, forest.features, forest.objective, forest.predict)
    files = {MODEL_FILE: forest_model(forest.tables, width), **kept}
    return _converted(read, algorithm, files, (rows, forest.tables.link))


def _of_booster(
    booster: Booster, read: _Read, algorithm: str, kept: Mapping[str, bytes]
) -> Conversion:
    content = _graph(booster, len(read.features))
    rows = _rows(booster, len(read.features))
    conversion = _converted(read, algorithm, {MODEL_FILE: content, **kept}, (rows, booster.link))
    named = [read.features[feature] for feature in booster.categories]
    if not named:
        return conversion
    note = f"{', '.join(named[:20])}: categories, given as the numbers that {algorithm} knows"
    return replace(conversion, notes=(note,))


def _converted(
    read: _Read, algorithm: str, files: Mapping[str, bytes], tried: tuple[Rows, str]
) -> Conversion:
    rows, link = tried
    expected = np.asarray(read.predict(rows), dtype=np.float64).reshape(len(rows), -1)
    width, targets = len(read.features), expected.shape[1]
    taken = TensorSpec(
        INPUT, Datatype.FP32, (-1, width), missing=True, columns=_distinct(read.features)
    )
    said = _ANSWERS.get(link, "as the booster predicts")
    given = TensorSpec(OUTPUT, Datatype.FP32, (-1, targets), description=said)
    is_class = link in ("logistic", "softmax", "class", "hinge")
    return Conversion(
        files=files,
        trial=Trial(inputs={INPUT: rows}, outputs={OUTPUT: expected}, tolerance=TOLERANCE),
        algorithm=algorithm,
        library=read.library,
        task="classification" if is_class else "regression",
        signature=Signature((taken,), (given,)),
        opset=OPSET,
        parameters={"objective": read.objective, "library": read.library},
    )


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(set(names)) == len(names) and all(names) else ()


def _graph(booster: Booster, width: int) -> bytes:
    graph = Graph()
    name = graph.cast(INPUT, Datatype.FP64)
    if booster.zero_is_missing:
        is_there = np.ones((1, width))
        is_there[0, list(booster.zero_is_missing)] = 0.0
        is_zero = graph.op("LessOrEqual", graph.op("Add", graph.op("Abs", name), is_there), _TINY)
        name = graph.chosen(is_zero, float("nan"), name)
    sums = graph.op("Add", _sums(graph, booster, name), booster.base)
    answer = graph.cast(LINKS[booster.link](graph, sums), Datatype.FP32)
    targets = 1 if booster.link == "class" else len(booster.base)
    taken = Port(INPUT, Datatype.FP32, (-1, width))
    return graph.model([taken], {answer: Port(OUTPUT, Datatype.FP32, (-1, targets))})


def _sums(graph: Graph, booster: Booster, name: str) -> str:
    if booster.weights is not None:
        there = graph.chosen(graph.op("IsNaN", name), 0.0, name)
        return graph.op("MatMul", there, booster.weights)
    if booster.leaves is None:
        return summed(graph, name, booster.trees, booster.targets)
    return _of_linear_leaves(graph, booster, name)


def _of_linear_leaves(graph: Graph, booster: Booster, name: str) -> str:
    """Each tree's leaf as a linear model, and its plain value where a feature of it is missing."""
    leaves = booster.leaves
    assert leaves is not None  # noqa: S101 - whoever calls has looked
    plain, ends = leaf_values(graph, name, booster.trees)
    is_absent = graph.op("IsNaN", name)
    there = graph.op("Unsqueeze", graph.chosen(is_absent, 0.0, name), [1])
    weighed = graph.op("Mul", graph.op("Gather", leaves.weights, ends), there)
    line = graph.op("ReduceSum", weighed, [2], keepdims=0)
    line = graph.op("Add", line, graph.op("Gather", leaves.constants, ends))
    gaps = graph.op("Unsqueeze", graph.cast(is_absent, Datatype.FP64), [1])
    looked = graph.op("Gather", leaves.looks_at.astype(np.float64), ends)
    lacks = graph.op("ReduceSum", graph.op("Mul", looked, gaps), [2], keepdims=0)
    usual = graph.op("Gather", plain[:, 0], ends)
    said = graph.chosen(graph.op("Greater", lacks, 0.0), usual, line)
    spread = np.zeros((len(booster.trees), len(booster.base)))
    spread[np.arange(len(booster.trees)), list(booster.targets)] = 1.0
    return graph.op("MatMul", said, spread)


def _rows(booster: Booster, width: int) -> Rows:
    """On thresholds, beside them, far away, with gaps; categories that are known, and others."""
    random = np.random.default_rng(_SEED)
    rows = (3 * random.standard_normal((CHECKED_ROWS, width))).astype(np.float32)
    for feature in range(width):
        if feature in booster.categories:
            known = [*booster.categories[feature], max(booster.categories[feature]) + 3]
            rows[:, feature] = random.choice(known, CHECKED_ROWS)
            continue
        splits = [one.threshold[one.feature == feature] for one in booster.trees]
        tried = np.concatenate([*splits, np.zeros(1)]).astype(np.float32)
        drawn = random.choice(tried, CHECKED_ROWS)
        towards = random.choice(np.array([-np.inf, np.inf], dtype=np.float32), CHECKED_ROWS)
        kind = random.integers(0, 4, CHECKED_ROWS)
        beside = np.nextafter(drawn, towards)
        rows[:, feature] = np.select([kind == 0, kind == 1], [drawn, beside], rows[:, feature])
    rows[np.abs(rows) < np.float32(1e-30)] = 0
    gaps = random.random(rows.shape) < 0.1
    gaps[: CHECKED_ROWS // 2] = False
    rows[gaps] = np.nan
    return rows
