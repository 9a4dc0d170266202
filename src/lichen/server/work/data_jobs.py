"""Jobs of kind `ingest` and `append`: an uploaded file becomes a version of a dataset.

Appended rows are truth that forecasts were waiting for: how wide the intervals of deployed
forecasters are from then on is committed together with the rows and the job's completion, so that
no forecast is counted twice or forgotten.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lichen.core.plugins import load_object
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.protocol.admin import DataSpec, JsonObject
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import DEPLOYMENTS
from lichen.store.documents import Change
from lichen.store.failures import storage_failures

TRUTH = "lichen.server.keepers.adaptation:Truth"
"""What judges deployed forecasts, imported by an append that finds any deployment."""


def ingest(bench: Workbench) -> None:
    """Read the file into a version; its commit is the job's completion."""
    spec, path = _opened(bench)
    options = msgspec.convert(msgspec.to_builtins(spec.options), IngestOptions)
    bench.watch.tell("reading")
    _datasets(bench).ingest(spec.name, path, options, _completion(bench))


def append(bench: Workbench) -> None:
    """Add the file's rows to the dataset; its commit is the job's completion."""
    spec, path = _opened(bench)
    bench.watch.tell("reading")
    datasets = _datasets(bench)
    datasets.append(spec.name, path, extra=lambda version: _adapted(bench, datasets, version))


def _datasets(bench: Workbench) -> Datasets:
    scratch = bench.home.job(bench.job.id) / "scratch"
    with storage_failures(scratch):
        scratch.mkdir(exist_ok=True)
    return Datasets(bench.documents, bench.blobs, bench.clock, scratch)


def _opened(bench: Workbench) -> tuple[DataSpec, Path]:
    """The file under the name that its sender gave it: readers and messages go by that."""
    spec = msgspec.convert(bench.job.spec, DataSpec)
    upload = bench.uploaded(spec.file.upload)
    named = bench.home.job(bench.job.id) / "input" / (Path(spec.file.filename).name or "file")
    with storage_failures(named):
        named.parent.mkdir(exist_ok=True)
        named.unlink(missing_ok=True)
        named.symlink_to(upload)
    return spec, named


def _completion(bench: Workbench) -> Callable[[DatasetVersion], Sequence[Change]]:
    return lambda version: bench.completion(_result(version))


def _adapted(bench: Workbench, datasets: Datasets, version: DatasetVersion) -> Sequence[Change]:
    """The widths that the new rows ask for, and the job's completion, which says them."""
    if not bench.documents.scan(DEPLOYMENTS, limit=1):
        return bench.completion(_result(version))
    bench.watch.tell("adapting")
    truth = load_object(TRUTH)(bench.documents, bench.catalog(), datasets, version)
    adaptations = truth.adaptations()
    for one in adaptations:
        sys.stdout.write(f"{one.said['sentence']}\n")
    changes = [one.change for one in adaptations if one.change is not None]
    said = [one.said for one in adaptations]
    return [*changes, *bench.completion({**_result(version), "adapted": said})]


def _result(version: DatasetVersion) -> JsonObject:
    return {"dataset": version.name, "version": version.version, "rows": version.rows}
