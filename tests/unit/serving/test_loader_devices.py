"""What a deployment asks to be computed on, as the loader takes it."""

from pathlib import Path

import numpy as np
import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.frameworks.onnx import OnnxPredictor, check_model
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment
from lichen.serving.forecaster import FORECAST_FILE
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.loader import Loader
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

CONTENT = linear_core(np.ones((2, 1)))


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    catalog = Catalog(MemoryDocuments(), LocalBlobs(tmp_path), ManualClock())
    signature = check_model(CONTENT)
    catalog.register(Draft("line", "inference", "onnx", signature, "1"), {"model.onnx": CONTENT})
    none = Signature((), ())
    files = {"model.onnx": CONTENT, FORECAST_FILE: b"{}", "quantiles.npy": b""}
    catalog.register(Draft("load", "forecast", "ridge", none, "1"), files)
    catalog.register(Draft("own", "inference", "custom", none, "1"), {PREDICTOR_FILE: b""})
    return Loader(catalog)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_the_cpu_serves_where_there_is_no_gpu(loader: Loader, device: str) -> None:
    deployment = Deployment("d", "line", 1, device=device)  # type: ignore[arg-type]
    assert isinstance(loader.load(deployment), OnnxPredictor)


@pytest.mark.parametrize(
    ("deployment", "why"),
    [
        (Deployment("d", "line", 1, device="cuda"), "device cuda is absent"),
        (Deployment("d", "line", 1, device="cuda", threads=2), "leave out device or threads"),
        (Deployment("d", "load", 1, device="cuda"), "for ONNX models"),
        (Deployment("d", "own", 1, device="cuda"), "chooses its device itself"),
    ],
    ids=["absent", "threads", "forecaster", "own code"],
)
def test_cuda_that_cannot_be_is_refused(loader: Loader, deployment: Deployment, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        loader.load(deployment)


def test_another_device_is_loaded_anew() -> None:
    present = Deployment("d", "line", 1)
    assert present.runs_like(Deployment("d", "line", 1, generation=2))
    assert not present.runs_like(Deployment("d", "line", 1, generation=2, device="cpu"))
