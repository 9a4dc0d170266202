"""From a recognised source to a foreign model that is proven to answer as its framework does."""

import hashlib

from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import Digest
from lichen.core.tensors import Datatype, Signature, named_signature
from lichen.frameworks.base import Predictor
from lichen.frameworks.importing.comparison import check_faithful
from lichen.frameworks.importing.conversion import Conversion, TensorWish, Wishes
from lichen.frameworks.importing.formats import Format
from lichen.frameworks.importing.source import Source
from lichen.frameworks.language.residents import RUNTIME_FILE
from lichen.protocol.admin import ImportSpec
from lichen.registry.imports import ForeignModel
from lichen.registry.manifest import Provenance
from lichen.server.guests import open_guests
from lichen.server.work.importing.converter import converted
from lichen.server.work.importing.leavings import check_leavings
from lichen.server.work.importing.scanning import scan_of
from lichen.server.work.workbench import Workbench
from lichen.serving.forms import predictor_of


def foreign_model(
    bench: Workbench, spec: ImportSpec, source: Source, format_: Format
) -> ForeignModel:
    """Convert it, load what came out as the data plane would, and compare.

    Raises:
        InvalidInput: it cannot be converted, or would answer otherwise than its framework.
        WorkFailed, Refused: as `converted`.
    """
    conversion = converted(format_, source, wishes_of(spec), bench)
    check_leavings(conversion.files, format_)
    bench.watch.tell("comparing")
    try:
        predictor = _predictor(bench, spec, conversion)
    except LichenError as error:
        raise InvalidInput(f"{source.name}, converted, cannot be served: {error}") from error
    try:
        faithful = check_faithful(predictor, conversion)
        signature = predictor.signature
    finally:
        predictor.close()
    return ForeignModel(
        name=spec.name,
        signature=_named(signature, spec, conversion),
        files=conversion.files,
        origin=spec.source or spec.file.filename,
        algorithm=conversion.algorithm,
        task=conversion.task,
        parameters=conversion.parameters,
        provenance=Provenance(
            format=format_.name,
            source=spec.source or spec.file.filename,
            sha256=digest_of_source(source),
            library=conversion.library,
            inputs=faithful.inputs,
            largest_difference=faithful.largest_difference,
            tolerance=conversion.trial.tolerance,
            opset=conversion.opset,
            scan=scan_of(format_, source),
            notes=conversion.notes,
        ),
    )


def _predictor(bench: Workbench, spec: ImportSpec, conversion: Conversion) -> Predictor:
    """As the data plane would load it; what a runtime of ours serves, in a guest."""
    if RUNTIME_FILE in conversion.files:
        house = open_guests(bench.settings, bench.spending)
        return house.resident(spec.name, conversion.files, conversion.signature)
    return predictor_of(conversion.files, conversion.signature)


def wishes_of(spec: ImportSpec) -> Wishes:
    """What whoever imports said, for the converter.

    Raises:
        InvalidInput: a tensor cannot be read.
    """
    return Wishes(
        columns=spec.columns,
        labels=spec.labels,
        inputs=tuple(tensor_wish(said) for said in spec.inputs),
        entry=spec.entry,
        may_unpickle=spec.allow_unsafe,
    )


def tensor_wish(said: str) -> TensorWish:
    """The tensor in `NAME:FP32:-1,3,224,224`; the name may hold colons.

    Raises:
        InvalidInput: it is none.
    """
    name, _, rest = said.rpartition(":")
    name, _, datatype = name.rpartition(":")
    try:
        shape = tuple(int(one) for one in rest.split(",")) if rest else ()
        wish = TensorWish(name=name, datatype=Datatype(datatype.upper()), shape=shape)
    except ValueError as error:
        raise InvalidInput(
            f"{said!r} describes no tensor: write NAME:DATATYPE:SHAPE such as "
            "image:FP32:-1,3,224,224, with -1 where any length fits"
        ) from error
    if not name or any(length < -1 for length in shape):
        raise InvalidInput(f"{said!r} has no name, or a length below -1: write x:FP32:-1,10")
    return wish


def digest_of_source(source: Source) -> Digest:
    """SHA-256 of the file; of a folder, of the names and digests of its files, in order."""
    if source.only is not None:
        return _digest(source, source.only)
    listed = "".join(f"{_digest(source, name)}  {name}\n" for name in source.names)
    return Digest(hashlib.sha256(listed.encode()).hexdigest())


def _digest(source: Source, name: str) -> Digest:
    with source.path(name).open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def _named(signature: Signature, spec: ImportSpec, conversion: Conversion) -> Signature:
    """The names that were given, else those that the model knows."""
    own = named_signature(signature, conversion.columns, conversion.labels)
    known = {name for one in own.inputs for name in one.columns}
    columns = () if known and known <= set(spec.columns) else spec.columns  # some are not taken
    return named_signature(own, columns, spec.labels)
