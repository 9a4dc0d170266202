"""The stages of a version that is one ONNX graph: steps before its trees or its weighted sum.

So are pipelines of scikit-learn kept that were imported. Where each feature looks at one raw column
alone (imputed, scaled, one-hot, ordinal, as it came), contributions of features summed by column
are those of the game on features, as for encoders of ours. Everything else is left to sampling.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.agreement import agrees
from lichen.explain.answers import Floats
from lichen.explain.columns import Column, columns_of
from lichen.explain.explainer import LoadedVersion
from lichen.explain.grown import GrownTrees, grown, sums_of
from lichen.explain.staged import Encodes, Features, Stages, owners_of
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_cut import ending_at, stretched
from lichen.frameworks.onnx_ensembles import EnsembleTables
from lichen.frameworks.onnx_inner_trees import InnerTrees, read_inner_trees
from lichen.frameworks.onnx_linear import LARGEST_BYTES, LinearTables, array_of
from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_owners import owners_in
from lichen.frameworks.onnx_trees import LINKS, Ints

_MOST_FEATURES = 20_000
_MATRIX = 2
_UNREADABLE = (InvalidInput, LookupError, ValueError, TypeError)
"""What the tables of a stranger's graph may end in: it is left to sampling."""


class TreesWithin(NamedTuple):
    """Trees, and what comes before them."""

    stages: Stages
    tables: EnsembleTables


class LinearWithin(NamedTuple):
    """A weighted sum, and what comes before it."""

    stages: Stages
    tables: LinearTables


def trees_within(version: LoadedVersion, content: bytes) -> TreesWithin | None:
    """The only trees of a graph, where each feature that they split looks at one raw column.

    Of graphs that do not say what came to the trees' nodes there is none: the game hangs on it.
    """
    try:
        found = _trees_of(version, content)
    except _UNREADABLE:
        return None
    if found is None:
        return None
    stages, laid_out = found
    link = _link_of(
        version, lambda rows: sums_of(laid_out, stages.features(rows).astype(np.float32))
    )
    return None if link is None else TreesWithin(stages, replace(laid_out.tables, link=link))


def _trees_of(version: LoadedVersion, content: bytes) -> tuple[Stages, GrownTrees] | None:
    """What comes before the trees, and they, whatever follows their sums."""
    columns = columns_of(version.predictor.signature)
    if not columns:
        return None
    trees = read_inner_trees(content)
    if trees is None:
        return None
    graph = parsed(content).graph
    owner = _owners(version, graph, columns).get(trees.features)
    if owner is None or len(owner) > _MOST_FEATURES or not trees.tables.looks_within(len(owner)):
        return None
    looked = np.unique(trees.tables.feature[trees.tables.feature >= 0])
    if (owner[looked] < 0).any():
        return None
    after = stretched(graph, trees.sums, trees.tables.values.shape[1])
    tables = replace(trees.tables, values=trees.tables.values * after.scale, base=after.centre)
    laid_out = grown(tables, np.ones(len(tables.tree)))
    return _stages(version, content, columns, owner, trees), laid_out


def linear_within(version: LoadedVersion, content: bytes) -> LinearWithin | None:
    """The last weighted sum of a graph that is all of its answer, each feature of one column."""
    columns = columns_of(version.predictor.signature)
    if not columns or len(content) > LARGEST_BYTES:
        return None
    graph = parsed(content).graph
    try:
        owners = _owners(version, graph, columns)
    except _UNREADABLE:
        return None
    for product in _products(graph):
        try:
            tables = _sum_of(graph, product, owners)
        except _UNREADABLE:
            continue
        if tables is None:
            continue
        name = str(product.input[0])
        stages = _stages(version, content, columns, owners[name], name)
        link = _link_of(version, _weighted(stages, tables))
        if link is not None:
            return LinearWithin(stages, replace(tables, link=link))
    return None


def _sum_of(graph: Any, product: Any, owners: dict[str, Ints]) -> LinearTables | None:  # noqa: ANN401
    """The weighted sum that a product with a constant is, where each feature is of one column."""
    said = next(one for one in graph.initializer if one.name == product.input[1])
    owner = owners.get(product.input[0])
    if owner is None or len(said.dims) != _MATRIX:
        return None
    weights = array_of(said).reshape(tuple(said.dims))
    if len(owner) != len(weights) or (owner[weights.any(axis=1)] < 0).any():
        return None
    after = stretched(graph, str(product.output[0]), weights.shape[1])
    return LinearTables(weights * after.scale, after.centre, "none")


def _weighted(stages: Stages, tables: LinearTables) -> Callable[[Batch], Floats]:
    return lambda rows: np.asarray(stages.features(rows) @ tables.weights + tables.bias)


def _products(graph: Any) -> Iterator[Any]:  # noqa: ANN401 - messages of ONNX
    """Products with constants, the last first."""
    kept = {one.name for one in graph.initializer}
    return (one for one in reversed(graph.node) if one.op_type == "MatMul" and one.input[1] in kept)


def _link_of(version: LoadedVersion, sums: Callable[[Batch], Floats]) -> str | None:
    """The link with which the sums are what is answered; None: they are not."""
    return next((link for link in LINKS if agrees(version, sums, link)), None)


def _owners(version: LoadedVersion, graph: Any, columns: Sequence[Column]) -> dict[str, Ints]:  # noqa: ANN401
    """Of the tensors of a graph whose columns are known the raw column of each."""
    if isinstance(version.predictor, Encodes):
        name = graph.input[0].name
        inputs = {name: owners_of(version, columns).astype(np.int64)}
    else:
        inputs = {
            one.name: np.array(
                [at for at, column in enumerate(columns) if column.tensor == one.name],
                dtype=np.int64,
            )
            for one in graph.input
        }
    return dict(owners_in(graph, inputs))


def _stages(
    version: LoadedVersion,
    content: bytes,
    columns: Sequence[Column],
    owner: Ints,
    ends: InnerTrees | str,
) -> Stages:
    """The part of a graph up to the features; of trees these are told by their steps."""
    name = ends if isinstance(ends, str) else ends.features
    before = OnnxPredictor(ending_at(content, name))
    raw, tensor = version.predictor, before.signature.inputs[0].name

    def features(rows: Batch) -> Features:
        given = Batch({tensor: raw.features(rows)}) if isinstance(raw, Encodes) else rows
        values: Array = before.predict(given).arrays[name].astype(np.float64)
        return values if isinstance(ends, str) else ends.ranked(values)

    return Stages(columns, np.maximum(owner, 0), features)
