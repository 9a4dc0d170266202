"""Jobs of kind `train`: a dataset becomes a model version, metered throughout."""

from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version

import msgspec

from lichen.core.errors import InvalidInput
from lichen.core.plugins import load_object
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.energy.power.machine import this_machine
from lichen.protocol.admin import TrainSpec
from lichen.registry.manifest import DatasetReference, Draft, Manifest, Metric
from lichen.server.work.workbench import Workbench
from lichen.store.documents import Change
from lichen.training.run import execute
from lichen.training.spec import ForecastSpec, TrainingResult

OUTLOOK_TASK = "outlook"
"""Of what the platform itself submits: it has no dataset, and a file of its own."""
TRAIN_OUTLOOK = "lichen.server.work.outlook_jobs:train_outlook"


def train(bench: Workbench) -> None:
    """Fit, and register the version in one commit with the job's completion."""
    if bench.job.spec.get("task") == OUTLOOK_TASK:
        load_object(TRAIN_OUTLOOK)(bench)
        return
    asked = msgspec.convert(bench.job.spec, TrainSpec)
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(asked.data, asked.data_version)
    spec = forecast_spec(asked, dataset)
    until = spec.test_until or spec.validate_until
    columns = (*spec.targets, *spec.known, *((spec.series,) if spec.series else ()))
    table = datasets.read(dataset, columns, until)
    trained = execute(spec, table, bench.watch, bench.spending.gauge)
    _register(bench, asked, dataset, trained)
    bench.watch.forget()


def forecast_spec(asked: TrainSpec, dataset: DatasetVersion) -> ForecastSpec:
    """What is asked of the training room.

    Raises:
        InvalidInput: a field is missing or not usable.
    """
    known = {one.name for one in fields(ForecastSpec)}
    given = {name: value for name, value in msgspec.to_builtins(asked).items() if name in known}
    given["timezone"] = asked.timezone or dataset.timezone
    given["series"] = asked.series or (
        dataset.schema.series.name if dataset.schema.series else None
    )
    try:
        return msgspec.convert(given, ForecastSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the training is not usable as asked: {error}") from error


def _register(
    bench: Workbench, asked: TrainSpec, dataset: DatasetVersion, trained: TrainingResult
) -> None:
    host = this_machine()
    draft = Draft(
        model=asked.name or asked.data,
        task=asked.task,
        algorithm=trained.algorithm,
        signature=trained.signature,
        code_version=version("lichen"),
        metrics=tuple(Metric(one.name, one.value, one.unit, one.split) for one in trained.metrics),
        dataset=DatasetReference(dataset.name, dataset.version, dataset.parquet_digest),
        parameters=trained.parameters,
        receipt=bench.spending.receipt(),
        hardware=f"{host.processor.name}, {host.threads} threads",
        job_id=bench.job_id,
        fence=bench.job.fence,
    )
    catalog = bench.catalog()

    def beside(manifest: Manifest) -> Sequence[Change]:
        return bench.completion(
            {
                "model": manifest.model,
                "version": manifest.version,
                "algorithm": trained.algorithm,
                "candidates": msgspec.to_builtins(trained.candidates),
            }
        )

    bench.commit(lambda: catalog.register(draft, trained.files, beside))
