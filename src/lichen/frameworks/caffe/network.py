"""A network as it is deployed: the layers of a prototxt with the weights of a caffemodel.

Both forms of prototxt are read, `layer` and the older `layers` (V1). What is there for training
alone is left out, as people do who write a deploy.prototxt by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.text import Message
from lichen.frameworks.caffe.wire import Floats

Shape = tuple[int, ...]

_FEEDS = {
    "Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "WindowData", "AnnotatedData",
    "VideoData",
}  # fmt: skip
_FOR_TRAINING = {
    "Accuracy", "ContrastiveLoss", "EuclideanLoss", "HingeLoss", "InfogainLoss", "MultiBoxLoss",
    "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss", "SmoothL1Loss", "SoftmaxWithLoss",
    "DetectionEvaluate", "HDF5Output", "Silence",
}  # fmt: skip
_KIND_OF_V1 = {
    "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "ARGMAX": "ArgMax", "BNLL": "BNLL",
    "CONCAT": "Concat", "CONTRASTIVE_LOSS": "ContrastiveLoss", "CONVOLUTION": "Convolution",
    "DATA": "Data", "DECONVOLUTION": "Deconvolution", "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData", "EUCLIDEAN_LOSS": "EuclideanLoss", "ELTWISE": "Eltwise",
    "EXP": "Exp", "FLATTEN": "Flatten", "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss", "IM2COL": "Im2col", "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss", "INNER_PRODUCT": "InnerProduct", "LRN": "LRN",
    "MEMORY_DATA": "MemoryData", "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN", "POOLING": "Pooling", "POWER": "Power", "RELU": "ReLU", "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "SILENCE": "Silence",
    "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split", "SLICE": "Slice",
    "TANH": "TanH", "WINDOW_DATA": "WindowData", "THRESHOLD": "Threshold",
}  # fmt: skip
_MOST_LAYERS = 20_000


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; `settings` is all that its prototxt says of it."""

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    settings: Message
    blobs: tuple[Floats, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """What a deployed network takes, and its layers in the order in which they run.

    `dropped` names the layers that were left out, as they are there for training.
    """

    name: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    dropped: tuple[str, ...] = ()

    def outputs(self) -> tuple[str, ...]:
        """The blobs that no layer takes, in the order in which they are made."""
        left = dict.fromkeys(self.inputs)
        for layer in self.layers:
            for name in layer.bottoms:
                left.pop(name, None)
            left |= dict.fromkeys(layer.tops)
        return tuple(name for name in left if name not in self.inputs)


def is_description(message: Message) -> bool:
    """Is this text a network of Caffe's?"""
    layers = (*message.fields.get("layer", ()), *message.fields.get("layers", ()))
    return bool(layers) and all(isinstance(one, Message) for one in layers)


def read_network(
    described: Message,
    weights: Mapping[str, tuple[Floats, ...]],
    given: Mapping[str, Shape],
) -> Network:
    """The network of a prototxt with its weights.

    Args:
        described: the prototxt.
        weights: of a caffemodel, by layer.
        given: shapes of inputs that the prototxt does not state.

    Raises:
        InvalidInput: it is no network that can be deployed; the message says why.
    """
    layers = [layer for layer in _layers(described) if _is_deployed(layer.settings)]
    if not layers or len(layers) > _MOST_LAYERS:
        raise InvalidInput(f"the prototxt has {len(layers)} layers for deployment")
    inputs = {**_net_inputs(described), **_layer_inputs(layers), **given}
    kept, dropped = _without_training(layers, inputs)
    used = {name for layer in kept for name in layer.bottoms}
    if not inputs or not used & inputs.keys():
        raise InvalidInput(_lacks_input(layers, kept))
    named = tuple(replace(one, blobs=weights.get(one.name, ())) for one in kept)
    taken = {name: shape for name, shape in inputs.items() if name in used}
    return Network(described.text("name"), taken, named, dropped)


def _lacks_input(layers: Sequence[Layer], kept: Sequence[Layer]) -> str:
    made = {name for layer in kept for name in layer.tops}
    wanted = [name for layer in kept for name in layer.bottoms if name not in made]
    fed = [layer for layer in layers if layer.kind in _FEEDS]
    name = wanted[0] if wanted else (fed[0].tops[0] if fed and fed[0].tops else "data")
    return (
        "the prototxt does not say what the network takes (it is the one for training, perhaps): "
        f"give its deploy.prototxt, or say it with --input {name}:FP32:-1,3,224,224, in the sizes "
        "of your images"
    )


def _layers(described: Message) -> list[Layer]:
    both = described.messages("layers"), described.messages("layer")
    if all(both):
        raise InvalidInput("the prototxt has layer and layers: upgrade it with Caffe's tools")
    return [_layer(one, is_v1=bool(both[0])) for one in (*both[0], *both[1])]


def _layer(message: Message, *, is_v1: bool) -> Layer:
    kind = message.text("type")
    if is_v1:
        if "layer" in message.fields:
            raise InvalidInput(
                "the prototxt is of Caffe's first format, of 2013: upgrade it with Caffe's tool "
                "upgrade_net_proto_text"
            )
        kind = _KIND_OF_V1.get(kind, kind)
    return Layer(message.text("name"), kind, message.texts("bottom"), message.texts("top"), message)


def _is_deployed(settings: Message) -> bool:
    """Whether its rules let it stand in the phase TEST, at level 0 and no stage."""
    included = settings.messages("include")
    if included:
        return any(_meets(rule) for rule in included)
    return not any(_meets(rule) for rule in settings.messages("exclude"))


def _meets(rule: Message) -> bool:
    return (
        rule.text("phase", "TEST") in ("TEST", "1")
        and not rule.texts("stage")
        and rule.integer("min_level", 0) <= 0 <= rule.integer("max_level", 0)
    )


def _net_inputs(described: Message) -> dict[str, Shape]:
    names = described.texts("input")
    shapes = [one.integers("dim") for one in described.messages("input_shape")]
    dims = described.integers("input_dim")
    if not shapes and len(dims) == 4 * len(names):
        shapes = [dims[at : at + 4] for at in range(0, len(dims), 4)]
    if len(shapes) == 1:
        shapes *= len(names)
    if len(shapes) != len(names):
        raise InvalidInput(f"the prototxt names {len(names)} inputs, and has {len(shapes)} shapes")
    return dict(zip(names, shapes, strict=True))


def _layer_inputs(layers: Sequence[Layer]) -> dict[str, Shape]:
    inputs: dict[str, Shape] = {}
    for layer in layers:
        if layer.kind == "Input":
            shapes = layer.settings.message("input_param").messages("shape")
            if len(shapes) not in (1, len(layer.tops)):
                raise InvalidInput(f"layer {layer.name!r} has {len(shapes)} shapes for its inputs")
            for number, top in enumerate(layer.tops):
                inputs[top] = shapes[number if len(shapes) > 1 else 0].integers("dim")
        elif layer.kind == "MemoryData" and layer.tops:
            one = layer.settings.message("memory_data_param")
            sizes = tuple(one.integer(name, 0) for name in _MEMORY)
            if all(sizes):
                inputs[layer.tops[0]] = sizes
    return inputs


_MEMORY = ("batch_size", "channels", "height", "width")


def _without_training(
    layers: Sequence[Layer], inputs: Mapping[str, Shape]
) -> tuple[list[Layer], tuple[str, ...]]:
    """Without what feeds, and without what only labels lead to."""
    known, kept, dropped = set(inputs), [], []
    labels: set[str] = set()
    for layer in layers:
        if layer.kind == "Input":
            continue
        if layer.kind in _FEEDS or layer.kind in _FOR_TRAINING or labels & set(layer.bottoms):
            labels |= set(layer.tops) - known
            dropped.append(f"{layer.name} ({layer.kind})")
            continue
        known |= set(layer.tops)
        kept.append(layer)
    return kept, tuple(dropped)
