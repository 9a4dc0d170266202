"""What explains a model goes with it, and one request to explain has its bounds."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.clock import ManualClock, SystemClock
from lichen.core.errors import DeadlinePassed, InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.explainer import Wishes
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.explaining import Explanations
from lichen.serving.deployment import Deployment
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

CORE = linear_core(np.ones((2, 1), dtype=np.float32))
SIGNATURE = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 2), columns=("a", "b")),),
    (TensorSpec("raw", Datatype.FP32, (-1, 1)),),
)
LIMIT_S = 1.5
DEPLOYMENT = Deployment("d", "m", 1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def explanations(tmp_path: Path, clock: ManualClock) -> Explanations:
    documents = SqliteDocuments(tmp_path / "d.sqlite")
    catalog = Catalog(documents, LocalBlobs(tmp_path / "blobs"), SystemClock())
    catalog.register(Draft("m", "regression", "linear", SIGNATURE, "test"), {"model.onnx": CORE})
    return Explanations(catalog, clock, LIMIT_S, None)


def test_models_that_were_unloaded_do_not_stay_for_their_explainers(
    explanations: Explanations,
) -> None:
    loaded = []
    for _ in range(5):
        predictor = OnnxPredictor(CORE, SIGNATURE)
        found = explanations.of(predictor, DEPLOYMENT)
        assert explanations.of(predictor, DEPLOYMENT) is found
        loaded.append(weakref.ref(predictor))
        del predictor, found
    gc.collect()
    assert [one() is not None for one in loaded] == [False, False, False, True, True]


def test_many_rows_of_many_samples_are_refused_before_the_model_is_asked(
    explanations: Explanations,
) -> None:
    predictor = OnnxPredictor(CORE, SIGNATURE)
    rows = Batch({"features": np.ones((8, 2), dtype=np.float32)})
    wishes = Wishes(background=rows, samples=100_000)
    with pytest.raises(InvalidInput, match="8 rows of 100000 samples are too many"):
        explanations.inquiry(DEPLOYMENT, "shap", wishes).run(predictor, rows)


class Slow(OnnxPredictor):
    """Each answer takes a second."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.asked = clock, 0
        super().__init__(CORE, SIGNATURE)

    def predict(self, inputs: Batch) -> Batch:
        """Later."""
        self.clock.elapsed_ns += 1_000_000_000
        self.asked += 1
        return super().predict(inputs)


def test_an_explanation_ends_when_its_time_is_over_and_says_which_setting_ended_it(
    explanations: Explanations, clock: ManualClock
) -> None:
    predictor = Slow(clock)
    rows = Batch({"features": np.eye(2, dtype=np.float32)})
    wishes = Wishes(background=Batch({"features": np.zeros((1, 2), dtype=np.float32)}))
    inquiry = explanations.inquiry(DEPLOYMENT, "shap", wishes)
    inquiry.prepare(predictor)
    clock.elapsed_ns, predictor.asked = 0, 0
    with pytest.raises(DeadlinePassed, match=r"the 1.5 s .*explanation_seconds.*fewer rows"):
        inquiry.run(predictor, rows)
    assert predictor.asked == 2  # about the background and the first row; of no set of columns
