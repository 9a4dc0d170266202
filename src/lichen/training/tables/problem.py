"""What a search asks of a table: how wrong an algorithm is on a fold, and what its answers cost."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.splits import Fold
from lichen.frameworks.estimation import Examples, FittedCore, Settings, no_pause
from lichen.frameworks.estimators.portfolio import estimator
from lichen.pipeline.declaration import Classes, Pipeline, Value
from lichen.protocol.training import ClassificationTraining
from lichen.training.choosing.contender import Served
from lichen.training.choosing.served import served_cost
from lichen.training.tables.encoders import Preparation, Prepared, prepare
from lichen.training.tables.measure import Held, class_error, number_error
from lichen.training.tables.monotone import with_signs
from lichen.training.tables.study import Study
from lichen.training.watch import EnergyGauge

Raw = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedTable:
    """Encoders and a core, fitted on some rows of a study; numbers are scaled for the core.

    Attributes:
        prepared: the encoders.
        core: what follows them.
        centre, scale: of a target that is a number: `raw * scale + centre` is in its unit.
    """

    prepared: Prepared
    core: FittedCore
    centre: float = 0.0
    scale: float = 1.0

    def raw(self, study: Study, rows: NDArray[np.int64]) -> Raw:
        """What the core says of some rows, numbers in the target's unit."""
        return self.of_features(self.prepared.encode(study.rows.at(rows)))

    def of_features(self, features: NDArray[np.float32]) -> Raw:
        """The same of encoded rows."""
        return self.core.raw(features) * self.scale + self.centre


class TableProblem:
    """A `Problem`: folds of a study, their encoders fitted once each."""

    def __init__(self, study: Study, gauge: EnergyGauge) -> None:
        self.study = study
        self._gauge = gauge
        self._splits = study.folds()
        self._prepared: dict[tuple[int, Preparation], tuple[Prepared, NDArray[np.float32]]] = {}
        self._raw: dict[str, dict[int, Raw]] = {}
        self._links: dict[str, str] = {}
        self._first: dict[str, tuple[str, FittedTable]] = {}

    @property
    def folds(self) -> int:
        """How many splits there are to score on."""
        return len(self._splits)

    @property
    def fingerprint(self) -> str:
        """Names the task and its data."""
        return self.study.fingerprint()

    def error(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> float:
        """How wrong it is on the rows held back from a fold; see `Problem`."""
        raw = self._fold_raw(algorithm, settings, fold, pause)
        split = self._splits[fold]
        study = self.study
        held = Held(
            study.target.values[split.held],
            None if study.weights is None else study.weights[split.held],
            _prior(study, split),
        )
        if not study.target.classes:
            return number_error(study.metric, raw, held)
        asked = study.asked
        is_calibrated = isinstance(asked, ClassificationTraining) and asked.calibrate
        head = class_head(study, self._links[algorithm])
        return class_error(study.metric, raw, held, head, is_calibrated=is_calibrated)

    def served(self, algorithm: str, settings: Settings) -> Served:
        """What one prediction costs, as it is served: by these settings, fitted on the first fold.

        Always on that one, so that a search that was taken up chooses as one that was not.
        """
        fitted = self._fitted_first(algorithm, settings)
        head = class_head(self.study, fitted.core.link) if self.study.target.classes else Value()
        pipeline = Pipeline(encoders=fitted.prepared.pipeline.encoders, head=head)
        row = self.study.rows.at(np.arange(1)).tensors(pipeline)
        return served_cost(pipeline, fitted.prepared.arrays, fitted.core.onnx(), row, self._gauge)

    def out_of_fold(
        self, algorithm: str, settings: Settings, pause: Callable[[], None]
    ) -> tuple[NDArray[np.int64], Raw, str]:
        """What an algorithm says of rows it was not fitted on: their numbers, raw, its link."""
        made = [self._fold_raw(algorithm, settings, fold, pause) for fold in range(self.folds)]
        rows = np.concatenate([split.held for split in self._splits])
        return rows, np.concatenate(made), self._links[algorithm]

    def _fold_raw(
        self, algorithm: str, settings: Settings, fold: int, pause: Callable[[], None]
    ) -> Raw:
        key = _key(algorithm, settings)
        kept = self._raw.setdefault(key, {})
        if fold not in kept:
            preparation = preparation_for(algorithm)
            prepared, held = self._encoded(fold, preparation)
            split = self._splits[fold]
            fitted = fit_core(self.study, prepared, split.fit, (algorithm, settings), pause)
            self._links[algorithm] = fitted.core.link
            if fold == 0:
                self._first[algorithm] = (key, fitted)
            kept[fold] = fitted.of_features(held)
        return kept[fold]

    def _fitted_first(self, algorithm: str, settings: Settings) -> FittedTable:
        """Fitted on the first fold; of each algorithm only the newest is kept in memory."""
        key = _key(algorithm, settings)
        if self._first.get(algorithm, ("", None))[0] != key:
            self._raw.get(key, {}).pop(0, None)
            self._fold_raw(algorithm, settings, 0, no_pause)
        return self._first[algorithm][1]

    def _encoded(self, fold: int, preparation: Preparation) -> tuple[Prepared, NDArray[np.float32]]:
        """Encoders fitted on a fold, once, and the features of the rows held back from it."""
        if (fold, preparation) not in self._prepared:
            split, study = self._splits[fold], self.study
            prepared = prepare_rows(study, split.fit, preparation)
            held = prepared.encode(study.rows.at(split.held))
            self._prepared[fold, preparation] = (prepared, held)
        return self._prepared[fold, preparation]


def _key(algorithm: str, settings: Settings) -> str:
    return f"{algorithm} {msgspec.json.encode(dict(sorted(settings.items()))).decode()}"


def preparation_for(algorithm: str) -> Preparation:
    """What features an algorithm takes."""
    return Preparation.PLAIN if estimator(algorithm).takes_missing else Preparation.SCALED


def prepare_rows(study: Study, rows: NDArray[np.int64], preparation: Preparation) -> Prepared:
    """Encoders fitted on some rows of a study."""
    return prepare(
        study.plan.columns,
        study.rows.at(rows),
        study.target.at(rows),
        preparation,
        study.asked.seed,
    )


def fit_core(
    study: Study,
    prepared: Prepared,
    rows: NDArray[np.int64],
    chosen: tuple[str, Settings],
    pause: Callable[[], None],
) -> FittedTable:
    """A core fitted on rows whose encoders are fitted; numbers are centred and scaled for it.

    Raises:
        InvalidInput: these rows cannot be fitted on by this algorithm.
    """
    algorithm, settings = chosen
    target = study.target.values[rows]
    weights = None if study.weights is None else study.weights[rows]
    centre, scale = 0.0, 1.0
    if not study.target.classes:
        centre = float(np.average(target, weights=weights))
        scale = float(target.std()) or 1.0
        target = (target - centre) / scale
    examples = Examples(
        features=prepared.features,
        target=target,
        weights=None if weights is None else weights / weights.mean(),
        classes=study.target.classes,
    )
    settings = with_signs(settings, study.asked.monotone, prepared)
    core = estimator(algorithm).fit(examples, settings, study.asked.seed, pause)
    return FittedTable(prepared, core, centre, scale)


def class_head(study: Study, link: str) -> Classes:
    """The head of a core before it is calibrated."""
    return Classes(
        labels=list(study.target.labels),
        link="probability" if link == "probability" else "logit",
        confidence=study.asked.confidence,
    )


def _prior(study: Study, split: Fold) -> NDArray[np.float64]:
    target = study.target.values[split.fit]
    weights = None if study.weights is None else study.weights[split.fit]
    if not study.target.classes:
        return np.array([np.average(target, weights=weights)])
    counted = np.bincount(target.astype(np.int64), weights, study.target.classes)
    return np.asarray(counted / counted.sum())
