"""Jobs of kind `import`: ONNX, trees, code of one's own, or an export becomes a version here.

Foreign code is run to read its signature and to try it out: in a process of its own, and only where
the platform's settings allow that.
"""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import msgspec

from lichen.core.errors import InvalidInput, LichenError, TooLarge
from lichen.core.tensors import Signature, named_signature
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.protocol.admin import ImportSpec
from lichen.registry.archive import unpack
from lichen.registry.bundle import CARD_FILE
from lichen.registry.imports import ForeignModel, import_exported, import_foreign
from lichen.registry.manifest import MANIFEST_FILE, Manifest
from lichen.server.guests import open_guests
from lichen.server.work.booster_import import booster_model
from lichen.server.work.workbench import Workbench
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.guests.starting import check_predictor
from lichen.store.documents import Change

LARGEST_MODEL = 2 * 2**30
"""Bytes; ONNX itself keeps a model below 2 GB."""

_Files = Mapping[str, bytes]


def import_model(bench: Workbench) -> None:
    """Check, smoke-run and register the file; registering one job twice gives one version."""
    spec = msgspec.convert(bench.job.spec, ImportSpec)
    path = bench.uploaded(spec.file.upload)
    if path.stat().st_size > LARGEST_MODEL:
        raise TooLarge(f"the model is over {LARGEST_MODEL} bytes, the limit: import a smaller one")
    bench.watch.tell("checking")
    content = path.read_bytes()
    booster = _booster(spec, content)
    if booster is not None:
        _register_foreign(bench, booster)
        return
    files = _files(content, spec.file.filename)
    if MANIFEST_FILE in files and (spec.columns or spec.labels):
        raise InvalidInput("columns and labels are for foreign models: an export has its own")
    if PREDICTOR_FILE in files:
        signature = _of_predictor(bench, spec, files)
        _register(bench, spec, files, signature, "custom")
    elif MODEL_FILE in files and MANIFEST_FILE not in files:
        signature = _of_onnx(files[MODEL_FILE], spec.file.filename)
        _register(bench, spec, files, signature, "onnx")
    else:
        if MODEL_FILE in files:
            check_model(files[MODEL_FILE])
        _register(bench, spec, files, None, "")


def _files(content: bytes, filename: str) -> _Files:
    """What was uploaded, by the names that a version has."""
    if is_tar(content):
        files = unpack(content, LARGEST_MODEL)
        if MANIFEST_FILE not in files:
            files.pop(CARD_FILE, None)  # a version's card is made anew
        return files
    if not content:
        raise InvalidInput(f"{filename} is empty: save the model again")
    return {PREDICTOR_FILE if Path(filename).suffix == ".py" else MODEL_FILE: content}


def _register(
    bench: Workbench, spec: ImportSpec, files: _Files, signature: Signature | None, algorithm: str
) -> None:
    """An exported version says itself what it is; of a foreign one it was found out."""
    beside = partial(_beside, bench)
    if signature is None or MANIFEST_FILE in files:
        bench.commit(
            lambda: import_exported(bench.catalog(), files, spec.name, bench.job_id, beside)
        )
        return
    model = ForeignModel(spec.name, _named(signature, spec), files, spec.file.filename, algorithm)
    _register_foreign(bench, model)


def _register_foreign(bench: Workbench, model: ForeignModel) -> None:
    beside, code = partial(_beside, bench), version("lichen")
    bench.commit(lambda: import_foreign(bench.catalog(), model, code, bench.job_id, beside))


def _beside(bench: Workbench, manifest: Manifest) -> Sequence[Change]:
    return bench.completion({"model": manifest.model, "version": manifest.version})


def _booster(spec: ImportSpec, content: bytes) -> ForeignModel | None:
    """What a library of boosted trees saved; None when the file is something else."""
    try:
        found = booster_model(spec.name, spec.file.filename, content)
        return found and replace(found, signature=_named(found.signature, spec))
    except InvalidInput as error:
        raise InvalidInput(f"{spec.file.filename}: {error}") from error


def _of_onnx(content: bytes, filename: str) -> Signature:
    try:
        return check_model(content)
    except InvalidInput as error:
        is_named_so = Path(filename).suffix == ".onnx"
        tried = "" if is_named_so else "no LightGBM text, XGBoost JSON or UBJ; "
        raise InvalidInput(f"{filename}: {tried}{error}") from error


def _of_predictor(bench: Workbench, spec: ImportSpec, files: _Files) -> Signature:
    """Run it in a guest, at this job's expense."""
    try:
        return check_predictor(open_guests(bench.settings, bench.spending), spec.name, files)
    except LichenError as error:
        raise type(error)(f"{spec.file.filename}: {error}") from error


def _named(signature: Signature, spec: ImportSpec) -> Signature:
    """The signature with the names that were given for the values of its rows."""
    return named_signature(signature, spec.columns, spec.labels)


def is_tar(content: bytes) -> bool:
    """Whether the bytes are a tar archive and no protocol buffer."""
    return tarfile.is_tarfile(BytesIO(content))
