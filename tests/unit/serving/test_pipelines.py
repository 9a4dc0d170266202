"""A pipeline is served from its files: raw rows in, answers out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.alternatives import choices_of
from lichen.frameworks.onnx_writer import linear_core
from lichen.frameworks.runtimes import Choice
from lichen.pipeline.declaration import Classes, Number, OneHot, Pipeline, Value, Words
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.catalog import Catalog
from lichen.registry.imports import import_exported
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment
from lichen.serving.loader import Loader
from lichen.serving.pipelines import PipelineAdapter
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

PIPELINE = Pipeline(
    encoders=[
        Number(column="size", fill=2.0, may_lack=True),
        OneHot(column="kind", values=["air", "water"], flags_other=False),
    ],
    head=Value(centre=10.0, scale=2.0, half_width=1.0),
)
FILES = {
    "model.onnx": linear_core(np.array([[1.0], [10.0], [100.0]])),
    **pipeline_files(PIPELINE),
}
ROWS = Batch(
    {
        "numbers": np.array([[3.0], [np.nan]]),
        "texts": np.array([[b"air"], [b"water"]], dtype=np.object_),
    }
)


def loader(folder: Path, files: Mapping[str, bytes], signature: Signature) -> Loader:
    catalog = Catalog(MemoryDocuments(), LocalBlobs(folder), ManualClock())
    catalog.register(Draft("m", "regression", "ridge", signature, "1"), files)
    return Loader(catalog)


def test_raw_rows_are_encoded_and_what_the_core_says_is_answered(tmp_path: Path) -> None:
    served = loader(tmp_path, FILES, pipeline_signature(PIPELINE)).load(Deployment("d", "m", 1))
    answer = served.predict(ROWS)
    assert answer["prediction"].tolist() == [2 * 13 + 10, 2 * 102 + 10]
    assert answer["high"].tolist() == [37, 215]
    assert choices_of(served) == (Choice(None, "onnxruntime"),)


def test_a_pipeline_answers_the_same_after_a_journey_to_another_registry(tmp_path: Path) -> None:
    here = Catalog(MemoryDocuments(), LocalBlobs(tmp_path / "here"), ManualClock())
    there = Catalog(MemoryDocuments(), LocalBlobs(tmp_path / "there"), ManualClock())
    signature = pipeline_signature(PIPELINE)
    manifest = here.register(Draft("m", "regression", "ridge", signature, "1"), FILES)
    here.export(manifest, tmp_path / "out")
    contents = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    import_exported(there, contents, "n")
    served = Loader(there).load(Deployment("d", "n", 1))
    assert served.signature == signature
    assert served.predict(ROWS)["prediction"].tolist() == [36, 214]


def test_a_projection_is_read_from_the_arrays(tmp_path: Path) -> None:
    words = Words(column="t", terms=["good", "bad"], weights=[1.0, 1.0], projection="p",
                  is_directed=False)  # fmt: skip
    pipeline = Pipeline(encoders=[words], head=Classes(labels=["no", "yes"]))
    arrays = {"p": np.array([[3.0], [-3.0]], dtype=np.float32)}
    files = {
        "model.onnx": linear_core(np.ones((1, 1))),
        **pipeline_files(pipeline, arrays),
    }
    served = loader(tmp_path, files, pipeline_signature(pipeline)).load(Deployment("d", "m", 1))
    said = served.predict(Batch({"texts": np.array([[b"good"], [b"bad"]], dtype=np.object_)}))
    assert said["prediction"].tolist() == [b"yes", b"no"]


def test_a_core_without_encoders_takes_its_tensor_as_it_comes() -> None:
    pipeline = Pipeline(tensor="features", head=Classes(labels=["a", "b", "c"]))
    signature = pipeline_signature(pipeline, TensorSpec("features", Datatype.FP32, (-1, 3)))
    files = {"model.onnx": linear_core(np.eye(3)), **pipeline_files(pipeline)}
    served = PipelineAdapter().load(files, signature)
    answer = served.predict(Batch({"features": np.array([[0, 9, 0]], dtype=np.float32)}))
    assert answer["prediction"].tolist() == [b"b"]
    assert served.example(2)["features"].shape == (2, 3)


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        (Pipeline(encoders=[Number(column="x")], head=Value()), "its encoders make 1 features"),
        (Pipeline(encoders=PIPELINE.encoders, head=Classes(labels=["a", "b", "c"])), "says"),
        (Pipeline(tensor="image", head=Value()), "'features', not the 'image'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(pipeline: Pipeline, why: str) -> None:
    image = TensorSpec("image", Datatype.FP32, (-1, 3))
    signature = pipeline_signature(pipeline, None if pipeline.encoders else image)
    with pytest.raises(InvalidInput, match=why):
        PipelineAdapter().load({**FILES, **pipeline_files(pipeline)}, signature)


def test_a_signature_of_other_columns_is_refused() -> None:
    own = pipeline_signature(PIPELINE)
    other = replace(own, inputs=(replace(own.inputs[0], columns=("weight",)), own.inputs[1]))
    with pytest.raises(InvalidInput, match="other columns than its signature says"):
        PipelineAdapter().load(FILES, other)
    explained = replace(own.inputs[0], description="in metres")
    said = replace(own, inputs=(explained, own.inputs[1]))
    assert PipelineAdapter().load(FILES, said).signature == said


@pytest.mark.parametrize("without", sorted(FILES))
def test_a_missing_file_is_named(without: str) -> None:
    with pytest.raises(InvalidInput, match=without):
        PipelineAdapter().load({n: c for n, c in FILES.items() if n != without}, None)


def test_a_pipeline_of_tensors_needs_its_signature() -> None:
    files = {**FILES, **pipeline_files(Pipeline(tensor="features"))}
    with pytest.raises(InvalidInput, match="needs its signature"):
        PipelineAdapter().load(files, None)


@pytest.mark.parametrize(
    ("deployment", "why"),
    [
        (Deployment("d", "m", 1, device="cuda"), "device cuda is absent"),
        (Deployment("d", "m", 1, threads=2), "a pipeline computes with one thread"),
    ],
)
def test_what_a_pipeline_cannot_run_on_is_refused(
    tmp_path: Path, deployment: Deployment, why: str
) -> None:
    made = loader(tmp_path, FILES, pipeline_signature(PIPELINE))
    with pytest.raises(InvalidInput, match=why):
        made.load(deployment)
