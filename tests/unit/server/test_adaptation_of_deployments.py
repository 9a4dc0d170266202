"""Which deployments a dataset's rows can judge, from where on, and what is said of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lichen.core.clock import SystemClock, rfc3339
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import DatasetReference, Draft
from lichen.server.keepers.adaptation import Adaptation, Truth
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.blobs import MemoryBlobs
from lichen.store.documents import MUST_NOT_EXIST, Change, MemoryDocuments
from lichen.training.forecasts.signature import forecast_signature

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 48
SAID = Specification(targets=("load",), known=("warmth",), step_seconds=3600, horizon=4, context=6)
PANEL = replace(SAID, targets=("load[a]", "load[b]"), known=())


def lines(first: int, last: int, noise: float, series: str = "") -> list[str]:
    chance = np.random.default_rng(first)
    return [
        f"{rfc3339(START + timedelta(hours=hour))},{5 + noise * chance.normal():.3f},1"
        + (f",{series}" if series else "")
        for hour in range(first, last)
    ]


@dataclass
class House:
    """A registry, a dataset of so many hours, and a forecaster of them: the last hour again."""

    folder: Path
    documents: MemoryDocuments
    catalog: Catalog
    datasets: Datasets

    def rows(self, first: int, last: int, noise: float, labels: Sequence[str] = ()) -> Path:
        path = self.folder / f"{first}.csv"
        parts = [lines(first, last, noise, one) for one in labels] or [lines(first, last, noise)]
        head = "time,load,warmth" + (",place" if labels else "")
        path.write_text("\n".join([head, *(line for part in parts for line in part)]) + "\n")
        return path

    def train(self, said: Specification = SAID, **parameters: object) -> int:
        weights = np.zeros((feature_count(said), said.horizon))
        weights[said.context - 1] = 1.0
        shape = (1, said.horizon, len(said.targets), 1)
        table = np.linspace(-0.1, 0.1, 9, dtype=np.float32) * np.ones(shape, np.float32)
        written = io.BytesIO()
        np.save(written, table)
        dataset = self.datasets.get("load", 1)
        draft = Draft(
            "m",
            "forecast",
            "ridge",
            forecast_signature(said),
            "0",
            dataset=DatasetReference("load", 1, dataset.parquet_digest),
            parameters={"targets": ["load"], **parameters},
        )
        files = {
            "model.onnx": linear_core(weights),
            "forecast.json": msgspec.json.encode(said),
            "quantiles.npy": written.getvalue(),
        }
        return self.catalog.register(draft, files).version

    def deploy(self, name: str, model: str, version: int) -> None:
        body = msgspec.json.encode(Deployment(name, model, version))
        self.documents.commit([Change(DEPLOYMENTS, name, body)])

    def judged(self, dataset: DatasetVersion) -> list[Adaptation]:
        return Truth(self.documents, self.catalog, self.datasets, dataset).adaptations()


@pytest.fixture
def house(tmp_path: Path) -> House:
    documents, blobs, clock = MemoryDocuments(), MemoryBlobs(), SystemClock()
    datasets = Datasets(documents, blobs, clock, tmp_path)
    return House(tmp_path, documents, Catalog(documents, blobs, clock), datasets)


@pytest.fixture
def deployed(house: House) -> House:
    house.datasets.ingest("load", house.rows(0, ROWS, 0.05))
    house.deploy("d", "m", house.train())
    return house


def appended(house: House, first: int, last: int, noise: float = 1.0) -> DatasetVersion:
    return house.datasets.append("load", house.rows(first, last, noise))


def adapted(one: Adaptation) -> Adapted:
    assert one.change is not None
    assert one.change.body is not None
    return msgspec.json.decode(one.change.body, type=Adapted)


def test_new_rows_judge_what_starts_after_those_trained_on(deployed: House) -> None:
    (one,) = deployed.judged(appended(deployed, ROWS, ROWS + 21))
    state = adapted(one)
    assert (state.model, state.version, state.seen) == ("m", 1, 5)
    assert state.until == START + timedelta(hours=ROWS + 20)
    assert state.factors[0] > 1
    assert one.change is not None
    assert (one.change.collection, one.change.key) == (WIDTHS, "d")
    assert one.change.expect == MUST_NOT_EXIST
    wide = f"{state.factors[0]:.2f}"
    assert one.said["sentence"] == f"d: 5 forecasts came true, interval {wide} times as wide"


def test_no_forecast_counts_twice(deployed: House) -> None:
    version = appended(deployed, ROWS, ROWS + 21)
    (first,) = deployed.judged(version)
    assert first.change is not None
    revision = deployed.documents.commit([first.change])
    (again,) = deployed.judged(version)
    assert again.change is None
    assert again.said["forecasts"] == 0
    (next_one,) = deployed.judged(appended(deployed, ROWS + 21, ROWS + 28))
    assert next_one.change is not None
    assert next_one.change.expect == revision
    assert adapted(next_one).seen == 7


def test_a_new_version_starts_at_its_own_table(deployed: House) -> None:
    version = appended(deployed, ROWS, ROWS + 21)
    (first,) = deployed.judged(version)
    assert first.change is not None
    deployed.documents.commit([first.change])
    deployed.deploy("d", "m", deployed.train())
    (other,) = deployed.judged(version)
    assert (adapted(other).version, adapted(other).seen) == (2, 5)


def test_rows_after_the_stated_times_were_never_seen(house: House) -> None:
    house.datasets.ingest("load", house.rows(0, ROWS, 0.05))
    stated = rfc3339(START + timedelta(hours=ROWS - 20))
    house.deploy("d", "m", house.train(train_until=rfc3339(START), validate_until=stated))
    (one,) = house.judged(appended(house, ROWS, ROWS + 4))
    assert adapted(one).seen == 24 // 4


def test_each_series_of_a_panel_has_its_own_width(house: House) -> None:
    house.datasets.ingest("load", house.rows(0, ROWS, 0.05, ["a", "b"]))
    house.deploy("d", "m", house.train(PANEL, series="place"))
    quiet = lines(ROWS, ROWS + 20, 0.0, "a")
    more = house.folder / "more.csv"
    noisy = lines(ROWS, ROWS + 20, 1.0, "b")
    more.write_text("\n".join(["time,load,warmth,place", *quiet, *noisy]) + "\n")
    (one,) = house.judged(house.datasets.append("load", more))
    narrow, wide = adapted(one).factors
    assert narrow < 1 < wide
    assert f"interval {narrow:.2f} to {wide:.2f} times as wide" in one.said["sentence"]


def test_what_is_not_trained_on_the_dataset_is_left_alone(deployed: House) -> None:
    deployed.datasets.ingest("other", deployed.rows(0, 30, 1.0))
    deployed.deploy("ghost", "gone", 1)
    deployed.documents.commit([Change(DEPLOYMENTS, "broken", b"{}")])
    assert deployed.judged(deployed.datasets.get("other")) == []
    assert len(deployed.judged(deployed.datasets.get("load"))) == 1


def test_a_deployment_that_cannot_be_judged_says_why(deployed: House) -> None:
    deployed.deploy("e", "m", deployed.train(targets=["absent"]))
    version = appended(deployed, ROWS, ROWS + 21)
    sound, failed = deployed.judged(version)
    assert sound.change is not None
    assert failed.change is None
    assert failed.said["sentence"].startswith("e: interval left as it is: ")
    assert "absent" in failed.said["sentence"]


def test_a_width_that_cannot_be_read_is_learnt_anew(deployed: House) -> None:
    revision = deployed.documents.commit([Change(WIDTHS, "d", b"broken")])
    (one,) = deployed.judged(appended(deployed, ROWS, ROWS + 21))
    assert adapted(one).seen == 5
    assert one.change is not None
    assert one.change.expect == revision
