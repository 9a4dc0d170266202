"""Jobs of kind `import`: an ONNX file, or an exported version, becomes a version here."""

import tarfile
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from io import BytesIO

import msgspec

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Signature, TensorSpec, with_columns
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.protocol.admin import ImportSpec
from lichen.registry.archive import unpack
from lichen.registry.imports import ForeignModel, import_exported, import_foreign
from lichen.registry.manifest import Manifest
from lichen.server.workbench import Workbench
from lichen.store.documents import Change

LARGEST_MODEL = 2 * 2**30
"""Bytes; ONNX itself keeps a model below 2 GB."""


def import_model(bench: Workbench) -> None:
    """Check, smoke-run and register the file; registering one job twice gives one version."""
    spec = msgspec.convert(bench.job.spec, ImportSpec)
    path = bench.uploaded(spec.file.upload)
    if path.stat().st_size > LARGEST_MODEL:
        raise TooLarge(f"the model is over {LARGEST_MODEL} bytes, the limit: import a smaller one")
    bench.watch.tell("checking")
    bench.commit(lambda: _register(bench, spec, path.read_bytes()))


def _register(bench: Workbench, spec: ImportSpec, content: bytes) -> None:
    catalog = bench.catalog()
    if is_tar(content):
        if spec.columns or spec.labels:
            raise InvalidInput("columns and labels are for ONNX files: an export has its own")
        files = unpack(content, LARGEST_MODEL)
        if MODEL_FILE in files:
            check_model(files[MODEL_FILE])
        import_exported(catalog, files, spec.name, bench.job_id, partial(_beside, bench))
        return
    model = ForeignModel(
        name=spec.name,
        signature=_named(_checked(content, spec.file.filename), spec),
        files={MODEL_FILE: content},
        origin=spec.file.filename,
        algorithm="onnx",
    )
    import_foreign(catalog, model, version("lichen"), bench.job_id, partial(_beside, bench))


def _beside(bench: Workbench, manifest: Manifest) -> Sequence[Change]:
    return bench.completion({"model": manifest.model, "version": manifest.version})


def _checked(content: bytes, filename: str) -> Signature:
    if not content:
        raise InvalidInput(f"{filename} is empty: export the model again as ONNX")
    try:
        return check_model(content)
    except InvalidInput as error:
        raise InvalidInput(f"{filename}: {error}") from error


def _named(signature: Signature, spec: ImportSpec) -> Signature:
    """The signature with the names that were given for the values of its rows.

    Raises:
        InvalidInput: there is no one tensor that they fit.
    """
    return Signature(
        _with_names(signature.inputs, spec.columns, "columns"),
        _with_names(signature.outputs, spec.labels, "labels"),
    )


def _with_names(
    specs: tuple[TensorSpec, ...], names: Sequence[str], what: str
) -> tuple[TensorSpec, ...]:
    if not names:
        return specs
    fitting = [one for one in specs if len(one.shape) == 2 and one.shape[1] in (len(names), -1)]
    if len(fitting) != 1:
        shapes = ", ".join(f"{one.name} {list(one.shape)}" for one in specs)
        raise InvalidInput(
            f"{len(names)} {what} fit {len(fitting)} of the model's tensors {shapes}: give one "
            "name for each value of a row"
        )
    return tuple(with_columns(one, names) if one is fitting[0] else one for one in specs)


def is_tar(content: bytes) -> bool:
    """Whether the bytes are a tar archive and no protocol buffer."""
    return tarfile.is_tarfile(BytesIO(content))
