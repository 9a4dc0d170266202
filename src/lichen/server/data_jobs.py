"""Jobs of kind `ingest` and `append`: an uploaded file becomes a version of a dataset."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.protocol.admin import DataSpec
from lichen.server.workbench import Workbench
from lichen.store.documents import Change
from lichen.store.failures import storage_failures


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
    _datasets(bench).append(spec.name, path, extra=_completion(bench))


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
    def beside(version: DatasetVersion) -> Sequence[Change]:
        result = {"dataset": version.name, "version": version.version, "rows": version.rows}
        return bench.completion(result)

    return beside
