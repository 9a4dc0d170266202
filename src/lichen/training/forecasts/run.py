"""The run: rows in, a forecaster's files out; metered, resumable, the same bytes each time."""

import io
from collections.abc import Mapping
from dataclasses import asdict, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.data.table import Table
from lichen.forecasting.quantiles import widened
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.pretrained import PretrainedModel
from lichen.registry.manifest import Metric
from lichen.training.forecasts.algorithms import GUARDS, Guard
from lichen.training.forecasts.channels import channels_of
from lichen.training.forecasts.core import Fitted
from lichen.training.forecasts.grown import Grown
from lichen.training.forecasts.search import Outcome, described, search
from lichen.training.forecasts.signature import forecast_signature
from lichen.training.forecasts.spec import PRETRAINED, ForecastSpec, Refit, checked
from lichen.training.forecasts.study import Study, study_of
from lichen.training.forecasts.validation import (
    Rated,
    quantile_table,
    rate,
    scale_of,
    validation_mase,
)
from lichen.training.networks import KeptNetworks
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending
from lichen.training.watch import EnergyGauge, Watch

MODEL_FILE = "model.onnx"
FORECAST_FILE = "forecast.json"
QUANTILES_FILE = "quantiles.npy"
LARGEST_MAPE = 1000.0
"""Per cent: beyond it some truth is all but 0, and the figure says nothing of the forecasts."""


def execute(
    spec: ForecastSpec,
    table: Table,
    watch: Watch,
    gauge: EnergyGauge,
    pretrained: PretrainedModel | None = None,
) -> TrainingResult:
    """Train a forecaster as `spec` asks on the rows of `table`, or take the one `pretrained`.

    Raises:
        InvalidInput: the specification or the rows cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    with one_blas_thread():
        spec = checked(spec)
        spending = Spending(gauge, watch, spec.budget_nj, spec.budget_ng)
        return _execute(spec, table, spending, pretrained)


def _execute(
    spec: ForecastSpec, table: Table, spending: Spending, pretrained: PretrainedModel | None
) -> TrainingResult:
    spending.begin("reading the rows", 0.0)
    study = study_of(channels_of(table, spec), spec)
    scale_of(study)
    study = replace(
        study,
        nursery=Grown.of_earlier_attempts(spending),
        networks=KeptNetworks(spending),
        pretrained=pretrained,
    )
    outcome = search(study, spending)
    spending.begin("scoring the choice", 0.9)
    rated = _rated(study, outcome, spending)
    spending.begin("fitting the choice", 1.0)
    fitted, residual_table = _shipped(study, outcome, rated, spending)
    files = {
        MODEL_FILE: fitted.core.onnx(),
        FORECAST_FILE: msgspec.json.encode(fitted.specification),
        QUANTILES_FILE: _npy(residual_table),
    }
    spending.end()
    return TrainingResult(
        algorithm=outcome.algorithm.name,
        files=files,
        signature=forecast_signature(fitted.specification),
        metrics=_metrics(study, outcome, rated, spending),
        parameters=_parameters(study, outcome),
        candidates=outcome.candidates,
    )


def _part(study: Study) -> tuple[str, tuple[int, int]]:
    """The rows the choice is scored on: the test part, or where there is none the validation."""
    split = study.split
    if split.tested:
        return "test", (split.validate, split.test)
    return "validation", (split.fit, split.validate)


def _rated(study: Study, outcome: Outcome, spending: Spending) -> Rated:
    _, part = _part(study)
    return rate(study, outcome.algorithm, outcome.trial.setting, part, spending.check)


def _shipped(
    study: Study, outcome: Outcome, rated: Rated, spending: Spending
) -> tuple[Fitted, NDArray[np.float32]]:
    """The model and the residual quantiles that are shipped.

    With a test part and no refits: what was tested, its width as it stood at the end. Otherwise
    the procedure's state at the last row it may look at.
    """
    algorithm, setting = outcome.algorithm, outcome.trial.setting
    if study.split.tested and study.spec.refit is Refit.NEVER:
        return rated.fitted, widened(rated.table, rated.width)
    end = study.panel.rows
    fitted = algorithm.fit(study, setting, end, spending.check)
    misses = algorithm.misses(study, setting, end, spending.check)
    return fitted, quantile_table(study, setting, misses)


def _metrics(
    study: Study, outcome: Outcome, rated: Rated, spending: Spending
) -> tuple[Metric, ...]:
    """The choice's scores, the better guard's MASE on the same rows, and the skill against it."""
    split, part = _part(study)
    made = [
        Metric(score.name, score.value, score.unit, split)
        for score in rated.scores
        if score.name != "MAPE" or score.value <= LARGEST_MAPE
    ]
    tried = {candidate.algorithm for candidate in outcome.candidates}
    guard = min(_mase_of(study, one, part, spending) for one in GUARDS if one.name in tried)
    made.append(Metric("MASE of the naive guard", guard, None, split))
    if guard > 0:
        made.append(Metric("skill", 1 - rated.value("MASE") / guard, None, split))
    return tuple(made)


def _mase_of(study: Study, guard: Guard, part: tuple[int, int], spending: Spending) -> float:
    setting = guard.tune(study, spending.check)
    fitted = guard.fit(study, setting, part[0], spending.check)
    return validation_mase(study, guard.roll(study, setting, study.origins(*part), fitted))


def _parameters(study: Study, outcome: Outcome) -> Mapping[str, object]:
    """What was asked, and what the search found."""
    asked: dict[str, object] = msgspec.to_builtins(asdict(study.spec))
    return {
        **asked,
        **described(outcome.trial),
        "step_seconds": study.panel.step_seconds,
        "rows": study.panel.rows,
        "rows_fitted": study.split.fit,
        "rows_validated": study.split.validate - study.split.fit,
        "rows_tested": study.split.test - study.split.validate,
        "cells_filled": int(study.gaps.sum()),
        "channels": list(study.base.targets),
        **_taken(study, outcome),
    }


def _taken(study: Study, outcome: Outcome) -> Mapping[str, object]:
    """Which file a pretrained model was: its name may come to mean another version."""
    if study.pretrained is None or outcome.algorithm.name != PRETRAINED:
        return {}
    return {"pretrained_sha256": study.pretrained.sha256}


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
