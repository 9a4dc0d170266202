"""The task `anomaly`: from the rows of a dataset to a detector that raw rows can be sent to."""

from collections.abc import Mapping

import msgspec

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.blas import one_blas_thread
from lichen.pipeline.declaration import Alarm, Pipeline
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.training import AnomalyTraining
from lichen.training.anomalies.calibration import window_of
from lichen.training.anomalies.observations import Observations, chosen_columns, observed
from lichen.training.anomalies.portfolio import settings_of
from lichen.training.anomalies.scores import metrics_of
from lichen.training.anomalies.search import Outcome, Study, search
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.spending import Spending

MODEL_FILE, PIPELINE_FILE = "model.onnx", "pipeline.json"
WINDOW = "window"


def train_anomaly(asked: AnomalyTraining, materials: Materials) -> TrainingResult:
    """Train a detector, its thresholds calibrated for the stated rate of false alarms.

    Raises:
        InvalidInput: what is asked or the rows cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    settings_of(asked, is_labelled=False)  # refused before any row is read
    with one_blas_thread():
        return _trained(asked, materials)


def _trained(asked: AnomalyTraining, materials: Materials) -> TrainingResult:
    spending = Spending(materials.gauge, materials.watch, asked.budget_nj, asked.budget_ng)
    spending.begin("reading the rows", 0.0)
    study = Study(asked, _seen(asked, materials))
    for line in study.seen.left_out:
        spending.report(line)
    outcome = search(study, spending)
    spending.begin("writing the model", 1.0)
    pipeline, tensor = _pipeline(study, outcome)
    window = window_of(study.seen, outcome.setting.lags)
    calibrated = outcome.calibrated
    files = {
        MODEL_FILE: calibrated.fitted.onnx(calibrated.thresholds, window),
        PIPELINE_FILE: msgspec.json.encode(pipeline),
    }
    spending.end()
    return TrainingResult(
        algorithm=outcome.setting.algorithm,
        files=files,
        signature=pipeline_signature(pipeline, tensor),
        metrics=metrics_of(study.seen, calibrated),
        parameters=_parameters(study, outcome),
        candidates=outcome.candidates,
    )


def _seen(asked: AnomalyTraining, materials: Materials) -> Observations:
    dataset = materials.dataset
    if asked.budget_nj is not None and asked.budget_nj <= 0:
        raise InvalidInput("the energy budget is 0 J or less: give more, or none")
    columns = chosen_columns(asked, dataset)
    panel = dataset.schema.series
    beside = (asked.label, asked.group, panel.name if panel else None)
    needed = (*(one.name for one in columns), *(one for one in beside if one))
    return observed(asked, dataset, materials.rows(tuple(dict.fromkeys(needed))))


def _pipeline(study: Study, outcome: Outcome) -> tuple[Pipeline, TensorSpec | None]:
    """What stands around the core; of a dynamic detector nothing before it."""
    calibrated = outcome.calibrated
    head = Alarm(
        statistics=list(calibrated.fitted.statistics),
        thresholds=calibrated.thresholds.tolist(),
        false_alarms=study.asked.false_alarms,
        columns=list(study.seen.names) if calibrated.fitted.contributes else [],
    )
    lags = outcome.setting.lags
    if not lags:
        return Pipeline(encoders=list(study.seen.encoders), head=head), None
    names = study.seen.names
    tensor = TensorSpec(
        WINDOW,
        Datatype.FP64,
        (-1, lags + 1, len(names)),
        description=f"a row after the {lags} before it, the oldest first; a NaN is missing",
        columns=names,
        missing=True,
    )
    return Pipeline(head=head, tensor=WINDOW), tensor


def _parameters(study: Study, outcome: Outcome) -> Mapping[str, object]:
    """What was asked, and what was found."""
    asked: dict[str, object] = msgspec.to_builtins(study.asked)
    seen = study.seen
    return {
        **asked,
        **outcome.setting.described(),
        "columns": list(seen.names),
        "columns_left_out": list(seen.left_out),
        "thresholds": dict(
            zip(
                outcome.calibrated.fitted.statistics,
                outcome.calibrated.thresholds.tolist(),
                strict=True,
            )
        ),
        "rows": len(seen.runs),
        "rows_calibrated": int(outcome.calibrated.is_calibrated.sum()),
        "rows_tested": int(seen.is_tested.sum()),
    }
