"""What a search asks of texts: how wrong an algorithm is on a fold, and what its answers cost."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.frameworks.estimation import Settings, no_pause
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.signature import TEXTS
from lichen.training.choosing.contender import Served
from lichen.training.choosing.served import served_cost
from lichen.training.texts.algorithms import Algorithm
from lichen.training.texts.fitted import Fitted
from lichen.training.texts.measure import error_of
from lichen.training.texts.study import TextStudy
from lichen.training.watch import EnergyGauge


class TextProblem:
    """A `Problem`: the folds of a study."""

    def __init__(
        self, study: TextStudy, algorithms: dict[str, Algorithm], metric: str, gauge: EnergyGauge
    ) -> None:
        self.study = study
        self._algorithms = algorithms
        self._metric = metric
        self._gauge = gauge
        self._scores: dict[str, dict[int, NDArray[np.float64]]] = {}
        self._first: dict[str, tuple[str, Fitted]] = {}

    @property
    def folds(self) -> int:
        """How many splits there are to score on."""
        return len(self.study.folds)

    @property
    def fingerprint(self) -> str:
        """Names the task and its data."""
        return self.study.fingerprint()

    def error(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> float:
        """How wrong it is on the rows held back from a fold; see `Problem`."""
        scores = self._held_scores(algorithm, settings, fold, pause)
        held = self.study.folds[fold].held
        weights = self.study.rows.weights
        return error_of(
            self._metric,
            scores,
            self.study.rows.target[held],
            None if weights is None else weights[held],
        )

    def served(self, algorithm: str, settings: Settings) -> Served:
        """What one prediction costs, as it is served: by these settings, fitted on the first fold.

        Always on that one, so that a search that was taken up chooses as one that was not.
        """
        if self._first.get(algorithm, ("", None))[0] != _key(algorithm, settings):
            self._held_scores(algorithm, settings, 0, no_pause, is_again=True)
        fitted = self._first[algorithm][1]
        head = Classes(labels=list(self.study.rows.labels))
        pipeline = Pipeline(encoders=list(fitted.encoders), head=head)
        row = {TEXTS: as_cells([_usual(self.study.rows.texts)])}
        named = self.study.encoder
        embed = None if named is None else named.encoder.embed
        cost = served_cost(pipeline, fitted.arrays, fitted.core.onnx(), row, self._gauge, embed)
        return Served(cost.nj, cost.operations + fitted.operations)

    def out_of_fold(
        self, algorithm: str, settings: Settings, pause: Callable[[], None]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What an algorithm says of rows it was not fitted on: their numbers, and the scores."""
        made = [self._held_scores(algorithm, settings, fold, pause) for fold in range(self.folds)]
        rows = np.concatenate([split.held for split in self.study.folds])
        return rows, np.concatenate(made)

    def _held_scores(
        self,
        algorithm: str,
        settings: Settings,
        fold: int,
        pause: Callable[[], None],
        *,
        is_again: bool = False,
    ) -> NDArray[np.float64]:
        key = _key(algorithm, settings)
        kept = self._scores.setdefault(key, {})
        if fold not in kept or is_again:
            fitted = self._algorithms[algorithm].fit(self.study, fold, settings, pause)
            if fold == 0:
                self._first[algorithm] = (key, fitted)
            kept[fold] = fitted.scores[self.study.folds[fold].held]
        return kept[fold]


def _key(algorithm: str, settings: Settings) -> str:
    return f"{algorithm} {msgspec.json.encode(dict(sorted(settings.items()))).decode()}"


def as_cells(texts: list[str]) -> NDArray[np.object_]:
    """Texts as the tensor `(rows, 1)` that a deployment is sent."""
    cells: Array = np.empty((len(texts), 1), dtype=np.object_)
    cells[:, 0] = [text.encode() for text in texts]
    return cells


def _usual(texts: tuple[str, ...]) -> str:
    """A text of middle length."""
    return sorted(texts, key=len)[len(texts) // 2]
