"""The task `text-classification`: from texts and their classes to a served pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.classification import SCORES, Answers
from lichen.evaluation.intervals import DRAWS, bootstrap, share_interval
from lichen.frameworks.blas import one_blas_thread
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.training import AUTO, TextClassificationTraining
from lichen.registry.manifest import Metric
from lichen.training.choosing.choice import Choice, choose
from lichen.training.choosing.memory import Memory
from lichen.training.choosing.rules import Rules
from lichen.training.choosing.search import Search
from lichen.training.encoders import NamedEncoder, named_encoder
from lichen.training.languages import language_of
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.texts.algorithms import Algorithm, portfolio
from lichen.training.texts.fitted import Fitted
from lichen.training.texts.measure import chosen, head_of, named_metric, probabilities
from lichen.training.texts.problem import TextProblem
from lichen.training.texts.rows import TextColumns, TextRows, text_rows
from lichen.training.texts.study import TextStudy

MODEL_FILE = "model.onnx"
TEST, VALIDATION = "test", "validation"
Floats = NDArray[np.floating[Any]]


def train_text_classification(
    asked: TextClassificationTraining, materials: Materials
) -> TrainingResult:
    """Train a classifier of texts.

    Raises:
        InvalidInput: what is asked or the rows cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    if asked.nested or asked.features or asked.exclude or asked.monotone:
        raise InvalidInput(
            "texts are classified by themselves, scored on rows held out: leave out nested, "
            "monotone, features and exclude, or train classification on the table"
        )
    with one_blas_thread():
        spending = Spending(materials.gauge, materials.watch, asked.budget_nj, asked.budget_ng)
        spending.begin("reading the texts", 0.02)
        columns = TextColumns(asked.text, asked.target, asked.weight, asked.group)
        rows = text_rows(materials.rows(columns.names), columns)
        encoder = named_encoder(asked.encoder, materials)
        return _Training(asked, rows, spending, encoder).run()


class _Training:
    """One training, its rows read."""

    def __init__(
        self,
        asked: TextClassificationTraining,
        rows: TextRows,
        spending: Spending,
        encoder: NamedEncoder | None,
    ) -> None:
        self.asked = asked
        self.spending = spending
        self.metric = named_metric(asked.metric)
        self.algorithms = _algorithms(asked)
        self.study = TextStudy(asked, rows, language_of(rows.texts, asked.language), encoder)
        self.problem = TextProblem(self.study, self.algorithms, self.metric, spending.gauge)

    def run(self) -> TrainingResult:
        """Search, tune the head on rows held back, fit and score."""
        choice = self._search()
        name, settings = choice.trial.contender.name, choice.trial.settings
        spending = self.spending
        spending.begin("scoring the choice", 0.9)
        rows, scores = self.problem.out_of_fold(name, settings, spending.check)
        head = head_of(self.study.rows.at(rows), scores, self.asked, self.metric)
        spending.begin("fitting the choice", 1.0)
        fitted = self.algorithms[name].fit(self.study, -1, settings, spending.check)
        pipeline = Pipeline(encoders=list(fitted.encoders), head=head)
        files = {MODEL_FILE: fitted.core.onnx(), **pipeline_files(pipeline, fitted.arrays)}
        if self.study.encoder is not None and self.algorithms[name].is_embedded:
            files |= self.study.encoder.files
        metrics = self._metrics(head, fitted, (rows, scores))
        spending.end(choice.sentence)
        return TrainingResult(
            algorithm=name,
            files=files,
            signature=pipeline_signature(pipeline),
            metrics=metrics,
            parameters=self._parameters(choice, fitted),
            candidates=choice.candidates,
        )

    def _search(self) -> Choice:
        asked, spending = self.asked, self.spending
        rules = Rules(
            algorithm=asked.algorithm,
            most_trials=asked.search,
            tenth_nj=asked.tenth_nj,
            seed=asked.seed,
        )
        memory = Memory.of_earlier_attempts(spending, self.study.fingerprint())
        contenders = [one.contender(self.study, spending.check) for one in self.algorithms.values()]
        searched = Search(self.problem, contenders, rules, memory).run()
        return choose(searched, self.problem, self.metric, asked.algorithm)

    def _metrics(
        self, head: Classes, fitted: Fitted, held: tuple[NDArray[np.int64], Floats]
    ) -> tuple[Metric, ...]:
        """Of the test rows, and of rows held back in cross-validation."""
        made = self._scores(head, held[0], held[1], VALIDATION)
        test = self.study.test.held
        if not len(test):
            return made
        tested = self._scores(head, test, fitted.scores[test], TEST)
        return (*tested, *made)

    def _scores(
        self, head: Classes, at: NDArray[np.int64], scores: Floats, split: str
    ) -> tuple[Metric, ...]:
        sample = _Sample(self.study.rows.at(at), self.study.blocks(at), self.asked.seed)
        return _metrics_of(head, sample, scores, split)

    def _parameters(self, choice: Choice, fitted: Fitted) -> Mapping[str, object]:
        rows, study = self.study.rows, self.study
        said: dict[str, Any] = msgspec.to_builtins(self.asked)
        terms = [len(one.terms) for one in fitted.encoders if hasattr(one, "terms")]
        return {
            **said,
            "language": study.language,
            "metric": self.metric,
            "settings": dict(choice.trial.settings),
            "chosen": choice.sentence,
            "split": study.kind.value,
            "folds": len(study.folds),
            "labels": list(rows.labels),
            "rows": len(rows),
            "rows_tested": len(study.test.held),
            "rows_left_out": dict(rows.left_out),
            "terms": sum(terms),
        }


def _algorithms(asked: TextClassificationTraining) -> dict[str, Algorithm]:
    found = {one.name: one for one in portfolio(has_encoder=asked.encoder is not None)}
    if asked.algorithm not in (AUTO, *found):
        raise InvalidInput(
            f"no algorithm is called {asked.algorithm!r}: there are {', '.join(found)}, or auto"
        )
    return found


@dataclass(frozen=True, slots=True)
class _Sample:
    """The rows that are scored, which of them may be alike, and the seed of drawing them."""

    rows: TextRows
    blocks: NDArray[np.int64] | None
    seed: int


def _metrics_of(head: Classes, sample: _Sample, scores: Floats, split: str) -> tuple[Metric, ...]:
    """Every score that can be computed, with its 95 % interval."""
    rows, seed = sample.rows, sample.seed
    probability, answered = probabilities(head, scores), chosen(head, scores)
    classes = len(np.unique(rows.target))
    every = np.ones(len(rows)) if rows.weights is None else rows.weights
    made = []
    for name, (measure, _) in SCORES.items():

        def score(weights: Floats, measure: Any = measure) -> float:  # noqa: ANN401
            if len(np.unique(rows.target[weights > 0])) < classes:
                raise InvalidInput("a class is not among the rows drawn")
            return float(measure(Answers(rows.target, probability, weights, answered)))

        try:
            value = score(every)
        except InvalidInput:  # an area, where the rows held back are of one class
            continue
        within = (
            share_interval(value, score, every, sample.blocks)
            if name == "accuracy"
            else bootstrap(score, len(rows), seed, rows.weights, DRAWS, sample.blocks)
        )
        low, high = (None, None) if within is None else (within.low, within.high)
        made.append(Metric(name, value, None, split, low, high))
    return tuple(made)
