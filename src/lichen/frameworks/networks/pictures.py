"""A network of images with the door that pictures come by: bytes, channels last."""

from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.onnx_writer import INPUT

IMAGE = "image"
_TURNED, _PIXELS = "channels_first", "pixels"


def image_model(network: TrainedNetwork) -> bytes:
    """An ONNX model: `image` uint8 `(rows, height, width, channels)` in, `raw` float32 out.

    Equal networks give equal bytes.

    Raises:
        InvalidInput: the network's rows are no images `(channels, height, width)`.
    """
    from onnx import TensorProto, checker, helper, load_model_from_string

    if len(network.shape) != 3:
        raise InvalidInput(f"rows of shape {list(network.shape)} are no images")
    channels, height, width = network.shape
    model = load_model_from_string(network.onnx())
    for node in model.graph.node:
        node.input[:] = [_PIXELS if name == INPUT else name for name in node.input]
    door = [
        helper.make_node("Transpose", [IMAGE], [_TURNED], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [_TURNED], [_PIXELS], to=TensorProto.FLOAT),
    ]
    nodes = [*door, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    taken = helper.make_tensor_value_info(
        IMAGE, TensorProto.UINT8, ["rows", height, width, channels]
    )
    model.graph.input[0].CopyFrom(taken)
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
