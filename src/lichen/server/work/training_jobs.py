"""Jobs of kind `train`: a dataset becomes a model version, metered throughout."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from lichen.core.errors import InvalidInput
from lichen.core.ids import ModelReference
from lichen.core.plugins import load_object
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.energy.power.machine import this_machine
from lichen.protocol.training import ScriptTraining, Training, TrainSpec
from lichen.registry.manifest import DatasetReference, Draft, Manifest
from lichen.server.work.workbench import Workbench
from lichen.store.documents import Change
from lichen.store.failures import storage_failures
from lichen.training.asked import check_asked
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult

OUTLOOK_TASK = "outlook"
"""Of what the platform itself submits: it has no dataset, and a file of its own."""
TRAIN_OUTLOOK = "lichen.server.work.outlook_jobs:train_outlook"

TRAIN_SCRIPT = "lichen.server.work.scripts.job:train_script"
"""It needs the whole bench: it starts processes of its own."""

IMAGES = "image-classification"

TRAINERS: Mapping[str, str] = {
    "forecast": "lichen.training.forecasts.task:train_forecast",
    "text-classification": "lichen.training.texts.task:train_text_classification",
    "clustering": "lichen.training.clusters.task:train_clustering",
    "regression": "lichen.training.tables.task:train_regression",
    "classification": "lichen.training.tables.task:train_classification",
    IMAGES: "lichen.training.images.task:train_images",
    "anomaly": "lichen.training.anomalies.task:train_anomaly",
    "recommendation": "lichen.training.recommendations.task:train_recommendation",
}
"""Who trains each task, imported by the job that needs it alone: `(asked, materials)` gives a
`TrainingResult`."""


def train(bench: Workbench) -> None:
    """Fit, and register the version in one commit with the job's completion."""
    if bench.job.spec.get("task") == OUTLOOK_TASK:
        load_object(TRAIN_OUTLOOK)(bench)
        return
    asked: TrainSpec = msgspec.convert(bench.job.spec, TrainSpec)
    check_asked(asked)
    if isinstance(asked, ScriptTraining):
        _train_script(bench, asked)
        return
    dotted = TRAINERS.get(asked.task)
    if dotted is None:
        raise InvalidInput(f"this Lichen does not train the task {asked.task!r} yet")
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(asked.data, asked.data_version)
    _refuse_images(asked, dataset)
    trained: TrainingResult = load_object(dotted)(asked, _materials(bench, datasets, dataset))
    _register(bench, asked, dataset, trained)
    bench.watch.forget()


def _refuse_images(asked: Training, dataset: DatasetVersion) -> None:
    if dataset.schema.images and asked.task != IMAGES:
        raise InvalidInput(
            f"dataset {dataset.name!r} holds images, which the task {asked.task!r} cannot learn "
            f"from: train {IMAGES}, or a script of your own"
        )


def _train_script(bench: Workbench, asked: ScriptTraining) -> None:
    datasets = Datasets(bench.documents, bench.blobs, bench.clock)
    dataset = datasets.get(asked.data, asked.data_version)
    materials = _materials(bench, datasets, dataset)
    trained: TrainingResult = load_object(TRAIN_SCRIPT)(asked, materials, bench)
    _register(bench, asked, dataset, trained)
    bench.watch.forget()


def _materials(bench: Workbench, datasets: Datasets, dataset: DatasetVersion) -> Materials:
    return Materials(
        dataset=dataset,
        rows=lambda columns, until=None: datasets.read(dataset, columns, until),
        file=lambda: datasets.file(dataset),
        watch=bench.watch,
        gauge=bench.spending.gauge,
        scratch=_scratch(bench),
        model_files=lambda reference, names: _model_files(bench, reference, names),
    )


def _model_files(bench: Workbench, reference: str, names: Sequence[str]) -> Mapping[str, bytes]:
    catalog = bench.catalog()
    manifest = catalog.resolve(ModelReference.parse(reference))
    return {name: catalog.read(manifest, name) for name in names}


def _scratch(bench: Workbench) -> Path:
    folder = bench.home.job(bench.job.id) / "scratch"
    with storage_failures(folder):
        folder.mkdir(exist_ok=True)
    return folder


def _register(
    bench: Workbench, asked: Training, dataset: DatasetVersion, trained: TrainingResult
) -> None:
    host = this_machine()
    draft = Draft(
        model=asked.name or asked.data,
        task=asked.task,
        algorithm=trained.algorithm,
        signature=trained.signature,
        code_version=version("lichen"),
        metrics=trained.metrics,
        dataset=DatasetReference(dataset.name, dataset.version, dataset.parquet_digest),
        parameters=trained.parameters,
        receipt=bench.spending.receipt(),
        hardware=f"{host.processor.name}, {host.threads} threads",
        job_id=bench.job_id,
        fence=bench.job.fence,
        provenance=trained.provenance,
    )
    catalog = bench.catalog()

    def beside(manifest: Manifest) -> Sequence[Change]:
        return bench.completion(
            {
                "model": manifest.model,
                "version": manifest.version,
                "algorithm": trained.algorithm,
                "candidates": msgspec.to_builtins(trained.candidates),
                **trained.details,
            }
        )

    bench.commit(lambda: catalog.register(draft, trained.files, beside))
