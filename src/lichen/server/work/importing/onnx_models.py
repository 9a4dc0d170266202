"""ONNX from elsewhere: one file made of it, looked through, tried out, with where it came from.

Nothing is converted, and ONNX Runtime is what serves it: its answers are compared with those that
ONNX Runtime gives when it runs each operator as it stands in the graph.
"""

from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature, TensorSpec, named_signature
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.unoptimised import TOLERANCE, compared_unoptimised, library
from lichen.frameworks.onnx import MODEL_FILE, check_model
from lichen.frameworks.onnx_checks import opset_of
from lichen.frameworks.onnx_files import Whole, onnx_file, whole_model
from lichen.protocol.admin import ImportSpec
from lichen.registry.bundle import CARD_FILE
from lichen.registry.imports import ForeignModel
from lichen.registry.manifest import MANIFEST_FILE, Provenance
from lichen.server.work.importing.foreign import digest_of_source, tensor_wish
from lichen.server.work.importing.scanning import said_of
from lichen.serving.forms import TELLING_FILES
from lichen.serving.guests.main import PREDICTOR_FILE


def is_onnx(source: Source) -> bool:
    """A file that came alone, or a folder with an ONNX model; no export, no Python.

    What a lone file holds is looked at later: nothing else is left that it could be.
    """
    if source.has(MANIFEST_FILE) or source.has(PREDICTOR_FILE):
        return False
    if source.only is not None and source.only == source.name:
        return Path(source.only).suffix != ".py"
    return bool(source.ending(".onnx"))


def onnx_model(spec: ImportSpec, source: Source) -> ForeignModel:
    """The model of a file, or of a folder that has its weights beside it.

    Raises:
        InvalidInput: it cannot be served, or its signature cannot be read; the message says what
            to do.
    """
    name = source.only or onnx_file(source, spec.entry) or MODEL_FILE
    whole = whole_model(source, name)
    wished = tuple(_wished(said) for said in spec.inputs)
    signature = check_model(whole.content, wished)
    labels = _with_labels(signature, whole)
    found = compared_unoptimised(whole.content, signature)
    files = {**_beside(source, name, whole), MODEL_FILE: whole.content}
    return ForeignModel(
        name=spec.name,
        signature=named_signature(labels, spec.columns, spec.labels),
        files=files,
        origin=spec.source or spec.file.filename,
        algorithm="onnx",
        provenance=Provenance(
            format="onnx",
            source=spec.source or spec.file.filename,
            sha256=digest_of_source(source),
            library=library(),
            inputs=found.inputs,
            largest_difference=found.largest_difference,
            tolerance=TOLERANCE,
            opset=opset_of(whole.content),
            scan=said_of(()),
            notes=whole.notes,
        ),
    )


def _wished(said: str) -> TensorSpec:
    wish = tensor_wish(said)
    return TensorSpec(wish.name, wish.datatype, wish.shape)


def _with_labels(signature: Signature, whole: Whole) -> Signature:
    """The classes that were the keys of dictionaries, if they fit one output."""
    try:
        return named_signature(signature, (), whole.labels)
    except InvalidInput:
        return signature


def _beside(source: Source, name: str, whole: Whole) -> dict[str, bytes]:
    """Files that came with the model and are not in it; folders are not kept.

    Nor is what would let the version be loaded as something else than was tried out here.
    """
    left = [one for one in source.names if one != name and one not in whole.files]
    left = [one for one in left if one not in TELLING_FILES]
    return {one: source.read(one) for one in left if "/" not in one and one != CARD_FILE}
