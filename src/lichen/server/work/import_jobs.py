"""Jobs of kind `import`: a model's file or folder, from wherever, becomes a version here.

What another framework saved is converted in a process of its own and proven faithful. Foreign code
is run to read its signature and to try it out: in a process of its own, and only where the
platform's settings allow that.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import msgspec

from lichen.core.errors import InvalidInput, LichenError, TooLarge
from lichen.core.tensors import Signature, named_signature
from lichen.frameworks.importing.formats import Format, format_of
from lichen.frameworks.importing.source import Source
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.frameworks.onnx_checks import check_whole
from lichen.frameworks.onnx_files import SUFFIX as ONNX_SUFFIX
from lichen.protocol.admin import ImportSpec
from lichen.registry.bundle import CARD_FILE
from lichen.registry.imports import ForeignModel, import_exported, import_foreign
from lichen.registry.manifest import MANIFEST_FILE, Manifest
from lichen.server.guests import open_guests
from lichen.server.work.importing.foreign import foreign_model
from lichen.server.work.importing.laying import laid
from lichen.server.work.importing.mlflow_folder import FORMAT as MLFLOW
from lichen.server.work.importing.mlflow_folder import MODEL_FILE as MLMODEL
from lichen.server.work.importing.mlflow_folder import Packaged, is_mlflow, packaged
from lichen.server.work.importing.onnx_models import is_onnx, onnx_model
from lichen.server.work.importing.scanning import check_scan
from lichen.server.work.workbench import Workbench
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.guests.starting import check_predictor
from lichen.store.documents import Change

LARGEST_MODEL = 2 * 2**30
"""Bytes; ONNX itself keeps a model below 2 GB."""

_Files = Mapping[str, bytes]


def import_model(bench: Workbench) -> None:
    """Check, convert, try and register the model; registering one job twice gives one version."""
    spec = msgspec.convert(bench.job.spec, ImportSpec)
    path = bench.uploaded(spec.file.upload)
    bench.watch.tell("checking")
    source = laid(path, spec.file.filename, bench.home.job(bench.job.id) / "scratch" / "source")
    import_source(bench, spec, source)


def import_source(bench: Workbench, spec: ImportSpec, source: Source) -> None:
    """The same for files that are laid out already."""
    if is_mlflow(source) or spec.format == MLFLOW:
        spec, source = _unpackaged(bench, spec, source)
    if not source.has(MANIFEST_FILE) and not source.has(PREDICTOR_FILE) and not _is_python(source):
        found = _recognised(bench, spec, source)
        if found is not None:
            _register_foreign(bench, foreign_model(bench, spec, source, found))
            return
    _import_own(bench, spec, source)


def _unpackaged(bench: Workbench, spec: ImportSpec, source: Source) -> tuple[ImportSpec, Source]:
    """The model within a folder of MLflow, with the names that the folder's signature has.

    Raises:
        InvalidInput: it is no such folder, or holds no model that is known.
    """
    if not is_mlflow(source):
        raise InvalidInput(f"{source.name} is no MLflow model: it has no {MLMODEL}")
    inner = packaged(source, bench.home.job(bench.job.id) / "scratch" / "flavour")
    said = f"{spec.source or spec.file.filename} (MLflow, {inner.flavour})"
    asked = None if spec.format == MLFLOW else spec.format
    columns = spec.columns or _fitting(inner)
    return msgspec.structs.replace(spec, source=said, format=asked, columns=columns), inner.source


def _fitting(inner: Packaged) -> tuple[str, ...]:
    """Names of a signature of MLflow; an ONNX graph may take them one by one, and knows them."""
    if inner.flavour != "onnx" or inner.source.only is None:
        return inner.columns
    taken = check_model(inner.source.read(inner.source.only, LARGEST_MODEL)).inputs
    is_table = len(taken) == 1 and taken[0].shape[1:] == (len(inner.columns),)
    return inner.columns if is_table else ()


def _recognised(bench: Workbench, spec: ImportSpec, source: Source) -> Format | None:
    """The format of another framework, or None for what is served as it comes.

    Raises:
        InvalidInput, Forbidden: there is a pickle in it, and nobody let that be read.
    """
    found = format_of(source, spec.format)
    if found is None or not found.checks_pickles:
        check_scan(bench.settings.imports, spec, source, found)
    return found


def _import_own(bench: Workbench, spec: ImportSpec, source: Source) -> None:
    """An export, code of one's own, or ONNX."""
    if is_onnx(source):
        _register_foreign(bench, _onnx(spec, source))
        return
    files = _files(source)
    if MANIFEST_FILE in files and (spec.columns or spec.labels):
        raise InvalidInput("columns and labels are for foreign models: an export has its own")
    if PREDICTOR_FILE in files:
        signature = _of_predictor(bench, spec, files)
        _register(bench, spec, files, signature, "custom")
    else:
        if MODEL_FILE in files:
            check_model(files[MODEL_FILE])
        for name, content in files.items():
            if name.endswith(ONNX_SUFFIX) and name != MODEL_FILE:
                check_whole(content)
        _register(bench, spec, files, None, "")


def _is_python(source: Source) -> bool:
    return source.only is not None and Path(source.only).suffix == ".py"


def _files(source: Source) -> _Files:
    """What was given, by the names that a version has."""
    if source.only is not None and source.only == source.name:
        name = PREDICTOR_FILE if _is_python(source) else MODEL_FILE
        return {name: source.read(source.only)}
    nested = next((name for name in source.names if "/" in name), None)
    if nested is not None:
        raise InvalidInput(
            f"{source.name} is of no kind that is known here, and holds folders ({nested}): give "
            "the folder of one model, or say what it is by --format"
        )
    if source.size_bytes() > LARGEST_MODEL:
        raise TooLarge(f"the model is over {LARGEST_MODEL} bytes, the limit: import a smaller one")
    files = {name: source.read(name) for name in source.names}
    if MANIFEST_FILE not in files:
        files.pop(CARD_FILE, None)  # a version's card is made anew
    return files


def _register(
    bench: Workbench, spec: ImportSpec, files: _Files, signature: Signature | None, algorithm: str
) -> None:
    """An exported version says itself what it is; of a foreign one it was found out."""
    beside = partial(_beside, bench)
    if signature is None or MANIFEST_FILE in files:
        bench.commit(
            lambda: import_exported(
                bench.catalog(), files, spec.name, bench.job_id, beside, spec.source
            )
        )
        return
    model = ForeignModel(spec.name, _named(signature, spec), files, _origin(spec), algorithm)
    _register_foreign(bench, model)


def _register_foreign(bench: Workbench, model: ForeignModel) -> None:
    beside, code = partial(_beside, bench), version("lichen")
    bench.commit(lambda: import_foreign(bench.catalog(), model, code, bench.job_id, beside))


def _beside(bench: Workbench, manifest: Manifest) -> Sequence[Change]:
    return bench.completion({"model": manifest.model, "version": manifest.version})


def _onnx(spec: ImportSpec, source: Source) -> ForeignModel:
    try:
        return onnx_model(spec, source)
    except InvalidInput as error:
        filename = spec.file.filename
        is_named_so = Path(filename).suffix == ".onnx"
        tried = (
            ""
            if is_named_so or source.only != source.name
            else "of none of the forms that docs/reference/formats.md lists; "
        )
        raise InvalidInput(f"{filename}: {tried}{error}") from error


def _of_predictor(bench: Workbench, spec: ImportSpec, files: _Files) -> Signature:
    """Run it in a guest, at this job's expense."""
    try:
        return check_predictor(open_guests(bench.settings, bench.spending), spec.name, files)
    except LichenError as error:
        raise type(error)(f"{spec.file.filename}: {error}") from error


def _origin(spec: ImportSpec) -> str:
    return spec.source or spec.file.filename


def _named(signature: Signature, spec: ImportSpec) -> Signature:
    """The signature with the names that were given for the values of its rows."""
    return named_signature(signature, spec.columns, spec.labels)
