"""A version as a folder of MLflow: what MLmodel says, and what its loader answers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from lichen.core.errors import InvalidInput
from lichen.core.ids import Digest
from lichen.core.tensors import Signature
from lichen.frameworks.onnx import check_model
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Encoders, Number, OneHot, Pipeline, Tokens, Value
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.exporting.forms import exported
from lichen.registry.manifest import Draft, File, Manifest, encode_manifest, numbered
from lichen.serving.mlflow_model import ExportedModel, _load_pyfunc

Files = Mapping[str, bytes]


def version(files: Files, signature: Signature) -> tuple[Manifest, Files]:
    listed = tuple(File(name, len(body), Digest("0" * 64)) for name, body in files.items())
    draft = Draft("m", "regression", "ridge", signature, "1")
    manifest = numbered(draft, 3, listed, datetime(2026, 1, 1, tzinfo=UTC))
    return manifest, {**files, "lichen.json": encode_manifest(manifest), "README.md": b"card"}


def of_columns(*encoders: Encoders) -> tuple[Manifest, Files]:
    pipeline = Pipeline(encoders=list(encoders), head=Value())
    core = linear_core(np.ones((len(encoders), 1)))
    return version({"model.onnx": core, **pipeline_files(pipeline)}, pipeline_signature(pipeline))


def described(files: Files) -> tuple[dict[str, object], list[object]]:
    said = yaml.safe_load(files["MLmodel"])
    return said["flavors"], json.loads(said["signature"]["inputs"])


def test_a_model_of_a_tensor_is_loaded_by_mlflow_alone() -> None:
    core = linear_core(np.ones((2, 1)))
    manifest, contents = version({"model.onnx": core}, check_model(core))
    files = exported("mlflow", manifest, contents)
    flavours, inputs = described(files)
    assert files["model.onnx"] == core
    assert flavours["python_function"]["loader_module"] == "mlflow.onnx"  # type: ignore[index]
    assert inputs == [
        {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}},
    ]
    assert b"lichen" not in files["requirements.txt"]
    assert exported("mlflow", manifest, contents) == files


def test_raw_columns_are_loaded_by_the_platforms_own_code(tmp_path: Path) -> None:
    manifest, contents = of_columns(
        Number(column="size", fill=0.0, may_lack=True),
        OneHot(column="city", values=["ulm"], flags_other=False),
    )
    files = exported("mlflow", manifest, contents)
    flavours, inputs = described(files)
    assert set(flavours) == {"onnx", "python_function"}
    assert inputs == [
        {"type": "double", "name": "size", "required": False},
        {"type": "string", "name": "city", "required": True},
    ]
    for name, body in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    loaded = _load_pyfunc(str(tmp_path / "lichen"))
    answers = loaded.predict({"size": [4.0, None, 1.0], "city": ["ulm", "ulm", b"bonn"]})
    assert isinstance(loaded, ExportedModel)
    assert answers["prediction"].tolist() == [5.0, 1.0, 1.0]


def test_what_is_no_graph_as_a_whole_has_no_flavour_of_onnx() -> None:
    flavours, _ = described(exported("mlflow", *of_columns(Tokens(column="t", terms=["a"]))))
    assert set(flavours) == {"python_function"}


def test_what_is_not_kept_as_onnx_is_refused() -> None:
    core = linear_core(np.ones((2, 1)))
    manifest, contents = version({"predictor.py": b""}, check_model(core))
    with pytest.raises(InvalidInput, match="which MLflow has no loader for"):
        exported("mlflow", manifest, contents)
