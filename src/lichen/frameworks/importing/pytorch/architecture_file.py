"""`architecture.json`: the layers of a network whose weights are safetensors, declared, never code.

    {"input": {"name": "x", "datatype": "FP32", "shape": [3, 32, 32]}, "labels": ["cat", "dog"],
     "layers": [{"type": "Conv2d", "in_channels": 3, "out_channels": 8, "kernel_size": 3},
                {"type": "ReLU"}, {"type": "Flatten"}, {"type": "Linear", ...}]}

A layer is called as `torch.nn` calls it, with its own options by name. Its weights are looked for
under its number, as of `torch.nn.Sequential`, or under its `name`. `Sequential` and `Residual` hold
`layers` of their own; a residual adds what it takes to what they give.
"""

from collections.abc import Mapping, Sequence
from keyword import iskeyword

import msgspec

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.source import Source
from lichen.frameworks.weights_files import is_safetensors, read_header

ARCHITECTURE = "architecture.json"
_SAFETENSORS = ".safetensors"
_LARGEST = 4 * 2**20
_MOST_LAYERS, _DEEPEST, _MOST_IN_A_LIST = 2000, 8, 8
_HEAD = 9
NESTED = ("Sequential", "Residual")
LAYERS = frozenset(
    (
        *("Linear", "Bilinear", "Embedding", "Flatten", "Unflatten", "Identity", "Dropout"),
        *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d"),
        *("BatchNorm1d", "BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "RMSNorm"),
        *("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"),
        *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "ZeroPad2d", "ReflectionPad2d", "Upsample"),
        *("ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Softplus"),
        *("Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Hardswish", "Hardsigmoid", "Hardtanh"),
        *("PReLU", "TransformerEncoderLayer"),
    )
)

Option = bool | int | float | str | list[int] | None


class LayerSaid(msgspec.Struct, frozen=True):
    """One layer, as it is written."""

    type: str
    options: dict[str, Option] = {}
    name: str | None = None
    layers: tuple["LayerSaid", ...] = ()


class InputSaid(msgspec.Struct, frozen=True):
    """The one tensor that the network takes; its shape is without the rows."""

    shape: tuple[int, ...]
    name: str = "x"
    datatype: Datatype = Datatype.FP32


class ArchitectureSaid(msgspec.Struct, frozen=True):
    """The whole."""

    input: InputSaid
    layers: tuple[LayerSaid, ...]
    labels: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True):
    input: InputSaid
    layers: list[dict[str, object]]
    labels: tuple[str, ...] = ()


def is_architecture(source: Source) -> bool:
    """Is it `architecture.json` beside safetensors?

    Raises:
        InvalidInput: it is weights without an architecture, or weights that lie.
    """
    if source.only is not None:
        _refuse_alone(source, source.only)
        return False
    if not source.has(ARCHITECTURE):
        return False
    read_header(source.path(weights_name(source)))
    return True


def weights_name(source: Source) -> str:
    """The one file of weights.

    Raises:
        InvalidInput: there is none, or more than one.
    """
    found = source.ending(_SAFETENSORS)
    if len(found) != 1:
        raise InvalidInput(
            f"{source.name} has {ARCHITECTURE} and {len(found)} files of safetensors: give one"
        )
    return found[0]


def _refuse_alone(source: Source, name: str) -> None:
    size = source.path(name).stat().st_size
    if not (name.lower().endswith(_SAFETENSORS) and is_safetensors(source.head(name, _HEAD), size)):
        return
    tensors = read_header(source.path(name)).tensors
    few = ", ".join(f"{each} {list(one.shape)}" for each, one in list(tensors.items())[:3])
    raise InvalidInput(
        f"{name} holds {len(tensors)} weights ({few}, ...) and not what is computed with them: "
        f"give a folder with it and {ARCHITECTURE} (or config.json of Hugging Face), or "
        "torch.export.save the model"
    )


def read_architecture(source: Source) -> ArchitectureSaid:
    """What the file says.

    Raises:
        InvalidInput: it cannot be read, or names a layer that is not known.
    """
    try:
        said = msgspec.json.decode(source.read(ARCHITECTURE, _LARGEST), type=_File)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{ARCHITECTURE} cannot be read: {error}") from error
    name = said.input.name
    if any(side < 1 for side in said.input.shape) or not name.isidentifier() or iskeyword(name):
        raise InvalidInput(
            f"{ARCHITECTURE} has an input {name[:40]!r} of shape {list(said.input.shape)}: give a "
            "name of letters, and its sides without the rows"
        )
    made = _layers(said.layers, 0)
    if not 0 < _count(made) <= _MOST_LAYERS:
        raise InvalidInput(
            f"{ARCHITECTURE} has {_count(made)} layers: 1 to {_MOST_LAYERS} are taken"
        )
    return ArchitectureSaid(said.input, made, said.labels)


def _count(layers: Sequence[LayerSaid]) -> int:
    return sum(1 + _count(one.layers) for one in layers)


def _layers(said: object, depth: int) -> tuple[LayerSaid, ...]:
    if depth > _DEEPEST:
        raise InvalidInput(f"{ARCHITECTURE} nests layers deeper than {_DEEPEST}")
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise InvalidInput(f'{ARCHITECTURE} needs "layers": [{{"type": "Linear", ...}}, ...]')
    return tuple(_layer(one, depth) for one in said)


def _layer(said: Mapping[str, object], depth: int) -> LayerSaid:
    kind, name = said.get("type"), said.get("name")
    if kind not in LAYERS and kind not in NESTED:
        raise InvalidInput(
            f"{ARCHITECTURE} has a layer {kind!r}, which is none of {', '.join(sorted(LAYERS))}, "
            f"{' and '.join(NESTED)}"
        )
    if name is not None and (not isinstance(name, str) or not name or "." in name):
        raise InvalidInput(f"{ARCHITECTURE} calls a layer {name!r}: a name is without dots")
    inner = _layers(said.get("layers"), depth + 1) if kind in NESTED else ()
    options = {key: value for key, value in said.items() if key not in ("type", "name", "layers")}
    for key, value in options.items():
        if not _is_option(value):
            raise InvalidInput(
                f"{ARCHITECTURE} gives {kind} {key} = {value!r}: it is no plain value"
            )
    return LayerSaid(str(kind), msgspec.convert(options, dict[str, Option]), name, inner)


def _is_option(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST_IN_A_LIST and all(type(one) is int for one in value)
    return (
        value is None
        or type(value) in (bool, int, float)
        or (isinstance(value, str) and value.isidentifier())
    )
