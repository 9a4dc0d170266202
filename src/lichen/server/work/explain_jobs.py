"""Jobs of kind `explain`: which columns matter to a deployment over a dataset, and how."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.ids import TenantId
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.options import Limits
from lichen.data.schema import missing_column
from lichen.data.tablefile import TableFile, open_table
from lichen.explain.answers import answers_of, chosen
from lichen.explain.columns import Column, columns_of
from lichen.explain.dependence import curve
from lichen.explain.permutation import importances
from lichen.explain.pictures.overall import drawn_overall
from lichen.explain.truth import truth_of
from lichen.protocol.columns import TableForm
from lichen.protocol.demands import Demands
from lichen.protocol.explaining_data import (
    MOST_CURVES,
    MOST_ROWS,
    PERMUTATION,
    DataExplanation,
    ExplainResult,
    ExplainSpec,
)
from lichen.server.work.batch_ground import deployed, parts_of, scratch
from lichen.server.work.job_plane import JobPlane
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import Deployment
from lichen.serving.ticket import Query

_AT_ONCE = 256
_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a job explains.

    Attributes:
        spec: as it was asked for.
        plane: what answers.
        deployment: which.
        dataset: the rows' own.
        rows: those that are looked at, as the model takes them.
        columns: those that are looked at.
        truth: of the rows; None where no target is named.
    """

    spec: ExplainSpec
    bench: Workbench
    plane: JobPlane
    deployment: Deployment
    dataset: DatasetVersion
    rows: Batch
    columns: tuple[Column, ...]
    truth: Array | None

    def answer(self, rows: Batch) -> Batch:
        """What the deployment answers."""
        tensors = dict(rows.arrays)
        tenant = TenantId(self.bench.job.tenant)
        demands = Demands(batch_rows=_AT_ONCE)
        query = Query(self.deployment.name, tensors, tenant=tenant, demands=demands)
        return Batch(self.plane.ask(query).outputs)

    def tell(self, phase: str) -> Callable[[float], None]:
        """Says how far a phase is."""
        return lambda share: self.bench.watch.tell(phase, share)


def explain_data(bench: Workbench) -> None:
    """Look at every column; the keeping of what was found is the job's completion."""
    spec = msgspec.convert(bench.job.spec, ExplainSpec)
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(spec.data, spec.data_version)
    deployment = deployed(bench, spec.deployment, spec.owner)
    bench.watch.tell("loading")
    path = bench.blobs.path(dataset.parquet_digest)
    with (
        JobPlane(parts_of(bench), deployment) as plane,
        open_table(path, f"{dataset.name}.parquet", scratch(bench), Limits()) as table,
    ):
        columns = _columns(plane, spec)
        rows, truth = _rows(plane, table, spec)
        asked = _Asked(spec, bench, plane, deployment, dataset, rows, columns, truth)
        found = (_permuted if spec.method == PERMUTATION else _dependence)(asked)
    found = msgspec.structs.replace(found, pictures=drawn_overall(found, spec.picture))
    content = msgspec.json.encode(found)
    result = ExplainResult(
        deployment=deployment.name,
        model=deployment.model,
        version=deployment.version,
        method=spec.method,
        rows=found.rows,
        output=bench.blobs.put(content),
        output_bytes=len(content),
        filename=f"{deployment.name}-{spec.method}.json",
    )
    bench.complete(msgspec.to_builtins(result))


def _columns(plane: JobPlane, spec: ExplainSpec) -> tuple[Column, ...]:
    """Those that are looked at.

    Raises:
        InvalidInput: the model takes no table, or a column that is asked for is none of its own.
    """
    found = columns_of(plane.signature)
    if not found:
        raise InvalidInput(
            f"{spec.deployment} takes no rows of columns: explain single answers with "
            "`lichen explain` and --input"
        )
    if spec.columns is None:
        return found
    known = {one.name: one for one in found}
    for name in spec.columns:
        if name not in known:
            raise InvalidInput(missing_column(name, tuple(known)))
    return tuple(known[name] for name in spec.columns)


def _rows(plane: JobPlane, table: TableFile, spec: ExplainSpec) -> tuple[Batch, Array | None]:
    """Rows of the dataset, evenly spaced, that the model can read and whose truth is known."""
    form = TableForm(plane.signature, table.shape.columns, table.shape.decimal)
    if spec.target is not None and spec.target not in table.shape.columns:
        raise InvalidInput(missing_column(spec.target, table.shape.columns))
    count = min(table.shape.rows, MOST_ROWS)
    wanted = dict.fromkeys([*form.columns, *([spec.target] if spec.target else [])])
    arrays = table.read(0, count, tuple(wanted))
    read = form.read({name: arrays[name] for name in form.columns}, count)
    places = read.rows
    if spec.target is not None:
        places = places[_is_there(arrays[spec.target])[places]]
    if len(places) < _FEWEST_ROWS:
        raise InvalidInput(
            f"dataset {spec.data!r} has {len(places)} rows that {spec.deployment} can answer and "
            "whose truth is known: give more"
        )
    picked = places[np.linspace(0, len(places) - 1, min(spec.rows, len(places))).astype(np.int64)]
    at = np.searchsorted(read.rows, picked)
    rows = Batch({name: values[at] for name, values in read.tensors.items()})
    truth = None if spec.target is None else np.ma.getdata(arrays[spec.target])[picked]
    return rows, truth


def _is_there(cells: Array) -> Array:
    """Whether each cell holds something."""
    there = ~np.ma.getmaskarray(cells)
    values = np.ma.getdata(cells)
    return there & ~np.isnan(values) if values.dtype.kind == "f" else there


def _permuted(asked: _Asked) -> DataExplanation:
    spec = asked.spec
    if spec.target is None or asked.truth is None:
        raise InvalidInput("permutation holds answers against the truth: name its column, --target")
    truth = truth_of(asked.plane.signature, spec.target, asked.truth)
    score, found = importances(
        asked.answer,
        asked.rows,
        asked.columns,
        truth,
        (spec.repeats, spec.seed),
        asked.tell("permuting"),
    )
    return DataExplanation(
        method=spec.method,
        model=asked.deployment.reference,
        data=f"{asked.dataset.name}@{asked.dataset.version}",
        rows=asked.rows.rows,
        output=truth.output,
        unit=truth.unit,
        metric=truth.metric,
        score=score,
        importances=found,
        notes=[
            f"how much the {truth.metric} of {asked.rows.rows} rows grows when a column's cells "
            f"change places; the mean of {spec.repeats} times with its 90 % interval",
            "columns that tell the same share what they matter",
        ],
    )


def _dependence(asked: _Asked) -> DataExplanation:
    spec = asked.spec
    answers = answers_of(asked.plane.signature)
    if answers is None:
        raise InvalidInput(f"{spec.deployment} answers no numbers: nothing depends on its columns")
    at = chosen(answers.names, spec.output)[0] if spec.output else len(answers.names) - 1
    if len(asked.columns) > MOST_CURVES:
        raise InvalidInput(
            f"{len(asked.columns)} columns are too many to draw: name at most {MOST_CURVES}"
        )

    def answer(rows: Batch) -> Array:
        return answers.of(asked.answer(rows))[:, at]

    found = []
    for number, column in enumerate(asked.columns):
        asked.bench.watch.tell("setting columns", number / len(asked.columns))
        made = curve(answer, asked.rows, column, spec.grid)
        if made is not None:
            found.append(made)
    return DataExplanation(
        method=spec.method,
        model=asked.deployment.reference,
        data=f"{asked.dataset.name}@{asked.dataset.version}",
        rows=asked.rows.rows,
        output=answers.names[at],
        unit=answers.unit,
        curves=found,
        notes=[
            f"what is answered when a column is set in {asked.rows.rows} rows: their mean, the "
            "inner 80 % of them, and some rows alone",
            "where columns go together, some of these rows are none that occur",
        ],
    )
