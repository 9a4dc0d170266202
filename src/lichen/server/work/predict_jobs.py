"""Jobs of kind `batch-predict`: every row of a table answered once, a chunk at a time.

A chunk's part is written whole and flushed, then committed by the checkpoint that counts it; a kill
at any moment costs at most the chunk in hand. The last commit keeps the output and ends the job.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

import msgspec

from lichen.core.errors import InvalidInput, LichenError, NotFound
from lichen.data.datasets import Datasets
from lichen.data.forms import CSV, PARQUET, form_of
from lichen.data.options import Limits
from lichen.data.parts import check_names, join_parts, write_part
from lichen.data.tablefile import TableFile, open_table
from lichen.energy.power.machine import this_machine
from lichen.protocol.predicting import PredictResult, PredictSpec
from lichen.server.work import batch_standing as checkpoints
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
from lichen.server.work.job_plane import JobPlane, PlaneOfJob
from lichen.server.work.newest_forecast import NAME as FORECAST_NAME
from lichen.server.work.newest_forecast import write_forecast
from lichen.server.work.table_answers import TableAnswers
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import DEPLOYMENTS, Deployment, ServiceLevel
from lichen.serving.forecaster import ForecastPredictor
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.failures import storage_failures

MEDIA_TYPES = {CSV: "text/csv", PARQUET: "application/vnd.apache.parquet"}
_UNKNOWN_NS = 1e6


def predict(bench: Workbench) -> None:
    """Answer every row; the output's keeping is the job's completion."""
    spec = msgspec.convert(bench.job.spec, PredictSpec)
    if spec.file is None and spec.data is None:
        _forecast(bench, spec)
        return
    standing = checkpoints.load(bench.watch)
    deployment = standing.settled.deployment if standing else deployed(bench, spec.deployment)
    chosen = standing.settled.chosen if standing else ()
    bench.watch.tell("loading")
    with (
        JobPlane(_parts_of(bench, spec), deployment, chosen) as plane,
        _opened(bench, spec, standing) as (table, version),
    ):
        answers = TableAnswers(plane, table, deployment.name, bench.job.tenant, spec.on_error)
        check_names(table.shape, answers.new)
        if standing is None:
            width = _width(bench, deployment)
            _widen(plane, width)
            sized = _sized(bench, spec, answers, plane, deployment)
            rows = chunk_rows(sized, answers.values_per_row)
            standing = Standing(
                Settled(deployment, width, plane.chosen, sized.batch_rows, rows, version)
            )
            checkpoints.save(bench.watch, standing)
        else:
            _widen(plane, standing.settled.width)
        standing = _answered(bench, table, answers, standing)
        _finish(bench, spec, table, answers, standing)


def _forecast(bench: Workbench, spec: PredictSpec) -> None:
    """One forecast from the newest rows of the model's own data."""
    deployment = deployed(bench, spec.deployment)
    with JobPlane(_parts_of(bench, spec), deployment) as plane:
        _widen(plane, _width(bench, deployment))
        target = _scratch(bench) / "output"
        rows = write_forecast(bench, spec, plane, deployment, target)
        settled = Settled(deployment, None, plane.chosen, 1, 1)
    filename = f"{spec.deployment}-{FORECAST_NAME}"
    _complete(bench, Standing(settled), rows, (target, filename, CSV))


def deployed(bench: Workbench, name: str) -> Deployment:
    """What answers, as it is deployed now; nobody waits for its latency here.

    Raises:
        NotFound: nothing is deployed under the name any more.
    """
    document = bench.documents.get(DEPLOYMENTS, name)
    if document is None:
        raise NotFound(
            f"deployment {name!r} was undeployed before the job started: deploy it again, and "
            "submit the job again"
        )
    found = msgspec.json.decode(document.body, type=Deployment)
    threads = None if found.threads == "auto" else found.threads
    return replace(found, level=ServiceLevel(), threads=threads, cheaper=None)


def _parts_of(bench: Workbench, spec: PredictSpec) -> PlaneOfJob:
    most = max(SIZES[-1], spec.batch_rows or 1)
    return PlaneOfJob(bench.settings, bench.catalog(), bench.spending, most)


@contextmanager
def _opened(
    bench: Workbench, spec: PredictSpec, standing: Standing | None
) -> Iterator[tuple[TableFile, int | None]]:
    """The rows, and which version of a dataset they are."""
    folder = _scratch(bench)
    path, filename, version = _input(bench, spec, standing)
    bench.watch.tell("reading")
    with open_table(path, filename, folder, Limits()) as table:
        yield table, version


def _input(
    bench: Workbench, spec: PredictSpec, standing: Standing | None
) -> tuple[Path, str, int | None]:
    if spec.file is not None:
        return bench.uploaded(spec.file.upload), spec.file.filename, None
    if spec.data is None:
        raise InvalidInput("the job has no rows: give a file or a dataset")
    settled = None if standing is None else standing.settled.data_version
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(spec.data, settled or spec.data_version)
    return bench.blobs.path(dataset.parquet_digest), f"{dataset.name}.parquet", dataset.version


def _width(bench: Workbench, deployment: Deployment) -> Adapted | None:
    """How wide a forecaster's intervals are by now."""
    document = bench.documents.get(WIDTHS, deployment.name)
    if document is None:
        return None
    adapted = msgspec.json.decode(document.body, type=Adapted)
    return adapted if adapted.is_of(deployment) else None


def _widen(plane: JobPlane, width: Adapted | None) -> None:
    if isinstance(plane.predictor, ForecastPredictor):
        plane.predictor.widen(None if width is None else width.width)


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
        part = checkpoints.part_path(_folder(bench), chunk, fence)
        write_part(table, (first, count), found.columns, part)
        standing = standing.with_chunk(fence, found.failed_rows, monotonic() - began)
        checkpoints.save(bench.watch, standing)
    return standing


def _scratch(bench: Workbench) -> Path:
    folder = bench.home.job(bench.job.id) / "scratch"
    with storage_failures(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _folder(bench: Workbench) -> Path:
    return _scratch(bench) / "parts"


def _finish(
    bench: Workbench,
    spec: PredictSpec,
    table: TableFile,
    answers: TableAnswers,
    standing: Standing,
) -> None:
    bench.watch.tell("joining", 1.0)
    target = _scratch(bench) / "output"
    join_parts(table, list(standing.parts(_folder(bench))), answers.new, target)
    _complete(
        bench,
        standing,
        table.shape.rows,
        (target, _filename(spec, table.shape.form), table.shape.form),
    )


def _complete(bench: Workbench, standing: Standing, rows: int, made: tuple[Path, str, str]) -> None:
    """Keep the output, and end the job in one commit; `made`: its path, its name and its form."""
    target, filename, form = made
    digest = bench.blobs.put_file(target)
    settled = standing.settled
    result = PredictResult(
        deployment=settled.deployment.name,
        model=settled.deployment.model,
        version=settled.deployment.version,
        variant=settled.deployment.variant,
        rows=rows,
        failed_rows=standing.failed_rows,
        batch_rows=settled.batch_rows,
        nj_per_row=bench.spending.receipt().energy.nj // rows,
        seconds=round(standing.seconds, 3),
        output=digest,
        output_bytes=target.stat().st_size,
        filename=filename,
        media_type=MEDIA_TYPES[form],
    )
    bench.complete(msgspec.to_builtins(result))


def _filename(spec: PredictSpec, form: str) -> str:
    named = spec.file.filename if spec.file else f"{spec.data}.parquet"
    stem = Path(named).stem or spec.deployment
    suffix = Path(named).suffix if form_of(named) == form else f".{form}"
    return f"{stem}-predictions{suffix}"
