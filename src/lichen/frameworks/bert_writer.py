"""A sentence encoder of the BERT family (Devlin et al., 2019) as ONNX, from its own weights.

No PyTorch is needed: safetensors are read as what they are, a header and raw numbers, and the graph
is written by hand. Out comes one vector a text: the mean of its tokens (Reimers and Gurevych,
2019), of unit length.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import IR_VERSION, OPSET

IDS, MASK, EMBEDDING = "ids", "mask", "embedding"
_HEADER_BYTES = 8
_DTYPES: dict[str, np.dtype[np.floating[Any]]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "F64": np.dtype("<f8"),
}
_LEAST = 1e-12
_NEVER = -1e9
_PREFIXES = ("", "bert.")


def read_safetensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The named float arrays of a safetensors file; others are left out.

    Raises:
        InvalidInput: it is none.
    """
    try:
        size = int.from_bytes(content[:_HEADER_BYTES], "little")
        header = json.loads(content[_HEADER_BYTES : _HEADER_BYTES + size])
        first = _HEADER_BYTES + size
        made = {}
        for name, said in header.items():
            if said.get("dtype") not in _DTYPES:
                continue
            start, end = said["data_offsets"]
            flat = np.frombuffer(content[first + start : first + end], _DTYPES[said["dtype"]])
            made[name] = flat.reshape(said["shape"]).astype(np.float32)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InvalidInput(f"the weights are no safetensors file: {problem}") from problem
    return made


@dataclass(slots=True)
class _Graph:
    """Nodes and constants, each constant once."""

    weights: Mapping[str, NDArray[Any]]
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    made: int = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """One operator; the name of what it gives."""
        from onnx import helper

        self.made += 1
        output = f"{kind.lower()}_{self.made}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """The name of a constant."""
        self.constants[name] = value
        return name

    def weight(self, name: str, *, is_turned: bool = False) -> str:
        """A weight of the model; `is_turned`: as `(inputs, outputs)`."""
        found = self.weights.get(name)
        if found is None:
            raise InvalidInput(
                f"the encoder's weights lack {name!r}: it is not of the BERT family; give one that "
                "comes as encoder.onnx and tokenizer.json"
            )
        return self.constant(name, np.ascontiguousarray(found.T) if is_turned else found)

    def dense(self, x: str, name: str) -> str:
        """`x W + b`."""
        product = self.add("MatMul", x, self.weight(f"{name}.weight", is_turned=True))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def normalised(self, x: str, name: str, epsilon: float) -> str:
        """Layer normalisation."""
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)


def bert_encoder(config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The encoder as ONNX: `ids` and `mask` int64 `(rows, tokens)`, `embedding` `(rows, width)`.

    Args:
        config: of the model, as `config.json` has it.
        weights: by name, as BERT calls them.

    Raises:
        InvalidInput: it is no BERT.
    """
    if config.get("model_type") != "bert" or config.get("hidden_act", "gelu") != "gelu":
        raise InvalidInput(
            f"an encoder of the kind {config.get('model_type')!r} is not read from its weights: "
            "give it as encoder.onnx and tokenizer.json"
        )
    prefix = next((one for one in _PREFIXES if f"{one}{_TOKENS}" in weights), "")
    graph = _Graph({name.removeprefix(prefix): value for name, value in weights.items()})
    epsilon = float(config.get("layer_norm_eps", 1e-12))
    x = _embedded(graph, epsilon)
    float_mask = graph.add("Cast", MASK, to=1)
    barred = _barred(graph, float_mask)
    heads = int(config["num_attention_heads"])
    width = int(config["hidden_size"])
    for layer in range(int(config["num_hidden_layers"])):
        x = _layer(graph, x, barred, (f"encoder.layer.{layer}", heads, width, epsilon))
    _pooled(graph, x, float_mask)
    return _model(graph, width)


_TOKENS = "embeddings.word_embeddings.weight"


def _embedded(graph: _Graph, epsilon: float) -> str:
    """Tokens, their places, and the one kind of segment."""
    tokens = graph.add("Gather", graph.weight(_TOKENS), IDS)
    length = graph.add("Shape", IDS, start=1, end=2)
    places = graph.weight("embeddings.position_embeddings.weight")
    start = graph.constant("from_0", np.zeros(1, dtype=np.int64))
    placed = graph.add("Slice", places, start, length)
    kinds = graph.weights.get("embeddings.token_type_embeddings.weight")
    together = graph.add("Add", tokens, placed)
    if kinds is not None:
        together = graph.add("Add", together, graph.constant("segment", kinds[0]))
    return graph.normalised(together, "embeddings.LayerNorm", epsilon)


def _barred(graph: _Graph, float_mask: str) -> str:
    """What is added to attention: nothing where there is a token, else so much that it is none."""
    one = graph.constant("one", np.ones(1, dtype=np.float32))
    absent = graph.add("Sub", one, float_mask)
    scaled = graph.add("Mul", absent, graph.constant("never", np.array([_NEVER], dtype=np.float32)))
    return graph.add("Unsqueeze", scaled, graph.constant("axes", np.array([1, 2], dtype=np.int64)))


def _layer(graph: _Graph, x: str, barred: str, said: tuple[str, int, int, float]) -> str:
    name, heads, width, epsilon = said
    each = width // heads
    apart = graph.constant("apart", np.array([0, 0, heads, each], dtype=np.int64))
    joined = graph.constant("joined", np.array([0, 0, width], dtype=np.int64))
    scale = graph.constant("scale", np.array([1 / sqrt(each)], dtype=np.float32))

    def split(part: str, order: list[int]) -> str:
        found = graph.dense(x, f"{name}.attention.self.{part}")
        return graph.add("Transpose", graph.add("Reshape", found, apart), perm=order)

    query, key = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1])
    likeness = graph.add("Mul", graph.add("MatMul", query, key), scale)
    attention = graph.add("Softmax", graph.add("Add", likeness, barred), axis=-1)
    mixed = graph.add("MatMul", attention, split("value", [0, 2, 1, 3]))
    flat = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    said_so = graph.dense(flat, f"{name}.attention.output.dense")
    x = graph.normalised(
        graph.add("Add", said_so, x), f"{name}.attention.output.LayerNorm", epsilon
    )
    inner = _gelu(graph, graph.dense(x, f"{name}.intermediate.dense"))
    outer = graph.add("Add", graph.dense(inner, f"{name}.output.dense"), x)
    return graph.normalised(outer, f"{name}.output.LayerNorm", epsilon)


def _gelu(graph: _Graph, x: str) -> str:
    """`x (1 + erf(x / sqrt 2)) / 2`, by the error function itself."""
    root = graph.constant("root", np.array([sqrt(2)], dtype=np.float32))
    error = graph.add("Erf", graph.add("Div", x, root))
    half = graph.constant("half", np.array([0.5], dtype=np.float32))
    one = graph.constant("one", np.ones(1, dtype=np.float32))
    return graph.add("Mul", graph.add("Mul", x, graph.add("Add", error, one)), half)


def _pooled(graph: _Graph, x: str, float_mask: str) -> None:
    """The mean over the tokens that are there, of unit length, as `embedding`."""
    from onnx import helper

    last = graph.constant("last", np.array([-1], dtype=np.int64))
    second = graph.constant("second", np.array([1], dtype=np.int64))
    weighed = graph.add("Mul", x, graph.add("Unsqueeze", float_mask, last))
    summed = graph.add("ReduceSum", weighed, second, keepdims=0)
    length = graph.add("ReduceL2", summed, second, keepdims=1)
    least = graph.constant("least", np.array([_LEAST], dtype=np.float32))
    node = helper.make_node("Div", [summed, graph.add("Max", length, least)], [EMBEDDING])
    graph.nodes.append(node)


def _model(graph: _Graph, width: int) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    shape = ["rows", "tokens"]
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [
            helper.make_tensor_value_info(IDS, TensorProto.INT64, shape),
            helper.make_tensor_value_info(MASK, TensorProto.INT64, shape),
        ],
        [helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["rows", width])],
        initializer=[numpy_helper.from_array(v, name) for name, v in graph.constants.items()],
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="lichen",
        ir_version=IR_VERSION,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
