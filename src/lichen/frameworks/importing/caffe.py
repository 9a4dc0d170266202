"""Caffe: a prototxt and a caffemodel become ONNX, compared with OpenCV's reading of both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.caffe.network import Network, Shape, is_description, read_network
from lichen.frameworks.caffe.text import LARGEST_BYTES, Message, read_text
from lichen.frameworks.caffe.wire import Floats, is_network, read_mean, read_weights
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.source import Source
from lichen.frameworks.onnx import MODEL_FILE

TOLERANCE = 1e-4
_TRIAL_MULTIPLY_ADDS = 2e10
"""About ten seconds of OpenCV, and as many of comparing: larger networks get fewer inputs."""
_FEWEST_ROWS = 16
_SEED = 20140620
_SPREADS = (1.0, 0.1, 60.0)
_HEAD_BYTES = 2**16
_LAYER = re.compile(rb"(^|[\s}>])layers?\s*:?\s*[{<]")
_LARGEST_MEAN = 2**28


def is_caffe(source: Source) -> bool:
    """A text that describes layers, or weights by layer.

    Raises:
        InvalidInput: one of them is missing.
    """
    texts, weights = _descriptions(source), _weights(source)
    if not texts and not weights:
        return False
    if not weights:
        raise InvalidInput(
            f"{source.name} has a network of Caffe ({texts[0]}) and no caffemodel: put both in one "
            "folder, or a tar of it"
        )
    if not texts:
        raise InvalidInput(
            f"{source.name} has weights of Caffe ({weights[0]}) and no prototxt that describes the "
            "layers: put its deploy.prototxt beside it in one folder, or a tar of it"
        )
    return True


def convert_caffe(source: Source, wishes: Wishes) -> Conversion:
    """The network as ONNX, with what OpenCV answers.

    Raises:
        InvalidInput: it cannot be read, written or compared; the message names file and layer.
    """
    from lichen.frameworks.caffe.judge import judge_of
    from lichen.frameworks.caffe.writer import write_onnx

    read = _read(source, wishes)
    means = _means(source, read.network)
    written = write_onnx(read.network, means)
    judge = judge_of(read.network, write_onnx(read.network, {}), read.described, read.weights)
    rows = int(_TRIAL_MULTIPLY_ADDS // max(1, written.multiply_adds))
    inputs = _made_up(read.network, written.inputs, min(CHECKED_ROWS, max(_FEWEST_ROWS, rows)))
    centred = {
        name: values - _middle(means[name], values) if name in means else values
        for name, values in inputs.items()
    }
    return Conversion(
        files={MODEL_FILE: written.content},
        trial=Trial(
            inputs=inputs,
            outputs=judge.answers(centred),
            tolerance=TOLERANCE,
            is_one=not written.has_rows,
        ),
        algorithm=read.network.name or "Caffe network",
        library=judge.library,
        opset=written.opset,
        parameters={"layers": len(read.network.layers), "prototxt": read.file},
        notes=_notes(read.network, means, judge.stood_in, has_rows=written.has_rows),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    network: Network
    file: str
    described: bytes
    weights: bytes


def _descriptions(source: Source) -> list[str]:
    """Files that are text and speak of layers, those for training among them."""
    return [
        name
        for name in source.ending(".prototxt", ".pbtxt", ".txt", ".prototext")
        if b"\0" not in (head := source.head(name, _HEAD_BYTES)) and _LAYER.search(head)
    ]


def _weights(source: Source) -> list[str]:
    return [
        name for name in source.ending(".caffemodel") if is_network(source.head(name, _HEAD_BYTES))
    ]


def _read(source: Source, wishes: Wishes) -> _Read:
    given = _given(wishes)
    weights_file = _only(source, _weights(source), "caffemodel")
    weights = source.read(weights_file)
    try:
        blobs = read_weights(weights)
    except InvalidInput as error:
        raise InvalidInput(f"{weights_file}: {error}") from error
    found: list[_Read] = []
    refused: list[InvalidInput] = []
    for name in _wanted(_descriptions(source), wishes):
        described = source.read(name, LARGEST_BYTES)
        try:
            message = _described(described)
            network = read_network(message, blobs, given)
        except InvalidInput as error:
            refused.append(InvalidInput(f"{name}: {error}"))
        else:
            found.append(_Read(network, name, described, weights))
    if not found:
        raise refused[0]
    if len(found) > 1:
        listed = ", ".join(one.file for one in found)
        raise InvalidInput(
            f"{source.name} describes several networks: say --entry, one of {listed}"
        )
    return found[0]


def _described(content: bytes) -> Message:
    message = read_text(content)
    if not is_description(message):
        raise InvalidInput("it describes no layers of Caffe")
    return message


def _wanted(names: list[str], wishes: Wishes) -> list[str]:
    if wishes.entry is None:
        return names
    if wishes.entry not in names:
        raise InvalidInput(f"--entry {wishes.entry} is none of {', '.join(names)}")
    return [wishes.entry]


def _only(source: Source, names: list[str], what: str) -> str:
    if len(names) > 1:
        raise InvalidInput(f"{source.name} has several files {what}: leave one of {names}")
    return names[0]


def _given(wishes: Wishes) -> dict[str, Shape]:
    for one in wishes.inputs:
        if one.datatype is not Datatype.FP32:
            raise InvalidInput(f"Caffe takes FP32 alone, and {one.name} is said to be other")
    return {one.name: one.shape for one in wishes.inputs}


def _means(source: Source, network: Network) -> dict[str, Floats]:
    """The mean image in the folder, for the one input that is an image."""
    files = source.ending(".binaryproto")
    if not files:
        return {}
    images = [name for name, shape in network.inputs.items() if len(shape) == 4]
    if len(files) > 1 or len(images) != 1:
        raise InvalidInput(
            f"{source.name} has the means {', '.join(files)} for the images {', '.join(images)}: "
            "leave one of each, or none and take the mean off before you send"
        )
    try:
        return {images[0]: read_mean(source.read(files[0], _LARGEST_MEAN))}
    except InvalidInput as error:
        raise InvalidInput(f"{files[0]}: {error}") from error


def _middle(mean: Floats, values: Array) -> Array:
    starts = [have - want for have, want in zip(mean.shape[1:], values.shape[2:], strict=True)]
    top, left = (start // 2 for start in starts)
    return mean[None, :, top : top + values.shape[2], left : left + values.shape[3]]


def _made_up(network: Network, shapes: Mapping[str, Shape], rows: int) -> dict[str, Array]:
    """Noise, faint and loud; whole numbers for what looks up in a table."""
    random = np.random.default_rng(_SEED)
    words = {
        layer.bottoms[0]: layer.settings.message("embed_param").integer("input_dim", 1)
        for layer in network.layers
        if layer.kind == "Embed" and layer.bottoms
    }
    made: dict[str, Array] = {}
    for name, shape in shapes.items():
        full = (rows, *shape[1:]) if shape[0] < 0 else shape
        if name in words:
            made[name] = random.integers(0, words[name], full).astype(np.float32)
            continue
        loud = np.resize(np.array(_SPREADS, np.float32), full[0])
        noise = random.standard_normal(full, np.float32)
        made[name] = noise * loud.reshape(-1, *(1,) * (len(full) - 1))
    return made


def _notes(
    network: Network, means: Mapping[str, Floats], stood_in: tuple[str, ...], *, has_rows: bool
) -> tuple[str, ...]:
    notes = []
    if means:
        name = next(iter(means))
        notes.append(f"The mean image of the folder is taken off {name}: send pixels as they are.")
    else:
        notes.append("Images are taken as the network was trained on them: scale them before.")
    if network.dropped:
        notes.append(f"Layers that are there for training were left out: {_few(network.dropped)}.")
    if stood_in:
        notes.append(f"OpenCV was given the layers {_few(stood_in)} as Caffe's source has them.")
    if not has_rows:
        notes.append("A layer looks across its rows: a request is computed alone, in this size.")
    return tuple(notes)


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
