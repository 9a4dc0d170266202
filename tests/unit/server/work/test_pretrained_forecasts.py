"""A registered model of windows becomes a forecaster by a job of training, or says why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lichen.control.jobs import Jobs
from lichen.control.transitions import Claim
from lichen.core.batch import Batch
from lichen.core.clock import SystemClock, rfc3339
from lichen.core.errors import InvalidInput
from lichen.core.figures import Method
from lichen.core.ids import DEFAULT_TENANT, ModelReference
from lichen.data.datasets import Datasets
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.training import ForecastTraining
from lichen.registry.catalog import Catalog
from lichen.registry.imports import ForeignModel, import_foreign
from lichen.registry.manifest import Draft, Manifest
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import load
from lichen.server.work.job import open_workbench
from lichen.server.work.training_jobs import train
from lichen.serving.forecaster import FORECASTER_FILES, ForecastAdapter
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)
START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS, CONTEXT, STEPS = 14, 48, 24
DAY_BEFORE = np.eye(CONTEXT, STEPS, k=-(CONTEXT - STEPS))
ASKED = ForecastTraining(
    data="load", name="f", targets=["load"], horizon=12, algorithm="pretrained", pretrained="tsfm@1"
)


@dataclass
class Platform:
    """A home with a dataset and a pretrained model, and no process."""

    settings: Settings
    documents: SqliteDocuments
    blobs: LocalBlobs

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.documents, self.blobs, SystemClock())

    def train(self, asked: ForecastTraining) -> Manifest:
        """One attempt at a job, in this process; the version that it registered."""
        jobs = Jobs(self.documents, SystemClock())
        job = jobs.submit(JobKind.TRAIN, msgspec.to_builtins(asked), DEFAULT_TENANT)
        Home(self.settings.home).job(job.id).mkdir(parents=True)
        claimed = jobs.apply(job.id, Claim("worker", SystemClock().now() + timedelta(seconds=60)))
        bench = open_workbench(self.settings, job.id, claimed.fence)
        try:
            train(bench)
        finally:
            bench.spending.close()
            bench.documents.close()
        assert jobs.get(job.id).state is JobState.SUCCEEDED
        return self.catalog.resolve(ModelReference(asked.name or asked.data, "latest"))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    tmp_path = tmp_path_factory.mktemp("platform")
    settings = load({"home": tmp_path / "home", "runtime": tmp_path, "zone": "DE"}, {})
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    writer = PageWriter(tmp_path)
    writer.publish(PageContent(1, 0, 1, 0, 0, 0, RATE))
    documents, blobs = SqliteDocuments(home.documents), LocalBlobs(home.blobs)
    made = Platform(settings, documents, blobs)
    content = linear_core(DAY_BEFORE)
    model = ForeignModel(
        "tsfm", OnnxPredictor(content).signature, {"model.onnx": content}, "t.onnx", "onnx"
    )
    import_foreign(made.catalog, model, "0")
    for name, files in {
        "other": {"weights.bin": b"1"},
        "text": {"model.onnx": b"no model"},
        "long": {"model.onnx": linear_core(np.eye(400, STEPS))},
    }.items():
        made.catalog.register(Draft(name, "imported", "imported", model.signature, "0"), files)
    Datasets(documents, blobs, clock, tmp_path).ingest("load", rows(tmp_path))
    yield made
    documents.close()
    writer.close()


def rows(folder: Path) -> Path:
    hours = np.arange(24 * DAYS)
    load = (
        50 + 10 * np.sin(2 * np.pi * hours / 24) + np.random.default_rng(1).normal(size=len(hours))
    )
    lines = [
        f"{rfc3339(START + timedelta(hours=int(hour)))},{value:.3f}"
        for hour, value in zip(hours, load, strict=True)
    ]
    path = folder / "load.csv"
    path.write_text("\n".join(["time,load", *lines]) + "\n")
    return path


def test_it_stands_beside_the_guards_and_is_served_as_any_forecaster(platform: Platform) -> None:
    manifest = platform.train(ASKED)
    assert manifest.algorithm == "pretrained"
    scores = {metric.name: metric.value for metric in manifest.metrics}
    assert scores["skill"] == pytest.approx(0.0, abs=1e-4), "the day before is the guard"
    assert manifest.parameters["pretrained"] == "tsfm@1"
    base = platform.catalog.resolve(ModelReference("tsfm", "1")).file("model.onnx")
    assert base is not None
    assert manifest.parameters["pretrained_sha256"] == base.sha256
    files = {name: platform.catalog.read(manifest, name) for name in FORECASTER_FILES}
    predictor = ForecastAdapter().load(files, manifest.signature)
    history = 40 + np.random.default_rng(2).normal(size=(2, CONTEXT, 1)).astype(np.float32)
    start = np.array([b"2026-02-01T05:00:00Z"] * 2, dtype=object)
    answers = predictor.predict(Batch({"history": history, "start": start}))
    day_before = history[:, CONTEXT - STEPS : CONTEXT - STEPS + 12]
    assert np.allclose(answers["mean"], day_before, rtol=1e-5)
    assert (np.diff(answers["quantiles"], axis=-1) >= 0).all()
    again = platform.train(ASKED)
    assert {one.name: one.sha256 for one in again.files if one.name in FORECASTER_FILES} == {
        one.name: one.sha256 for one in manifest.files if one.name in FORECASTER_FILES
    }
    with pytest.raises(InvalidInput, match="pretrained 'f@1' was trained here, on series of its"):
        platform.train(msgspec.structs.replace(ASKED, pretrained="f@1"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pretrained": None}, "no pretrained model is named: name a registered one as NAME@V"),
        ({"algorithm": "ridge"}, "algorithm 'ridge' takes no pretrained model: leave 'tsfm@1' out"),
        ({"pretrained": "tsfm@2"}, "'tsfm@2' is not registered: model 'tsfm' has no version 2"),
        ({"pretrained": "none@1"}, "'none@1' is not registered: there is no model 'none'"),
        ({"pretrained": "/etc/passwd"}, "'/etc/passwd'"),
        ({"pretrained": "other@1"}, "'other@1' is no ONNX model: its version has no model.onnx"),
        ({"pretrained": "text@1"}, "'text@1' cannot be taken: the file is no ONNX model"),
        ({"horizon": 25}, "forecasts 24 steps, and 25 are asked for: ask for up to 24"),
        ({"context": 24}, "windows of 48 steps, and the context is 24: leave the context out"),
        ({"pretrained": "long@1"}, r"pretrained needs 412 rows to fit on, one context \(400\)"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_registers_nothing(
    platform: Platform, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        platform.train(msgspec.structs.replace(ASKED, name="never", **changed))
    assert "never" not in [one.name for one in platform.catalog.models()]
