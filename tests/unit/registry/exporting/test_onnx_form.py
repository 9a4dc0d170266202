"""What an export to ONNX holds: one graph, or a core with what stands around it, and words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.frameworks.onnx import OnnxPredictor, check_model
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Encoders, Moment, Number, Pipeline, Value
from lichen.pipeline.files import PIPELINE_FILE
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.exporting.forms import exported
from lichen.registry.manifest import Draft, Manifest, numbered

CORE = linear_core(np.ones((1, 1)))
Contents = Mapping[str, bytes]


def manifest_of(signature: Signature) -> Manifest:
    return numbered(
        Draft("m", "regression", "ridge", signature, "1"), 3, (), datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.fixture
def version() -> Callable[[Encoders], tuple[Manifest, Contents]]:
    def make(encoder: Encoders) -> tuple[Manifest, Contents]:
        pipeline = Pipeline(encoders=[encoder], head=Value(unit="kWh"))
        contents = {
            "lichen.json": b"{}",
            "README.md": b"card",
            "model.onnx": CORE,
            PIPELINE_FILE: msgspec.json.encode(pipeline),
        }
        return manifest_of(pipeline_signature(pipeline)), contents

    return make


def test_a_model_without_a_pipeline_is_exported_as_it_is() -> None:
    contents = {"lichen.json": b"{}", "README.md": b"card", "model.onnx": CORE, "model.txt": b"t"}
    files = exported("onnx", manifest_of(check_model(CORE)), contents)
    assert set(files) == {"model.onnx", "README.md", "INPUTS.md"}
    assert files["model.onnx"] == CORE
    assert b"is the model as it is served" in files["INPUTS.md"]


def test_a_pipeline_of_numbers_is_one_graph_and_its_columns_are_said(
    version: Callable[[Encoders], tuple[Manifest, Contents]],
) -> None:
    manifest, contents = version(Number(column="size", centre=2.0, scale=4.0, unit="m", fill=0.0))
    files = exported("onnx", manifest, contents)
    assert set(files) == {"model.onnx", "README.md", "INPUTS.md"}
    answer = OnnxPredictor(files["model.onnx"]).predict(Batch({"numbers": np.array([[10.0]])}))
    assert answer.arrays["prediction"].tolist() == [2.0]
    said = files["INPUTS.md"].decode()
    assert "takes `numbers`, FP64 `(rows, 1)`" in said
    assert "column 0: `size`, number, m" in said
    assert "answers `prediction`, FP64 `(rows)` in kWh" in said


def test_a_pipeline_of_dates_is_a_core_with_its_preprocessing_beside(
    version: Callable[[Encoders], tuple[Manifest, Contents]],
) -> None:
    manifest, contents = version(Moment(column="at", parts=["year"]))
    files = exported("onnx", manifest, contents)
    assert files["model.onnx"] == CORE
    assert files[PIPELINE_FILE] == contents[PIPELINE_FILE]
    assert "lichen.json" not in files
    assert b"column 'at' is encoded as moment" in files["INPUTS.md"]


def test_a_version_that_is_no_onnx_says_what_it_is() -> None:
    manifest = manifest_of(Signature((), ()))
    with pytest.raises(InvalidInput, match=r"m@3 is kept as .*export it as `lichen` or `oci`"):
        exported("onnx", manifest, {"predictor.py": b""})
