"""The run on a table: raw rows in, a pipeline's files out; metered, resumable, the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.evaluation.calibration import unflattered
from lichen.evaluation.classification import Answers
from lichen.evaluation.conformal import half_width, set_threshold
from lichen.frameworks.blas import one_blas_thread
from lichen.pipeline.background import MOST_ROWS as USUAL_ROWS
from lichen.pipeline.background import background_files
from lichen.pipeline.declaration import Classes, Heads, Pipeline, Value
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.training import ClassificationTraining, TableTraining
from lichen.registry.manifest import Metric
from lichen.training.choosing.choice import Choice, choose
from lichen.training.choosing.memory import Memory
from lichen.training.choosing.rules import Rules
from lichen.training.choosing.search import Search
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.tables.contenders import contenders_of
from lichen.training.tables.measure import (
    CUT_METRICS,
    best_cuts,
    calibrated,
    probabilities,
    scores_of,
)
from lichen.training.tables.monotone import told_monotone
from lichen.training.tables.problem import (
    FittedTable,
    TableProblem,
    class_head,
    fit_core,
    preparation_for,
    prepare_rows,
)
from lichen.training.tables.scored import metrics_of, number_metrics
from lichen.training.tables.study import Study
from lichen.training.watch import EnergyGauge, Watch

MODEL_FILE = "model.onnx"
VALIDATION, TEST, NESTED = "validation", "test", "nested cross-validation"
FEWEST_FOR_SETS = 20
"""Rows out of fold from which intervals, sets and calibration are taken."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the choice says of rows that it was not fitted on.

    Attributes:
        rows: their numbers in the study.
        raw: what the core said, numbers in the target's unit.
        link: of the core.
    """

    rows: NDArray[np.int64]
    raw: NDArray[np.float64]
    link: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice on some rows, before it is fitted on all of them."""

    choice: Choice
    head: Heads
    out_of_fold: OutOfFold


def execute(study: Study, watch: Watch, gauge: EnergyGauge) -> TrainingResult:
    """Search, fit and score on a study.

    Raises:
        InvalidInput: the rows cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    with one_blas_thread():
        return _execute(study, watch, gauge)


def _execute(study: Study, watch: Watch, gauge: EnergyGauge) -> TrainingResult:
    asked = study.asked
    spending = Spending(gauge, watch, asked.budget_nj, asked.budget_ng)
    for note in study.notes:
        spending.report(note)
    split = study.test()
    known = study.at(split.fit)
    chosen = chosen_on(known, spending, "search")
    spending.begin("fitting the choice", 0.9)
    fitted = fitted_on(known, chosen, spending)
    spending.begin("scoring the choice", 1.0)
    metrics = [*_metrics(known, chosen, chosen.out_of_fold.rows, chosen.out_of_fold.raw)]
    if len(split.held):
        raw = fitted.raw(study, split.held)
        metrics = [*_metrics(study, chosen, split.held, raw, TEST), *metrics]
    if asked.nested:
        metrics += nested_metrics(known, spending)
    spending.end(chosen.choice.sentence)
    return result_of(study, chosen, fitted, metrics)


def chosen_on(known: Study, spending: Spending, name: str) -> Chosen:
    """Search on some rows; the choice, and its head as rows out of fold calibrate it."""
    asked = known.asked
    problem = TableProblem(known, spending.gauge)
    memory = Memory.of_earlier_attempts(spending, problem.fingerprint, name)
    rules = Rules(
        algorithm=asked.algorithm,
        most_trials=asked.search,
        tenth_nj=asked.tenth_nj,
        seed=asked.seed,
    )
    searched = Search(problem, contenders_of(known), rules, memory).run()
    memory.write()
    return chosen_of(
        known, problem, choose(searched, problem, known.metric, asked.algorithm), spending
    )


def chosen_of(known: Study, problem: TableProblem, choice: Choice, spending: Spending) -> Chosen:
    """A choice with its head, calibrated on rows out of fold."""
    trial = choice.trial
    rows, raw, link = problem.out_of_fold(trial.contender.name, trial.settings, spending.check)
    out_of_fold = OutOfFold(rows, raw, link)
    return Chosen(choice, _head(known, out_of_fold), out_of_fold)


def fitted_on(known: Study, chosen: Chosen, spending: Spending) -> FittedTable:
    """The choice, fitted on all of some rows."""
    trial = chosen.choice.trial
    name = trial.contender.name
    every = np.arange(len(known.rows))
    prepared = prepare_rows(known, every, preparation_for(name))
    return fit_core(known, prepared, every, (name, trial.settings), spending.check)


def nested_metrics(known: Study, spending: Spending) -> list[Metric]:
    """Scores of the whole procedure, searches included, on rows that no search has seen."""
    rows: list[NDArray[np.int64]] = []
    answers: list[NDArray[np.float64]] = []
    for number, fold in enumerate(known.folds()):
        inner = known.at(fold.fit)
        chosen = chosen_on(inner, spending, f"search-{number}")
        fitted = fitted_on(inner, chosen, spending)
        rows.append(fold.held)
        answers.append(_answered(chosen.head, fitted.raw(known, fold.held)))
    held = np.concatenate(rows)
    said = np.concatenate(answers)
    return metrics_of(known, held, said, None, NESTED)


def _answered(head: Heads, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return probabilities(head, raw) if isinstance(head, Classes) else raw


def _metrics(
    study: Study,
    chosen: Chosen,
    rows: NDArray[np.int64],
    raw: NDArray[np.float64],
    split: str = VALIDATION,
) -> list[Metric]:
    head = chosen.head
    if isinstance(head, Classes):
        return metrics_of(study, rows, probabilities(head, raw), head, split)
    return number_metrics(study, rows, raw[:, 0], head if isinstance(head, Value) else None, split)


def _head(known: Study, said: OutOfFold) -> Heads:
    if not known.target.classes:
        return _value(known, said)
    asked = known.asked
    truth = known.target.values[said.rows].astype(np.int64)
    weights = None if known.weights is None else known.weights[said.rows]
    head = class_head(known, said.link)
    is_enough = len(truth) >= FEWEST_FOR_SETS
    fresh = probability = probabilities(head, said.raw)
    if isinstance(asked, ClassificationTraining) and asked.calibrate and is_enough:
        fresh = unflattered(scores_of(head, said.raw), truth, weights)
        head = calibrated(head, said.raw, truth, weights)
        probability = probabilities(head, said.raw)
    of_truth = fresh[np.arange(len(truth)), truth]
    threshold = set_threshold(of_truth, asked.confidence) if is_enough else None
    cuts: list[float] = []
    if known.metric in CUT_METRICS:
        cuts, _ = best_cuts(known.metric, Answers(truth, probability, weights))
    return msgspec.structs.replace(head, set_threshold=threshold, cuts=cuts)


def _value(known: Study, said: OutOfFold) -> Value:
    residuals = known.target.values[said.rows] - said.raw[:, 0]
    confidence = known.asked.confidence
    return Value(
        half_width=half_width(residuals, confidence),
        confidence=confidence,
        unit=known.target.unit,
    )


def result_of(
    study: Study, chosen: Chosen, fitted: FittedTable, metrics: Sequence[Metric]
) -> TrainingResult:
    """The files of a version, and what is known of it."""
    head = chosen.head
    if isinstance(head, Value):
        head = msgspec.structs.replace(head, centre=fitted.centre, scale=fitted.scale)
    pipeline = Pipeline(encoders=fitted.prepared.pipeline.encoders, head=head)
    files = {
        **pipeline_files(pipeline, dict(fitted.prepared.arrays)),
        MODEL_FILE: fitted.core.onnx(),
    }
    if study.asked.background:
        files |= background_files(usual_rows(study, pipeline))
    return TrainingResult(
        algorithm=chosen.choice.trial.contender.name,
        files=files,
        signature=pipeline_signature(pipeline),
        metrics=tuple(metrics),
        parameters=_parameters(study, chosen),
        candidates=chosen.choice.candidates,
    )


def usual_rows(study: Study, pipeline: Pipeline) -> Mapping[str, Array]:
    """A few rows, evenly spaced over those that were fitted on, as the pipeline is sent them."""
    fitted = study.test().fit
    places = np.linspace(0, len(fitted) - 1, min(len(fitted), USUAL_ROWS)).round()
    return study.rows.at(np.sort(fitted)[places.astype(np.int64)]).tensors(pipeline)


def _parameters(study: Study, chosen: Chosen) -> Mapping[str, object]:
    """What was asked, what the search found, and what was left out."""
    asked: dict[str, object] = msgspec.to_builtins(study.asked)
    return {
        **asked,
        "metric": study.metric,
        "split": study.kind.value,
        "settings": dict(chosen.choice.trial.settings),
        "choice": chosen.choice.sentence,
        "rows": len(study.rows),
        "rows_fitted": len(study.test().fit),
        "rows_tested": len(study.test().held),
        "columns": {one.name: one.kind.value for one in study.plan.columns},
        "left_out": list(study.notes),
        **_constraints(study.asked),
        "labels": list(study.target.labels),
    }


def _constraints(asked: TableTraining) -> dict[str, str]:
    """Columns that the model was kept from, and how it may depend on others, for its card."""
    said = {"monotone": told_monotone(asked.monotone), "banned": ", ".join(asked.exclude)}
    return {f"constraint_{name}": value for name, value in said.items() if value}
