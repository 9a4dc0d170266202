"""OpenVINO's models: kept as they are, and served by OpenVINO, with the number of rows open."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Signature, TensorSpec
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.source import Source
from lichen.frameworks.ir_description import LARGEST_BYTES, check_weights, read_description
from lichen.frameworks.openvino_ir import (
    IR_FILE,
    WEIGHTS_FILE,
    IrPredictor,
    ir_signature,
    openvino_version,
)

TOLERANCE = 1e-4
_SEED = 20180516
_HEAD_BYTES = 4096
_ROWS_BY_BYTES = ((2**20, CHECKED_ROWS), (2**25, 200))
_FEW_ROWS = 16


def is_ir(source: Source) -> bool:
    """An XML that begins as a network of OpenVINO does.

    Raises:
        InvalidInput: its weights are missing.
    """
    found = _descriptions(source)
    if found and not source.ending(".bin"):
        raise InvalidInput(
            f"{source.name} has a model of OpenVINO ({found[0]}) and no .bin with its weights: put "
            "both in one folder, or a tar of it"
        )
    return bool(found)


def convert_ir(source: Source, wishes: Wishes) -> Conversion:
    """The model as it is, with what OpenVINO answers to it in the shapes that it states.

    Raises:
        InvalidInput: it cannot be read, or holds what is not let through.
    """
    name = _chosen(source, wishes)
    xml, weights_name = source.read(name, LARGEST_BYTES), _weights_of(source, name)
    said = read_description(xml)
    weights = source.read(weights_name)
    check_weights(said, len(weights), weights_name)
    shapes = {one.name: one.shape for one in wishes.inputs}
    stated = ir_signature(xml, weights, shapes)
    home = IrPredictor(xml, weights, stated)
    opened = _opened(xml, weights, stated)
    rows = next((rows for most, rows in _ROWS_BY_BYTES if len(weights) <= most), _FEW_ROWS)
    trial = _trial(home, opened, rows)
    notes = () if opened.takes_rows else ("It is computed one request at a time, in its own size.",)
    return Conversion(
        files={IR_FILE: xml, WEIGHTS_FILE: weights},
        trial=trial,
        algorithm=f"OpenVINO model of {said.layers} layers",
        library=f"OpenVINO {openvino_version()}",
        signature=opened,
        parameters={"ir_version": said.version},
        notes=notes,
    )


def _descriptions(source: Source) -> list[str]:
    return [
        name
        for name in source.ending(".xml")
        if b"<net " in (head := source.head(name, _HEAD_BYTES)) and b"version=" in head
    ]


def _chosen(source: Source, wishes: Wishes) -> str:
    found = _descriptions(source)
    if wishes.entry in found:
        return wishes.entry
    if len(found) > 1 or wishes.entry is not None:
        raise InvalidInput(
            f"{source.name} has the models {', '.join(found)}: say --entry, one of it"
        )
    return found[0]


def _weights_of(source: Source, name: str) -> str:
    """The file of weights that is called as its description, or the only one."""
    own = str(PurePosixPath(name).with_suffix(".bin"))
    files = source.ending(".bin")
    if own not in files and len(files) > 1:
        raise InvalidInput(
            f"{source.name} has several .bin, none called {own}: leave the right one"
        )
    return own if own in files else files[0]


def _opened(xml: bytes, weights: bytes, stated: Signature) -> Signature:
    """The signature with any number of rows, where the model gives each row what it gets alone."""
    firsts = {spec.shape[:1] for spec in (*stated.inputs, *stated.outputs)}
    if len(firsts) != 1 or firsts in ({()}, {(-1,)}):
        return stated
    open_ = Signature(_with_rows(stated.inputs), _with_rows(stated.outputs))
    try:
        joins = IrPredictor(xml, weights, open_).joins_rows
    except (InvalidInput, WorkFailed):
        return stated
    return open_ if joins else stated


def _with_rows(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(replace(spec, shape=(-1, *spec.shape[1:])) for spec in specs)


def _trial(home: IrPredictor, opened: Signature, rows: int) -> Trial:
    """Answers of the model in its own size, so many rows at a time as it was made for."""
    first = home.signature.inputs[0].shape[:1]
    step = first[0] if first and first[0] > 0 else 1
    is_one = not opened.takes_rows
    count = 1 if is_one else max(1, rows // step)
    random = np.random.default_rng(_SEED)
    forms = home.example(step)
    asked = [_varied(forms, random) for _ in range(count)]
    answers = [home.predict(one) for one in asked]
    return Trial(
        inputs=_joined([one.arrays for one in asked]),
        outputs=_joined([one.arrays for one in answers]),
        tolerance=TOLERANCE,
        is_one=is_one,
    )


def _joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _varied(forms: Batch, random: np.random.Generator) -> Batch:
    """Other numbers of the same forms each time; whole ones small, as indices are."""
    made: dict[str, Array] = {}
    for name, one in forms.items():
        if one.dtype.kind == "f":
            made[name] = random.standard_normal(one.shape).astype(one.dtype)
        else:
            made[name] = random.integers(0, 2, one.shape).astype(one.dtype)
    return Batch(made)
