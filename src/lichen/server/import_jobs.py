"""Jobs of kind `import`: an ONNX file, or an exported version, becomes a version here."""

import tarfile
from importlib.metadata import version
from pathlib import Path

import msgspec

from lichen.core.errors import TooLarge
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.protocol.admin import ImportSpec
from lichen.registry.archive import unpack
from lichen.registry.imports import ForeignModel, import_exported, import_foreign
from lichen.registry.manifest import Manifest
from lichen.server.workbench import Workbench

LARGEST_MODEL = 2 * 2**30
"""Bytes; ONNX itself keeps a model below 2 GB."""


def import_model(bench: Workbench) -> None:
    """Check, smoke-run and register the file; registering one job twice gives one version."""
    spec = msgspec.convert(bench.job.spec, ImportSpec)
    path = bench.uploaded(spec.file.upload)
    if path.stat().st_size > LARGEST_MODEL:
        raise TooLarge(f"the model is over {LARGEST_MODEL} bytes, the limit: import a smaller one")
    bench.watch.tell("checking")
    manifest = bench.catalog().registered(bench.job_id) or _register(bench, spec, path)
    bench.complete({"model": manifest.model})


def _register(bench: Workbench, spec: ImportSpec, path: Path) -> Manifest:
    content = path.read_bytes()
    if tarfile.is_tarfile(path):
        files = unpack(content, LARGEST_MODEL)
        if MODEL_FILE in files:
            check_model(files[MODEL_FILE])
        return import_exported(bench.catalog(), files, spec.name, bench.job_id)
    model = ForeignModel(
        name=spec.name,
        signature=check_model(content),
        files={MODEL_FILE: content},
        origin=spec.file.filename,
        algorithm="onnx",
    )
    return import_foreign(bench.catalog(), model, version("lichen"), bench.job_id)
