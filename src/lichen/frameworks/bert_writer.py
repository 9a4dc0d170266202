"""A sentence encoder of the BERT family (Devlin et al., 2019) as ONNX, from its own weights.

No PyTorch is needed: safetensors are read as what they are, a header and raw numbers, and the graph
is written by hand. Out comes one vector a text: the mean of its tokens (Reimers and Gurevych,
2019), of unit length.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from lichen.frameworks.encoders.families import family_of, sizes_of
from lichen.frameworks.encoders.graph import IDS, MASK, EncoderGraph
from lichen.frameworks.encoders.heads import of_unit_length, pooled
from lichen.frameworks.encoders.layers import hidden_states
from lichen.frameworks.weights_files import floats_of

EMBEDDING = "embedding"
__all__ = ["EMBEDDING", "IDS", "MASK", "bare", "bert_encoder", "read_safetensors"]


def read_safetensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The named float arrays of a safetensors file; others are left out.

    Raises:
        InvalidInput: it is none.
    """
    return dict(floats_of(content))


def bare(weights: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The weights without the prefix that those of the encoder have beside a head."""
    return {name.removeprefix(prefix): value for name, value in weights.items()}


def bert_encoder(config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The encoder as ONNX: `ids` and `mask` int64 `(rows, tokens)`, `embedding` `(rows, width)`.

    Args:
        config: of the model, as `config.json` has it.
        weights: by name, as its family calls them.

    Raises:
        InvalidInput: it is of no family that is written here.
    """
    family = family_of(config)
    sizes = sizes_of(config, family)
    graph = EncoderGraph(bare(weights, family.prefix))
    vector = of_unit_length(graph, pooled(graph, hidden_states(graph, family, sizes), "mean"))
    return graph.model(vector, EMBEDDING, ["rows", sizes.width])
