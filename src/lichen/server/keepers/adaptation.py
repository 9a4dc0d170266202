"""New rows of a dataset as truth: the intervals of what is deployed on it become wider or narrower.

Loaded by name, since it brings NumPy, DuckDB and the ONNX runtime.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import ModelReference
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.table import Table, seconds64
from lichen.forecasting.panel import Panel, on_grid
from lichen.forecasting.quantiles import Width
from lichen.forecasting.specification import Specification
from lichen.protocol.admin import JsonObject
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.serving.adaptation import Judged, judge, rows_needed
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.serving.forecaster import FORECAST_FILE, ForecastPredictor
from lichen.serving.loader import Loader
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore, scan_all

_STATED = ("test_until", "validate_until", "train_until")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What one deployment learnt: the change to commit, if any, and what the job says of it."""

    said: JsonObject
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """A version of a dataset, and the deployments whose forecasts it can judge.

    Attributes:
        documents: where deployments and widths are known.
        catalog: the registry.
        datasets: where rows are.
        dataset: the version with the new rows; it need not be committed yet.
    """

    documents: DocumentStore
    catalog: Catalog
    datasets: Datasets
    dataset: DatasetVersion

    def adaptations(self) -> list[Adaptation]:
        """One for each deployed forecaster that was trained on the dataset.

        A deployment that cannot be judged keeps its width, and what is said of it says why.
        """
        return [self._adapted_or_said(one) for one in self._deployments() if self._taught(one)]

    def _deployments(self) -> Iterator[Deployment]:
        for document in scan_all(self.documents, DEPLOYMENTS):
            try:
                yield msgspec.json.decode(document.body, type=Deployment)
            except (msgspec.MsgspecError, LichenError):
                traceback.print_exc()

    def _taught(self, deployment: Deployment) -> bool:
        """Whether its version is a forecaster that was trained on this dataset."""
        try:
            manifest = self._manifest(deployment)
        except LichenError:
            return False
        trained_on = manifest.dataset.name if manifest.dataset else None
        return trained_on == self.dataset.name and manifest.file(FORECAST_FILE) is not None

    def _manifest(self, deployment: Deployment) -> Manifest:
        return self.catalog.resolve(ModelReference(deployment.model, str(deployment.version)))

    def _adapted_or_said(self, deployment: Deployment) -> Adaptation:
        try:
            return self._adapted(deployment)
        except LichenError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - rows that are in order stay, whatever happens here
            traceback.print_exc()
            why = f"{type(error).__name__}, and the log says where"
        sentence = f"{deployment.name}: interval left as it is: {why}"
        return Adaptation({"deployment": deployment.name, "forecasts": 0, "sentence": sentence})

    def _adapted(self, deployment: Deployment) -> Adaptation:
        manifest, predictor = self._manifest(deployment), Loader(self.catalog).load(deployment)
        if not isinstance(predictor, ForecastPredictor) or manifest.dataset is None:
            raise InvalidInput(f"{deployment.reference} is no forecaster trained here")
        said = predictor.specification
        former, expect = self._former(deployment)
        if former is None:
            trained_on = self.datasets.get(manifest.dataset.name, manifest.dataset.version)
            width, since = Width.neutral(said), _seen_until(manifest, trained_on, said)
        else:
            width, since = former.width, former.until
        judged = judge(predictor, self._panel(manifest, said, since), width, seconds64(since))
        change = _change(deployment, judged, expect) if judged.until != seconds64(since) else None
        return Adaptation(_told(deployment, judged, width.seen), change)

    def _former(self, deployment: Deployment) -> tuple[Adapted | None, int]:
        """What was learnt with the deployed version so far, and the document to replace."""
        document = self.documents.get(WIDTHS, deployment.name)
        if document is None:
            return None, MUST_NOT_EXIST
        try:
            former = msgspec.json.decode(document.body, type=Adapted)
        except msgspec.MsgspecError:
            traceback.print_exc()
            return None, document.version
        return (former if former.is_of(deployment) else None), document.version

    def _panel(self, manifest: Manifest, said: Specification, since: datetime) -> Panel:
        """As many of the newest rows as it takes to judge what started at or after a moment."""
        asked = manifest.parameters
        targets, series = msgspec.convert(
            (asked.get("targets"), asked.get("series")), tuple[tuple[str, ...], str | None]
        )
        last = self.dataset.end or since
        fresh = max(0, (last - since) // timedelta(seconds=said.step_seconds) + 1)
        columns = (*targets, *said.known, *((series,) if series else ()))
        table = self.datasets.newest(self.dataset, columns, rows_needed(said, fresh))
        return panel_of(table, said, targets, series)


def panel_of(
    table: Table, said: Specification, targets: tuple[str, ...], series: str | None
) -> Panel:
    """A table's rows on the model's grid, channel by channel, NaN where nothing was recorded.

    Raises:
        InvalidInput: the table has no times, lacks a column, or is of another step.
    """
    if table.times is None:
        raise InvalidInput("the dataset has no time column: nothing in it can have come true")
    times, places = np.unique(table.times, return_inverse=True)
    labels = np.full(len(table), "") if series is None else table.arrays[series].astype(str)
    values = np.full((len(times), len(said.targets)), np.nan)
    known = np.full((len(times), len(said.known)), np.nan)
    for label in np.unique(labels):
        mine = labels == label
        part, rows = table.where(mine), places[mine]
        known[rows] = part.matrix(said.known)
        for target in targets:
            name = f"{target}[{label}]" if series else target
            if name in said.targets:
                values[rows, said.targets.index(name)] = part.column(target)
    return on_grid(times, values, known, said.step_seconds)


def _seen_until(manifest: Manifest, trained_on: DatasetVersion, said: Specification) -> datetime:
    """The end of the rows that the version was fitted, compared or scored on."""
    stated = [str(manifest.parameters[name]) for name in _STATED if manifest.parameters.get(name)]
    if trained_on.end is None:
        raise InvalidInput(f"{trained_on} has no times")
    end = trained_on.end.astimezone(UTC) + timedelta(seconds=said.step_seconds)
    return min(end, parse_rfc3339(stated[0])) if stated else end


def _change(deployment: Deployment, judged: Judged, expect: int) -> Change:
    until: datetime = judged.until.astype("datetime64[s]").item()
    adapted = Adapted(
        deployment.model,
        deployment.version,
        judged.width.factors,
        judged.width.seen,
        until.replace(tzinfo=UTC),
    )
    return Change(WIDTHS, deployment.name, msgspec.json.encode(adapted), expect)


def _told(deployment: Deployment, judged: Judged, seen: int) -> JsonObject:
    forecasts, factors = judged.width.seen - seen, judged.width.factors
    wide = " to ".join(dict.fromkeys(f"{one:.2f}" for one in (min(factors), max(factors))))
    came = "1 forecast" if forecasts == 1 else f"{forecasts} forecasts"
    passed = f", {judged.skipped} passed over" if judged.skipped else ""
    return {
        "deployment": deployment.name,
        "forecasts": forecasts,
        "skipped": judged.skipped,
        "factors": list(factors),
        "sentence": f"{deployment.name}: {came} came true{passed}, interval {wide} times as wide",
    }
