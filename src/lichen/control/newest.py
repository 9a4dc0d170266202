"""The inference request that forecasts from a dataset's newest rows.

The only file of control that computes with rows: NumPy and DuckDB come with it, so the control
plane loads it by name when it is first asked.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.clock import Clock, parse_rfc3339, rfc3339
from lichen.core.errors import InvalidInput
from lichen.core.ids import ModelReference
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.recent import RecentTables
from lichen.data.table import Table, seconds64
from lichen.forecasting.specification import Specification
from lichen.protocol.admin import DatasetRows, JsonObject, NewestInput
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.store.blobs import BlobStore
from lichen.store.documents import DocumentStore
from lichen.training.forecasts.channels import channels_of
from lichen.training.forecasts.spec import ForecastSpec

FORECAST_FILE = "forecast.json"
_RECENT = RecentTables()
_CHANNEL = re.compile(r"(?P<target>.+)\[(?P<series>.+)\]")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a forecaster takes, and from where it is to be taken."""

    specification: Specification
    targets: tuple[str, ...]
    series: str | None
    dataset: DatasetVersion
    start: datetime | None

    @property
    def step(self) -> timedelta:
        """From one row to the next."""
        return timedelta(seconds=self.specification.step_seconds)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the dataset that are needed."""
        return (*self.targets, *self.specification.known)


def newest_input(
    documents: DocumentStore, blobs: BlobStore, clock: Clock, reference: str, start: str | None
) -> NewestInput:
    """The request, and what its answer means.

    Args:
        documents: where datasets and versions are known.
        blobs: where their bytes are.
        clock: the time.
        reference: the model version, `NAME@V`.
        start: first step to predict, RFC 3339; None: after the newest row with all targets.

    Raises:
        InvalidInput: the version is no forecaster, or the rows that it needs are not there.
    """
    catalog = Catalog(documents, blobs, clock)
    datasets = Datasets(documents, blobs, clock)
    manifest = catalog.resolve(ModelReference.parse(reference))
    asked = _asked(catalog, datasets, manifest, start)
    table = _rows(datasets, asked)
    first = asked.start or _after_the_newest(table, asked)
    inputs = [
        _tensor("history", _history(table, asked, first)),
        {"name": "start", "shape": [1], "datatype": "BYTES", "data": [rfc3339(first)]},
        *_known(table, asked, first),
    ]
    specification = asked.specification
    return NewestInput(
        request={"inputs": inputs},
        times=[first + step * asked.step for step in range(specification.horizon)],
        targets=list(specification.targets),
        units=list(specification.units) or [None] * len(specification.targets),
        quantile_levels=list(specification.levels),
    )


def newest_rows(
    documents: DocumentStore, blobs: BlobStore, clock: Clock, name: str, rows: int
) -> DatasetRows:
    """The newest rows of each series of a dataset's newest version.

    Raises:
        NotFound: there is no such dataset.
        Corrupt: its blob is damaged.
    """
    datasets = Datasets(documents, blobs, clock)
    version = datasets.get(name)
    shown = [one.name for one in version.schema if one not in version.schema.images]
    table = datasets.newest(version, shown, rows)
    times = [] if table.times is None else table.times.tolist()
    return DatasetRows(
        name=version.name,
        version=version.version,
        times=[moment.replace(tzinfo=UTC) for moment in times],
        columns={column: _cells(values) for column, values in table.arrays.items()},
    )


def _cells(values: Array) -> list[float | str | None]:
    """Cells as JSON has them: NaN and what is missing become null."""
    return [
        None if cell is None or (isinstance(cell, float) and not isfinite(cell)) else cell
        for cell in values.tolist()
    ]


def _asked(catalog: Catalog, datasets: Datasets, manifest: Manifest, start: str | None) -> _Asked:
    if manifest.dataset is None or manifest.file(FORECAST_FILE) is None:
        raise InvalidInput(
            f"{manifest.reference} is no forecaster trained here, so there are no newest rows for "
            "it: give its input yourself"
        )
    written = catalog.read(manifest, FORECAST_FILE)
    specification = msgspec.json.decode(written, type=Specification)
    dataset = datasets.get(manifest.dataset.name)  # its newest version: rows may have been added
    columns = dataset.schema.names
    targets = tuple(dict.fromkeys(_target_of(name, columns) for name in specification.targets))
    series = None if targets == specification.targets else dataset.schema.series
    return _Asked(specification, targets, series.name if series else None, dataset, _moment(start))


def _target_of(channel: str, columns: tuple[str, ...]) -> str:
    """A panel's channel is called `target[series]`."""
    matched = _CHANNEL.fullmatch(channel)
    return matched["target"] if matched and channel not in columns else channel


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise InvalidInput(f"the start is no time: {error}") from error


def _rows(datasets: Datasets, asked: _Asked) -> Table:
    """The rows that matter and not many more, from memory where they were read a moment ago."""
    specification = asked.specification
    day = specification.steps_per_day
    wanted = max(specification.context, specification.past) + specification.horizon + 2 * day
    if _RECENT.keeps(asked.dataset, asked.columns):
        whole = _RECENT.read(datasets, asked.dataset, asked.columns)
        return _last_rows(whole, asked, wanted)
    if asked.start is not None:
        until = asked.start + specification.horizon * asked.step
        return datasets.read(asked.dataset, asked.columns, until)
    return datasets.newest(asked.dataset, asked.columns, wanted)


def _last_rows(table: Table, asked: _Asked, steps: int) -> Table:
    """The steps that end with the horizon from the start on, else with the newest row."""
    if table.times is None or not len(table):
        return table
    horizon = asked.specification.horizon * asked.step
    newest = table.times.max().astype(datetime).replace(tzinfo=UTC) + asked.step
    end = newest if asked.start is None else min(newest, asked.start + horizon)
    return table.until(end).since(end - steps * asked.step)


def _after_the_newest(table: Table, asked: _Asked) -> datetime:
    """The first step for which no target is known."""
    known = np.isfinite(table.matrix(asked.targets)).all(axis=1)
    if table.times is None or not known.any():
        raise InvalidInput(
            f"the newest rows of {asked.dataset} hold no value of {', '.join(asked.targets)}: "
            "append rows, or say from when to forecast"
        )
    last: datetime = table.times[known].max().astype(datetime)
    return last.replace(tzinfo=UTC) + asked.step


def _history(table: Table, asked: _Asked, first: datetime) -> Array:
    specification = asked.specification
    before = table.until(first)
    if len(before) < specification.context:
        raise _too_few(asked, first, len(before))
    spec = ForecastSpec(targets=asked.targets, horizon=1, series=asked.series)
    channels = channels_of(before, spec)
    if channels.names != specification.targets:
        raise InvalidInput(
            f"{asked.dataset} holds the series {', '.join(channels.names)}, and the model was "
            f"trained on {', '.join(specification.targets)}: train it again"
        )
    if len(channels) < specification.context:
        raise _too_few(asked, first, len(channels))
    if channels.times[-1] != seconds64(first - asked.step):
        raise InvalidInput(
            f"{asked.dataset} has no row at {rfc3339(first - asked.step)}, right before the "
            "forecast: append the rows in between, or forecast from an earlier time"
        )
    return channels.values[None, -specification.context :]


def _known(table: Table, asked: _Asked, first: datetime) -> list[JsonObject]:
    """Covariates over the horizon, and before it where the model looks back on them."""
    specification = asked.specification
    if not specification.known:
        return []
    ahead = _covariates(table, asked, first, specification.horizon)
    if ahead is None:
        raise InvalidInput(
            f"{asked.dataset} does not hold {', '.join(specification.known)} for the "
            f"{specification.horizon} steps from {rfc3339(first)} on, which this model must know "
            "ahead: append rows that hold them, or forecast from an earlier time"
        )
    found = [_tensor("known", ahead)]
    back = specification.past
    past = _covariates(table, asked, first - back * asked.step, back) if back else None
    return found if past is None else [*found, _tensor("past", past)]


def _covariates(table: Table, asked: _Asked, first: datetime, steps: int) -> Array | None:
    """Known columns of `steps` rows from a moment on, (1, steps, columns); None with a gap."""
    if table.times is None:
        return None
    one = table if asked.series is None else _first_series(table, asked.series)
    assert one.times is not None  # noqa: S101 - for the type checker: `table` has times
    begin = int(np.searchsorted(one.times, seconds64(first)))
    times = one.times[begin : begin + steps]
    wanted = seconds64(first) + np.arange(steps) * np.timedelta64(asked.step)
    values = one.matrix(asked.specification.known)[begin : begin + steps]
    if not np.array_equal(times, wanted) or not np.isfinite(values).all():
        return None
    return values[None]


def _first_series(table: Table, series: str) -> Table:
    labels = table.arrays[series]
    return table.where(labels == labels[0])


def _too_few(asked: _Asked, first: datetime, rows: int) -> InvalidInput:
    return InvalidInput(
        f"{asked.dataset} has {rows} rows before {rfc3339(first)}, and the model looks at "
        f"{asked.specification.context}: append rows, or forecast from a later time"
    )


def _tensor(name: str, values: Array) -> JsonObject:
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": "FP32",
        "data": [float(value) for value in values.ravel().astype(np.float32)],
    }
