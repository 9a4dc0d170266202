"""A version as an MLflow model folder, which MLflow's own functions load.

`model.onnx` is its flavour `onnx`, wherever the whole model is one graph. `python_function` is
MLflow's own loader of ONNX for models of tensors; a model of raw columns is loaded by
`lichen.serving.mlflow_model`, since columns are encoded there as the platform does. The version's
own files lie in `lichen/`, so that a platform takes the folder back as the version that it was.
"""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.core.tensors import ColumnKind, Datatype, TensorSpec
from lichen.pipeline.files import PIPELINE_FILE
from lichen.registry.exporting.onnx import MODEL_FILE, as_onnx
from lichen.registry.manifest import MANIFEST_FILE, Manifest
from lichen.registry.yaml import Value, to_yaml

OWN = "lichen"
"""The folder of the version's own files."""
_LOADER = "lichen.serving.mlflow_model"
_KINDS = {
    ColumnKind.NUMBER: "double",
    ColumnKind.TRUTH: "boolean",
    ColumnKind.TEXT: "string",
    ColumnKind.TIME: "string",
}


def as_folder(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of the folder; equal versions give equal bytes on one installation.

    Raises:
        InvalidInput: the version is not kept as ONNX, which is all that MLflow's loaders run.
    """
    if MODEL_FILE not in contents:
        kept = ", ".join(file.name for file in manifest.files)
        raise InvalidInput(
            f"{manifest.reference} is kept as {kept}, which MLflow has no loader for: export it as "
            "`lichen` or `oci`"
        )
    written = as_onnx(manifest, contents)
    whole = written[MODEL_FILE] if PIPELINE_FILE not in written else None
    files = {f"{OWN}/{name}": body for name, body in contents.items()}
    if whole is not None:
        files[MODEL_FILE] = whole
    by_columns = takes_columns(manifest)
    said: dict[str, Value] = {
        "flavors": _flavours(by_columns=by_columns, is_whole=whole is not None),
        "mlflow_version": "3.1.0",
        "model_uuid": _identity(contents),
        "signature": _signature(manifest, by_columns=by_columns),
        "utc_time_created": rfc3339(manifest.created_at),
    }
    return {**files, "MLmodel": to_yaml(said).encode(), **_environment(by_columns=by_columns)}


def takes_columns(manifest: Manifest) -> bool:
    """Whether rows come as raw columns, which a loader of tensors cannot take."""
    has_pipeline = any(file.name == PIPELINE_FILE for file in manifest.files)
    return has_pipeline or any(one.details for one in manifest.signature.inputs)


def _flavours(*, by_columns: bool, is_whole: bool) -> dict[str, Value]:
    flavours: dict[str, Value] = {}
    if is_whole:
        flavours["onnx"] = {
            "data": MODEL_FILE,
            "onnx_version": _installed("onnx"),
            "providers": ["CPUExecutionProvider"],
        }
    flavours["python_function"] = {
        "data": OWN if by_columns else MODEL_FILE,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": _LOADER if by_columns else "mlflow.onnx",
        "python_version": platform.python_version(),
    }
    return flavours


def _identity(contents: Mapping[str, bytes]) -> str:
    """32 hexadecimal digits that stand for the version."""
    seal = json.loads(contents[MANIFEST_FILE]).get("seal", "")
    return str(seal).removeprefix("sha256:")[:32].ljust(32, "0")


def _signature(manifest: Manifest, *, by_columns: bool) -> dict[str, Value]:
    inputs, outputs = manifest.signature.inputs, manifest.signature.outputs
    taken = [one for spec in inputs for one in _columns(spec)] if by_columns else None
    if taken is None or any(not spec.columns for spec in inputs):
        taken = [_tensor(spec, is_named=len(inputs) > 1) for spec in inputs]
    given = [_tensor(spec, is_named=True) for spec in outputs]
    return {"inputs": json.dumps(taken), "outputs": json.dumps(given)}


def _columns(spec: TensorSpec) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    for place, name in enumerate(spec.columns):
        detail = spec.details[place] if place < len(spec.details) else None
        kind = "double" if detail is None else _KINDS[detail.kind]
        lacks = spec.missing if detail is None else detail.may_lack
        made.append({"type": kind, "name": name, "required": not lacks})
    return made


def _tensor(spec: TensorSpec, *, is_named: bool) -> dict[str, object]:
    kind = "object" if spec.datatype is Datatype.BYTES else _dtype(spec.datatype)
    said: dict[str, object] = {"name": spec.name} if is_named else {}
    return {**said, "type": "tensor", "tensor-spec": {"dtype": kind, "shape": list(spec.shape)}}


def _dtype(datatype: Datatype) -> str:
    return str(np.dtype(NUMPY_OF_DATATYPE[datatype]))


def _environment(*, by_columns: bool) -> dict[str, bytes]:
    """What to install where the folder is loaded, as pip, conda and MLflow read it."""
    own = [f"lichen[serve]=={version('lichen')}", "pandas"] if by_columns else []
    packages = ["mlflow", f"onnx=={_installed('onnx')}"]
    packages += [f"onnxruntime=={_installed('onnxruntime')}", f"numpy=={np.__version__}", *own]
    python = platform.python_version()
    conda: dict[str, Value] = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": packages}],
        "name": "mlflow-env",
    }
    local: dict[str, Value] = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    return {
        "requirements.txt": "".join(f"{one}\n" for one in packages).encode(),
        "conda.yaml": to_yaml(conda).encode(),
        "python_env.yaml": to_yaml(local).encode(),
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return version("onnxruntime-gpu") if package == "onnxruntime" else "1.20.0"
