"""Asks a zone's newest model; loaded by name, since it brings NumPy and the ONNX runtime."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from lichen.carbon.grids.observations import moment_of
from lichen.carbon.outlook.archive import ZoneHistory
from lichen.carbon.outlook.expectation import Ask, Modelled
from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.model import MOST_MISSING, sun_over
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.record import HORIZON_HOURS, Step, possible
from lichen.carbon.outlook.series import DAY, Series, series_of
from lichen.core.batch import Array, Batch
from lichen.core.clock import rfc3339
from lichen.core.errors import Unavailable
from lichen.frameworks.blas import one_blas_thread
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.serving.forecaster import (
    FORECASTER_FILES,
    HISTORY,
    KNOWN,
    START,
    ForecastAdapter,
    ForecastPredictor,
)

MOST_STALE_HOURS = DAY
_KEPT_MODELS = 16


@lru_cache(maxsize=_KEPT_MODELS)
def _predictor(catalog: Catalog, reference: str, digests: tuple[str, ...]) -> ForecastPredictor:
    del digests  # a version never changes, but a home may be put back
    name, _, version = reference.partition("@")
    manifest = next(one for one in catalog.versions(name, int(version) - 1, 1))
    files: Mapping[str, bytes] = {file: catalog.read(manifest, file) for file in FORECASTER_FILES}
    return ForecastAdapter().load(files, manifest.signature)


def ask_model(catalog: Catalog, manifest: Manifest, place: Place) -> Ask:
    """Who answers with one version of a zone's model."""

    def ask(history: ZoneHistory, present_hour: int) -> Modelled:
        _check_same(history, manifest)
        digests = tuple(file.sha256 for file in manifest.files)
        predictor = _predictor(catalog, manifest.reference, digests)
        series = series_of(history.hours, present_hour)
        _check_fresh(series, predictor.specification.context)
        with one_blas_thread():
            said = predictor.predict(Batch(_inputs(predictor, series, place)))
        return Modelled(_steps(said), f"{manifest.reference} on {', '.join(history.sources)}")

    return ask


def _check_same(history: ZoneHistory, manifest: Manifest) -> None:
    stands_on = (manifest.parameters.get("signal"), manifest.parameters.get("scope"))
    if stands_on != (history.signal.value, history.scope.value):
        raise Unavailable(
            f"{manifest.reference} was trained on {stands_on[0]} {stands_on[1]} figures, and the "
            f"history is of {history.signal} {history.scope} ones: it is trained anew within a day"
        )


def _check_fresh(series: Series, context: int) -> None:
    """Refuse a window that was filled in more than it was recorded."""
    if series.rows < context:
        raise Unavailable(f"{series.rows} hours of history are fewer than the model's {context}")
    window = np.isnan(series.recorded[-context:])
    stale = int(np.argmin(window[::-1])) if not window.all() else context
    if stale > MOST_STALE_HOURS:
        last = moment_of((series.first_hour + series.rows - stale) * HOUR_S)
        raise Unavailable(f"the history ends at {last:%Y-%m-%d %H:%M}Z, {stale} h ago")
    if window.mean() > MOST_MISSING:
        raise Unavailable(
            f"{window.mean():.0%} of the last {context} hours are missing, more than "
            f"{MOST_MISSING:.0%}"
        )


def _inputs(predictor: ForecastPredictor, series: Series, place: Place) -> Mapping[str, Array]:
    said = predictor.specification
    present = series.first_hour + series.rows
    arrays: dict[str, Array] = {
        HISTORY: series.filled[None, -said.context :, None].astype(np.float32),
        START: np.array([rfc3339(moment_of(present * HOUR_S)).encode()], dtype=np.object_),
    }
    if said.known:
        arrays[KNOWN] = sun_over(place, present, HORIZON_HOURS)[None].astype(np.float32)
    return arrays


def _steps(said: Batch) -> tuple[Step, ...]:
    mean, quantiles = said["mean"][0, :, 0], said["quantiles"][0, :, 0, :]
    return tuple(
        Step(possible(float(one)), tuple(possible(float(level)) for level in sorted(levels)))
        for one, levels in zip(mean, quantiles, strict=True)
    )
