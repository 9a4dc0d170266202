"""The run on images: pixels in, a pipeline's files out; metered, resumable, the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.pictures import IMAGE, image_model
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.manifest import Metric
from lichen.training.choosing.choice import Choice, choose
from lichen.training.choosing.memory import Memory
from lichen.training.choosing.rules import Rules
from lichen.training.choosing.search import Search
from lichen.training.images.augmentation import augmentation
from lichen.training.images.head import class_head, probabilities, with_sets
from lichen.training.images.portfolio import contenders_of
from lichen.training.images.problem import ImageProblem
from lichen.training.images.scored import metrics_of
from lichen.training.images.study import ImageStudy
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.watch import EnergyGauge, Watch

MODEL_FILE = "model.onnx"
METRIC = "accuracy"
VALIDATION, TEST = "validation", "test"

FIRST_TENTH_NJ = 40_000_000_000.0
"""What a further tenth of a per cent may cost to try unless a price is stated: networks of images
are dearer than models of tables by nature, by about twenty times."""

FEW = 10_000
"""Of fewer images, those held back are too many to lose: the choice is fitted again with them."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice, fitted, with its head and what it scored."""

    choice: Choice
    network: TrainedNetwork
    head: Classes
    metrics: tuple[Metric, ...]


def execute(study: ImageStudy, watch: Watch, gauge: EnergyGauge) -> TrainingResult:
    """Search, fit and score on a study.

    Raises:
        InvalidInput: the images cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled, or does not converge.
        Unavailable: PyTorch is not installed.
    """
    asked = study.asked
    spending = Spending(gauge, watch, asked.budget_nj, asked.budget_ng)
    for note in study.notes:
        spending.report(note)
    with one_blas_thread():
        problem = ImageProblem(study, spending)
        choice = _choice(problem)
        chosen = _fitted(problem, choice)
    return _result(study, chosen)


def _choice(problem: ImageProblem) -> Choice:
    study, spending = problem.study, problem.spending
    asked = study.asked
    memory = Memory.of_earlier_attempts(spending, problem.fingerprint)
    rules = Rules(
        algorithm=asked.algorithm,
        most_trials=asked.search,
        tenth_nj=asked.tenth_nj,
        first_tenth_nj=FIRST_TENTH_NJ,
        seed=asked.seed,
    )
    rows = len(study.folds[0].fit)
    contenders = contenders_of(asked, study.shape, rows, len(study.labels))
    searched = Search(problem, contenders, rules, memory).run()
    memory.write()
    return choose(searched, problem, METRIC, asked.algorithm)


def _fitted(problem: ImageProblem, choice: Choice) -> Chosen:
    """The choice, calibrated by what was held back from it and scored on what nobody has seen."""
    study, spending = problem.study, problem.spending
    name, settings = choice.trial.contender.name, choice.trial.settings
    raw = np.concatenate(
        [problem.said(name, settings, fold, spending.check) for fold in range(problem.folds)]
    )
    truth = study.truth[np.concatenate([fold.held for fold in study.folds])]
    head = class_head(study.labels, raw, truth, calibrates=study.asked.calibrate)
    head = with_sets(head, raw, truth, study.asked.confidence)
    spending.begin("fitting the choice", 0.9)
    if problem.folds > 1 or len(study.known) < FEW:
        network = problem.fitted(name, settings, study.known, spending.check)
    else:
        network = problem.network(name, settings, 0, spending.check)
    spending.begin("scoring the choice", 1.0)
    metrics = metrics_of(truth, probabilities(head, raw), head, VALIDATION)
    if len(study.test):
        said = probabilities(head, network.raw(study.pixels[study.test]))
        metrics = [*metrics_of(study.truth[study.test], said, head, TEST), *metrics]
    spending.end(choice.sentence)
    return Chosen(choice, network, head, tuple(metrics))


def _result(study: ImageStudy, chosen: Chosen) -> TrainingResult:
    pipeline = Pipeline(head=chosen.head, tensor=IMAGE)
    channels, height, width = study.shape
    colours = "grey" if channels == 1 else "red, green and blue"
    tensor = TensorSpec(
        IMAGE,
        Datatype.UINT8,
        (-1, height, width, channels),
        description=f"pixels of {width}x{height} images, {colours}, 0 to 255",
    )
    return TrainingResult(
        algorithm=chosen.choice.trial.contender.name,
        files={**pipeline_files(pipeline), MODEL_FILE: image_model(chosen.network)},
        signature=pipeline_signature(pipeline, tensor),
        metrics=chosen.metrics,
        parameters=_parameters(study, chosen),
        candidates=chosen.choice.candidates,
    )


def _parameters(study: ImageStudy, chosen: Chosen) -> Mapping[str, object]:
    """What was asked, what the search found, and how large all was."""
    channels, height, width = study.shape
    changes = augmentation(study.asked.augment, (height, width, channels))
    asked: dict[str, object] = msgspec.to_builtins(study.asked)
    return {
        **asked,
        "metric": METRIC,
        "settings": dict(chosen.choice.trial.settings),
        "choice": chosen.choice.sentence,
        "changes": [] if changes is None else msgspec.to_builtins(changes),
        "rows": len(study.truth),
        "rows_fitted": len(study.known),
        "rows_tested": len(study.test),
        "passes": chosen.network.epochs,
        "left_out": list(study.notes),
        "labels": list(study.labels),
    }
