"""The task `clustering`: from rows or texts to a pipeline that says which group a new one is of."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Dtype
from lichen.data.table import Table
from lichen.evaluation.intervals import bootstrap, wilson
from lichen.frameworks.blas import one_blas_thread
from lichen.pipeline.declaration import Groups, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.training import ClusteringTraining
from lichen.registry.manifest import Metric
from lichen.training.choosing.served import served_cost
from lichen.training.clusters.grouping import Grouping
from lichen.training.clusters.rows import ClusterRows, table_rows, text_rows
from lichen.training.clusters.search import WEAK, Searched, Tried, candidates_of, search
from lichen.training.clusters.topics import topics
from lichen.training.encoders import named_encoder
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending

MODEL_FILE = "model.onnx"
ALL = "all rows"


def train_clustering(asked: ClusteringTraining, materials: Materials) -> TrainingResult:
    """Group rows, or texts.

    Raises:
        InvalidInput: what is asked or the rows cannot be grouped; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    if asked.cv is not None:
        raise InvalidInput("clusterings hold nothing back: leave out the folds (cv)")
    with one_blas_thread():
        spending = Spending(materials.gauge, materials.watch, asked.budget_nj, asked.budget_ng)
        spending.begin("reading the rows", 0.1)
        rows = _rows(asked, materials, spending)
        searched = search(rows, asked, spending)
        chosen, sentences = searched.chosen()
        spending.begin("telling what they are", 1.0)
        pipeline = _pipeline(rows, chosen.found)
        served = {
            one.found.method.name: _served(rows, one.found, materials) for one in searched.tried
        }
        sentence = sentences[chosen.found.method.name]
        if chosen.found.clarity < WEAK:
            sentence += "; they run into each other: one cluster tells nearly as much"
        spending.end(sentence)
        return TrainingResult(
            algorithm=chosen.found.method.name,
            files={
                MODEL_FILE: chosen.found.core.onnx(),
                **pipeline_files(pipeline, rows.arrays),
                **({} if rows.encoder is None else rows.encoder.files),
            },
            signature=pipeline_signature(pipeline),
            metrics=_metrics(chosen.found, asked.seed),
            parameters=_parameters(asked, rows, (searched, chosen), sentence),
            candidates=candidates_of(searched, chosen, sentences, served),
        )


def _rows(asked: ClusteringTraining, materials: Materials, spending: Spending) -> ClusterRows:
    if asked.text is None:
        if asked.encoder is not None:
            raise InvalidInput("a sentence encoder compares texts: name their column as text")
        return table_rows(materials.rows(asked.columns and [*asked.columns, *asked.exclude]), asked)
    if asked.columns or asked.exclude:
        raise InvalidInput("texts are compared by themselves: leave out columns and exclude")
    table = materials.rows([asked.text])
    named = named_encoder(asked.encoder, materials)
    return text_rows(_texts(table, asked.text), asked, spending.check, named)


def _texts(table: Table, name: str) -> list[str]:
    column = next(one for one in table.columns if one.name == name)
    if column.dtype is not Dtype.TEXT:
        raise InvalidInput(
            f"column {name!r} holds no texts: name the column of the texts, or leave text out to "
            "compare rows by their columns"
        )
    return ["" if cell is None else str(cell).strip() for cell in table.arrays[name]]


def _pipeline(rows: ClusterRows, found: Grouping) -> Pipeline:
    core = found.core
    named = (
        topics(rows.words, found.groups, core.clusters, rows.language)
        if rows.words is not None and rows.language is not None
        else []
    )
    head = Groups(clusters=core.clusters, topics=named, least=core.least)
    return Pipeline(encoders=list(rows.encoders), head=head)


def _served(rows: ClusterRows, found: Grouping, materials: Materials) -> int | None:
    head = Groups(clusters=found.core.clusters, least=found.core.least)
    pipeline = Pipeline(encoders=list(rows.encoders), head=head)
    row = {name: tensor[:1] for name, tensor in rows.tensors.items()}
    embed = None if rows.encoder is None else rows.encoder.encoder.embed
    core = found.core.onnx()
    return served_cost(pipeline, rows.arrays, core, row, materials.gauge, embed).nj


def _metrics(found: Grouping, seed: int) -> tuple[Metric, ...]:
    """Each with a 95 % interval; one cluster, the guard, has a silhouette of 0."""
    apart = found.silhouettes

    def mean(weights: NDArray[np.floating[Any]]) -> float:
        return float(np.average(apart, weights=weights))

    within = bootstrap(mean, len(apart), seed)
    low, high = (None, None) if within is None else (within.low, within.high)
    ends = np.quantile(found.agreements, (0.025, 0.975))
    sizes = np.bincount(found.groups[found.groups >= 0], minlength=found.core.clusters)
    rows = len(found.groups)
    made = [
        Metric("silhouette", found.silhouette, None, ALL, low, high),
        Metric("silhouette of one cluster", 0.0, None, ALL),
        Metric("stability", found.stability, None, ALL, float(ends[0]), float(ends[1])),
    ]
    shares = [
        ("share of the largest cluster", int(sizes.max())),
        ("share of the smallest cluster", int(sizes.min())),
    ]
    if found.core.least > 0:
        shares.append(("share of no cluster", rows - int(sizes.sum())))
    for name, count in shares:
        within = wilson(count / rows, rows)
        made.append(Metric(name, count / rows, None, ALL, within.low, within.high))
    return tuple(made)


def _parameters(
    asked: ClusteringTraining, rows: ClusterRows, found: tuple[Searched, Tried], sentence: str
) -> Mapping[str, object]:
    searched, chosen = found
    said: dict[str, Any] = msgspec.to_builtins(asked)
    groups = chosen.found.groups
    return {
        **said,
        "clusters": chosen.found.core.clusters,
        "sizes": np.bincount(groups[groups >= 0]).tolist(),
        "chosen": sentence,
        "language": rows.language or asked.language,
        "rows": len(rows),
        "left_out": [*rows.left_out, *searched.left_out],
        "compared_by": [one.column for one in rows.encoders],
    }
