"""Jobs of kind `batch-predict`: every row of a table answered once, a chunk at a time.

A chunk's part is written whole and flushed, then committed by the checkpoint that counts it; a kill
at any moment costs at most the chunk in hand. The last commit keeps the output and ends the job.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec

from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import Digest
from lichen.data.datasets import Datasets
from lichen.data.forms import CSV, PARQUET, form_of
from lichen.data.options import Limits
from lichen.data.parts import check_names, join_parts, write_part
from lichen.data.tablefile import TableFile, open_table
from lichen.energy.power.machine import this_machine
from lichen.protocol.predicting import PredictSpec
from lichen.server.work import batch_standing as checkpoints
from lichen.server.work.batch_ground import (
    complete,
    deployed,
    keep,
    parts_folder,
    parts_of,
    scratch,
    widen,
    width_of,
)
from lichen.server.work.batch_sizing import (
    RUNS,
    SIZES,
    Sizing,
    cheapest,
    chunk_rows,
    is_worth_trying,
    keep_sizing,
    kept_sizing,
    trials,
)
from lichen.server.work.batch_standing import Settled, Standing
from lichen.server.work.job_plane import JobPlane
from lichen.server.work.line_jobs import answer_lines
from lichen.server.work.newest_forecast import NAME as FORECAST_NAME
from lichen.server.work.newest_forecast import write_forecast
from lichen.server.work.table_answers import TableAnswers
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import Deployment

MEDIA_TYPES = {CSV: "text/csv", PARQUET: "application/vnd.apache.parquet"}
_UNKNOWN_NS = 1e6


def predict(bench: Workbench) -> None:
    """Answer every row; the output's keeping is the job's completion."""
    spec = msgspec.convert(bench.job.spec, PredictSpec)
    if spec.batch is not None:
        answer_lines(bench, spec.batch)
        return
    if spec.file is None and spec.kept is None and spec.data is None:
        _forecast(bench, spec)
        return
    standing = checkpoints.load(bench.watch)
    deployment = (
        standing.settled.deployment if standing else deployed(bench, spec.deployment, spec.owner)
    )
    chosen = standing.settled.chosen if standing else ()
    bench.watch.tell("loading")
    with (
        JobPlane(parts_of(bench, spec.batch_rows), deployment, chosen) as plane,
        _opened(bench, spec, standing) as (table, version),
    ):
        answers = TableAnswers(plane, table, deployment.name, bench.job.tenant, spec.on_error)
        check_names(table.shape, answers.new)
        if standing is None:
            width = width_of(bench, deployment)
            widen(plane, width)
            sized = _sized(bench, spec, answers, plane, deployment)
            rows = chunk_rows(sized, answers.values_per_row)
            standing = Standing(
                Settled(deployment, width, plane.chosen, sized.batch_rows, rows, version)
            )
            checkpoints.save(bench.watch, standing)
        else:
            widen(plane, standing.settled.width)
        standing = _answered(bench, table, answers, standing)
        _finish(bench, spec, table, answers, standing)


def _forecast(bench: Workbench, spec: PredictSpec) -> None:
    """One forecast from the newest rows of the model's own data."""
    deployment = deployed(bench, spec.deployment, spec.owner)
    with JobPlane(parts_of(bench, spec.batch_rows), deployment) as plane:
        widen(plane, width_of(bench, deployment))
        target = scratch(bench) / "output"
        rows = write_forecast(bench, spec, plane, deployment, target)
        settled = Settled(deployment, None, plane.chosen, 1, 1)
    filename = f"{spec.deployment}-{FORECAST_NAME}"
    made = keep(bench, target, filename, MEDIA_TYPES[CSV])
    complete(bench, Standing(settled), rows, made)


@contextmanager
def _opened(
    bench: Workbench, spec: PredictSpec, standing: Standing | None
) -> Iterator[tuple[TableFile, int | None]]:
    """The rows, and which version of a dataset they are."""
    folder = scratch(bench)
    path, filename, version = _input(bench, spec, standing)
    bench.watch.tell("reading")
    with open_table(path, filename, folder, Limits()) as table:
        yield table, version


def _input(
    bench: Workbench, spec: PredictSpec, standing: Standing | None
) -> tuple[Path, str, int | None]:
    if spec.file is not None:
        return bench.uploaded(spec.file.upload), spec.file.filename, None
    if spec.kept is not None:
        return bench.blobs.path(Digest(spec.kept.sha256)), spec.kept.filename, None
    if spec.data is None:
        raise InvalidInput("the job has no rows: give a file or a dataset")
    settled = None if standing is None else standing.settled.data_version
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(spec.data, settled or spec.data_version)
    return bench.blobs.path(dataset.parquet_digest), f"{dataset.name}.parquet", dataset.version


def _sized(
    bench: Workbench,
    spec: PredictSpec,
    answers: TableAnswers,
    plane: JobPlane,
    deployment: Deployment,
) -> Sizing:
    """How many rows to compute at once: as was asked, as is known, or as is measured now."""
    processor = this_machine().processor.name
    if not plane.predictor.joins_rows:
        return Sizing(processor, 1, _UNKNOWN_NS)
    variant = f"{deployment.reference}/{deployment.variant}/{deployment.threads or 1}"
    kept = kept_sizing(bench.documents, variant, processor)
    if spec.batch_rows is not None:
        return Sizing(processor, spec.batch_rows, kept.row_ns if kept else _UNKNOWN_NS)
    if kept is not None:
        return kept
    bench.watch.tell("measuring batches")
    row_ns = _measured(answers, plane)
    if not row_ns:
        return Sizing(processor, 1, _UNKNOWN_NS)
    rows = cheapest(row_ns)
    return keep_sizing(bench.documents, variant, Sizing(processor, rows, row_ns[rows]))


def _measured(answers: TableAnswers, plane: JobPlane) -> dict[int, float]:
    """CPU nanoseconds of a row by the rows computed at once, on other rows each time.

    The answers are thrown away: all rows of an output are computed in batches of one size.
    """
    tensors = answers.examples(SIZES[-1] * RUNS)
    rows = len(next(iter(tensors.values())))
    row_ns: dict[int, float] = {}
    for size in trials(rows):
        if row_ns and not is_worth_trying(size, row_ns[max(row_ns)]):
            break
        took = []
        for run in range(RUNS):
            first = min(run * size, rows - size)
            piece = {name: values[first : first + size] for name, values in tensors.items()}
            began_ns = plane.cpu_ns
            try:
                answers.ask(piece, size)
            except LichenError:
                continue  # a row that the model refuses; the job will say which
            took.append((plane.cpu_ns - began_ns) / size)
        if took:
            row_ns[size] = min(took)
    return row_ns


def _answered(
    bench: Workbench, table: TableFile, answers: TableAnswers, standing: Standing
) -> Standing:
    """Answer and commit what is not committed yet, a chunk at a time."""
    settled, rows = standing.settled, table.shape.rows
    fence = bench.job.fence
    for chunk in range(standing.chunks, -(-rows // settled.chunk_rows)):
        first = chunk * settled.chunk_rows
        bench.watch.tell("predicting", first / rows)
        began = monotonic()
        count = min(settled.chunk_rows, rows - first)
        found = answers.answer(first, count, settled.batch_rows)
        part = checkpoints.part_path(parts_folder(bench), chunk, fence)
        write_part(table, (first, count), found.columns, part)
        standing = standing.with_chunk(fence, found.failed_rows, monotonic() - began)
        checkpoints.save(bench.watch, standing)
    return standing


def _finish(
    bench: Workbench,
    spec: PredictSpec,
    table: TableFile,
    answers: TableAnswers,
    standing: Standing,
) -> None:
    bench.watch.tell("joining", 1.0)
    target = scratch(bench) / "output"
    join_parts(table, list(standing.parts(parts_folder(bench))), answers.new, target)
    form = table.shape.form
    made = keep(bench, target, _filename(spec, form), MEDIA_TYPES[form])
    complete(bench, standing, table.shape.rows, made)


def _filename(spec: PredictSpec, form: str) -> str:
    file = spec.file or spec.kept
    named = f"{spec.data}.parquet" if file is None else file.filename
    stem = Path(named).stem or spec.deployment
    suffix = Path(named).suffix if form_of(named) == form else f".{form}"
    return f"{stem}-predictions{suffix}"
