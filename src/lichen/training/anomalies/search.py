"""Try the portfolio, cheapest first, and hold the detector that is worth its joules.

By labels each setting's average precision is known, and a dearer one must avoid enough of what the
held one misses. Without labels detectors cannot be told apart, and the cheapest is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import msgspec

from lichen.core.errors import InvalidInput, OverBudget, Unavailable, WorkFailed
from lichen.frameworks.onnx import OnnxPredictor
from lichen.protocol.training import AUTO, AnomalyTraining
from lichen.training.anomalies.calibration import FOLDS, Asked, Calibrated, calibrate, window_of
from lichen.training.anomalies.observations import Observations
from lichen.training.anomalies.portfolio import TITLES, Setting, settings_of
from lichen.training.anomalies.scores import precision_of
from lichen.training.checkpoints import kept_for
from lichen.training.networks import KeptNetworks
from lichen.training.pareto import on_front
from lichen.training.paying import has_stopped_paying
from lichen.training.result import Candidate
from lichen.training.spending import Spending
from lichen.training.watch import EnergyGauge, stop_if_cancelled
from lichen.training.worth import ASSUMED_RATIO, needed_gain

CHECKPOINT = "detectors"
ROUNDS = 25
ROWS_A_ROUND = 8
ENOUGH = 0.999
"""Average precision that leaves less than a tenth of a per cent to gain."""
HOPELESS = 0.1
"""So far behind the best its first setting may be for others of an algorithm to be tried."""
ROUNDING = 6
"""Digits of a score that are compared: the last ones differ between processors."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that was tried.

    Attributes:
        setting: what was tried.
        precision: average precision; None where there are no labels.
        nj_to_train: energy of the trial; None where nothing metered it (M5).
        nj_per_row: energy of one row judged as served; None where nothing metered it.
        refused: why it could not be fitted.
    """

    setting: Setting
    precision: float | None = None
    nj_to_train: int | None = None
    nj_per_row: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Trials so far, what they cost, and which task and data they belong to."""

    task: str
    trials: tuple[Trial, ...] = ()
    spent_nj: int = 0
    spent_ng: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked of which rows."""

    asked: AnomalyTraining
    seen: Observations

    def calibration(self, spending: Spending) -> Asked:
        """How each detector is calibrated."""
        asked = self.asked
        return Asked(
            false_alarms=asked.false_alarms,
            is_ordered=self.seen.is_ordered,
            folds=asked.cv or FOLDS,
            seed=asked.seed,
            network=asked.network,
            nursery=KeptNetworks(spending),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen, and everything that was tried."""

    setting: Setting
    calibrated: Calibrated
    candidates: tuple[Candidate, ...]


def search(study: Study, spending: Spending) -> Outcome:
    """Try every setting until all are tried or the budget is spent.

    Each is kept as a checkpoint, so a run that is killed takes up where it stood.

    Raises:
        InvalidInput: what is asked is not usable, or no detector can be fitted on the rows.
        WorkFailed: the run was cancelled.
    """
    settings = settings_of(study.asked, is_labelled=study.seen.marked is not None)
    made: dict[str, Calibrated] = {}
    trials = _tried(study, settings, spending, made)
    held, sentences = _weighed(study, trials)
    calibrated = made.get(_key(held.setting))
    if calibrated is None:  # it was tried by an earlier attempt of the job
        spending.begin(f"fitting {TITLES[held.setting.algorithm]}", 0.95)
        calibrated = calibrate(
            study.seen, held.setting, study.calibration(spending), spending.check
        )
    return Outcome(held.setting, calibrated, _candidates(study, trials, held, sentences))


def _tried(
    study: Study, settings: Sequence[Setting], spending: Spending, made: dict[str, Calibrated]
) -> tuple[Trial, ...]:
    task = _fingerprint(study)
    kept = kept_for(task, Checkpoint, spending.watch, CHECKPOINT) or Checkpoint(task)
    spending.earlier_nj = max(spending.earlier_nj, kept.spent_nj)
    spending.earlier_ng = max(spending.earlier_ng, kept.spent_ng)
    for number, setting in enumerate(settings):
        spending.begin(TITLES[setting.algorithm], 0.9 * (number + 1) / len(settings))
        if any(one.setting == setting for one in kept.trials) or _is_hopeless(setting, kept):
            continue
        why = _why_stop(study, kept, spending)
        if why:
            spending.end(why)
            break
        try:
            trial = _try(study, setting, spending, kept, made)
        except OverBudget as spent:
            if not kept.trials:
                raise
            spending.end(str(spent))
            break
        kept = replace(
            kept,
            trials=(*kept.trials, trial),
            spent_nj=spending.spent_nj or 0,
            spent_ng=spending.spent_ng or 0,
        )
        spending.watch.save(CHECKPOINT, msgspec.json.encode(kept))
        spending.end(f"{_told(setting)}: {trial.refused}" if trial.refused else None)
    return kept.trials


def _is_hopeless(setting: Setting, kept: Checkpoint) -> bool:
    """Whether the first setting of its algorithm was so far behind that no other is tried."""
    scored = [one for one in kept.trials if one.precision is not None]
    own = [one.precision or 0.0 for one in scored if one.setting.algorithm == setting.algorithm]
    return bool(own) and own[0] < max(one.precision or 0.0 for one in scored) - HOPELESS


def _why_stop(study: Study, kept: Checkpoint, spending: Spending) -> str | None:
    """Why no further setting is tried; None: one is."""
    tried = [one for one in kept.trials if one.refused is None]
    if not tried:
        return None
    if spending.exhausted:
        return f"the {spending.exhausted} budget is spent: the search ends here"
    if max(one.precision or 0.0 for one in tried) >= ENOUGH:
        return "what was tried finds all there is to find: the search ends here"
    scores, costs = [one.precision or 0.0 for one in tried], [one.nj_to_train for one in tried]
    if has_stopped_paying(scores, costs, study.asked.tenth_nj):
        return "the last trials cost more than they gained may cost: the search ends here"
    return None


def _try(
    study: Study,
    setting: Setting,
    spending: Spending,
    kept: Checkpoint,
    made: dict[str, Calibrated],
) -> Trial:
    """Fit, calibrate, score and meter one setting."""
    before = spending.gauge.spent()
    is_first = all(one.refused for one in kept.trials)  # there must be one detector
    pause = spending.check if is_first else spending.check_budget
    try:
        calibrated = calibrate(study.seen, setting, study.calibration(spending), pause)
    except (InvalidInput, Unavailable, WorkFailed) as refused:
        stop_if_cancelled(spending.watch)
        return Trial(setting, refused=str(refused))
    made[_key(setting)] = calibrated
    after = spending.gauge.spent()
    precision = precision_of(study.seen, calibrated)
    return Trial(
        setting,
        None if precision is None else round(precision, ROUNDING),
        None if before is None or after is None else after.nj - before.nj,
        _nj_per_row(study, setting, calibrated, spending.gauge),
    )


def _nj_per_row(
    study: Study, setting: Setting, calibrated: Calibrated, gauge: EnergyGauge
) -> int | None:
    """Energy of one row through the core, the least of several rounds: all else can only add."""
    if gauge.spent() is None:
        return None
    window = window_of(study.seen, setting.lags)
    predictor = OnnxPredictor(calibrated.fitted.onnx(calibrated.thresholds, window))
    row = predictor.example(1)
    rounds = []
    for _ in range(ROUNDS):
        before = gauge.spent()
        for _ in range(ROWS_A_ROUND):
            predictor.predict(row)
        after = gauge.spent()
        if before is not None and after is not None and after.nj > before.nj:
            rounds.append((after.nj - before.nj) // ROWS_A_ROUND)
    return min(rounds) if rounds else None


def _weighed(study: Study, trials: Sequence[Trial]) -> tuple[Trial, list[str]]:
    """The trial to take, and a sentence for each."""
    held: Trial | None = None
    sentences = []
    for trial in trials:
        if trial.refused is not None:
            sentences.append(f"{_told(trial.setting)}: not usable, {trial.refused}")
            continue
        is_worth, sentence = _compared(study, held, trial)
        sentences.append(f"{_told(trial.setting)}: {sentence}")
        if is_worth:
            held = trial
    if held is None:
        raise InvalidInput(trials[0].refused or "no detector could be fitted")
    return held, sentences


def _compared(study: Study, held: Trial | None, trial: Trial) -> tuple[bool, str]:
    if trial.precision is None:
        if study.asked.algorithm != AUTO:
            return True, "taken, as asked"
        return True, (
            "taken, for it is the cheapest and there are no labels to tell detectors apart by; "
            "name a label column to have them compared"
        )
    if held is None or held.precision is None:
        return True, f"average precision {trial.precision:.3f}, the first"
    missed = 1 - held.precision
    gain = (trial.precision - held.precision) / missed if missed > 0 else 0.0
    ratio = _ratio(held, trial)
    needed = needed_gain(ASSUMED_RATIO if ratio is None else ratio)
    said = "not metered" if ratio is None else f"{ratio:.2g}x"
    told = (
        f"average precision {trial.precision:.3f} after {held.precision:.3f} of "
        f"{_told(held.setting)}, {said} the joules a row"
    )
    if gain >= needed:
        return True, f"{told}: worth it"
    return False, f"{told}: not chosen"


def _ratio(held: Trial, trial: Trial) -> float | None:
    if not held.nj_per_row or not trial.nj_per_row:
        return None
    return trial.nj_per_row / held.nj_per_row


def _candidates(
    study: Study, trials: Sequence[Trial], held: Trial, sentences: Sequence[str]
) -> tuple[Candidate, ...]:
    fitted = [
        (one, said) for one, said in zip(trials, sentences, strict=True) if one.refused is None
    ]
    front = on_front(
        [(-(one.precision or 0.0), one.nj_to_train, one.nj_per_row) for one, _ in fitted]
    )
    return tuple(
        Candidate(
            algorithm=trial.setting.algorithm,
            score=study.asked.false_alarms if trial.precision is None else trial.precision,
            measure="false-alarm rate" if trial.precision is None else "average precision",
            more_is_better=trial.precision is not None,
            nj_to_train=trial.nj_to_train,
            nj_per_prediction=trial.nj_per_row,
            parameters=trial.setting.described(),
            chosen=trial is held,
            is_efficient=is_efficient,
            sentence=sentence,
        )
        for (trial, sentence), is_efficient in zip(fitted, front, strict=True)
    )


def _told(setting: Setting) -> str:
    """Its title, and what tells it from others of its kind."""
    said = [f"{name} {value}" for name, value in setting.described().items() if name != "trees"]
    return f"{TITLES[setting.algorithm]} ({', '.join(said)})" if said else TITLES[setting.algorithm]


def _key(setting: Setting) -> str:
    return msgspec.json.encode(setting, order="deterministic").decode()


def _fingerprint(study: Study) -> str:
    """Names a task and its rows: a checkpoint of others is of no use."""
    digest = sha256(msgspec.json.encode(study.asked))
    seen = study.seen
    for array in (seen.encoded, seen.runs, seen.is_fitted, seen.is_tested):
        digest.update(array.tobytes())
    if seen.truth is not None:
        digest.update(seen.truth.tobytes())
    return digest.hexdigest()
