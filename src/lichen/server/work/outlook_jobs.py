"""Jobs that train a zone's outlook: kind `train`, task `outlook`, metered as all are.

The platform submits one a day for each zone whose history is long enough; see `outlook_keeper`.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib.metadata import version

import msgspec
import numpy as np

from lichen.carbon.outlook.archive import ZoneHistory, before
from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.scoring import scores_of
from lichen.carbon.outlook.series import DAY, Series, series_of
from lichen.carbon.outlook.training import Trained, Trainer
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.energy.power.machine import this_machine
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.manifest import Draft, Manifest, Metric
from lichen.server.keepers.outlook_keeper import MOST_DAYS, OutlookSpec
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.keepers.zone_outlooks import model_of
from lichen.server.work.workbench import Workbench
from lichen.store.documents import Change
from lichen.training.forecasts.run import FORECAST_FILE, MODEL_FILE, QUANTILES_FILE
from lichen.training.forecasts.signature import forecast_signature

ALGORITHM = "profile-ridge"
SPLIT = "the last 90 days, each forecast by a model of before its week"


def train_outlook(bench: Workbench) -> None:
    """Train on all hours before the job's, and register the version with its completion.

    Raises:
        InvalidInput: the history is too short for a model.
    """
    spec = msgspec.convert(bench.job.spec, OutlookSpec)
    histories = ZoneHistories(bench.settings.carbon, bench.home.intensities, bench.clock)
    history = histories.of(spec.zone)
    if history is None:
        raise InvalidInput(f"nothing is known of {spec.zone}: seed its history with a file")
    bench.watch.tell("reading the history", 0.0)
    known = before(history.hours, spec.until)
    oldest = max(known, default=0) - MOST_DAYS * DAY
    series = series_of({hour: value for hour, value in known.items() if hour > oldest})
    bench.watch.tell("training", 0.1)
    with one_blas_thread():
        trainer = Trainer(spec.zone, histories.place(spec.zone), series)
        trained = trainer.train(series.rows)
        judged = trainer.judged(series.rows)
    scores = scores_of(judged) if judged else ()
    metrics = tuple(Metric(one.name, one.value, one.unit, SPLIT) for one in scores)
    _register(bench, trained, metrics, _parameters(spec, history, series, trained))


def _parameters(
    spec: OutlookSpec, history: ZoneHistory, series: Series, trained: Trained
) -> Mapping[str, object]:
    """What the model stands on: enough to know the very same hours again."""
    return {
        "zone": spec.zone,
        "signal": history.signal.value,
        "scope": history.scope.value,
        "history_sources": list(history.sources),
        "history_from": _said(series.first_hour),
        "history_until": _said(series.first_hour + series.rows),
        "history_sha256": sha256(series.recorded.tobytes()).hexdigest(),
        "hours": series.rows,
        "missing_hours": int(np.isnan(series.recorded).sum()),
        "forecasts_judged": trained.judged,
        "horizon": trained.specification.horizon,
        "context": trained.specification.context,
        "timezone": trained.specification.timezone,
    }


def _said(hour: int) -> str:
    return rfc3339(datetime.fromtimestamp(hour * HOUR_S, UTC))


def _register(
    bench: Workbench,
    trained: Trained,
    metrics: tuple[Metric, ...],
    parameters: Mapping[str, object],
) -> None:
    host = this_machine()
    draft = Draft(
        model=model_of(str(parameters["zone"])),
        task="forecast",
        algorithm=ALGORITHM,
        signature=forecast_signature(trained.specification),
        code_version=version("lichen"),
        metrics=metrics,
        parameters=parameters,
        receipt=bench.spending.receipt(),
        hardware=f"{host.processor.name}, {host.threads} threads",
        job_id=bench.job_id,
        fence=bench.job.fence,
    )
    files = {
        MODEL_FILE: linear_core(trained.weights),
        FORECAST_FILE: msgspec.json.encode(trained.specification),
        QUANTILES_FILE: _npy(trained),
    }
    catalog = bench.catalog()
    bench.commit(lambda: catalog.register(draft, files, partial(_beside, bench)))


def _beside(bench: Workbench, manifest: Manifest) -> Sequence[Change]:
    return bench.completion({"model": manifest.model, "version": manifest.version})


def _npy(trained: Trained) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, trained.quantiles, allow_pickle=False)
    return buffer.getvalue()
