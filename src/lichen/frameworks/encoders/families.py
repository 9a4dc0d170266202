"""Families of encoders that differ in the names of their weights, and little else.

BERT (Devlin et al., 2019), RoBERTa (Liu et al., 2019) and XLM-RoBERTa (Conneau et al., 2020),
DistilBERT (Sanh et al., 2019), MPNet (Song et al., 2020), whose tokens also see how far apart they
are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lichen.core.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How one family calls its weights and sizes.

    Attributes:
        prefix: of the encoder's weights where a head stands beside them.
        layer: of a layer, with its number.
        query, key, value, mixed: of attention, within a layer.
        mixed_norm, inner, outer, outer_norm: of what follows it.
        width, heads, layers, activation: keys of `config.json`.
        first_place: the position of the first token.
        distances: of the table of distances between tokens; empty: there is none.
    """

    prefix: str
    layer: str = "encoder.layer.{}"
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    mixed: str = "attention.output.dense"
    mixed_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    outer_norm: str = "output.LayerNorm"
    width: str = "hidden_size"
    heads: str = "num_attention_heads"
    layers: str = "num_hidden_layers"
    activation: str = "hidden_act"
    first_place: int = 0
    distances: str = ""


_BERT = Family(prefix="bert.")
_ROBERTA = Family(prefix="roberta.", first_place=2)
FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": Family(
        prefix="distilbert.",
        layer="transformer.layer.{}",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        mixed="attention.out_lin",
        mixed_norm="sa_layer_norm",
        inner="ffn.lin1",
        outer="ffn.lin2",
        outer_norm="output_layer_norm",
        width="dim",
        heads="n_heads",
        layers="n_layers",
        activation="activation",
    ),
    "mpnet": Family(
        prefix="mpnet.",
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        mixed="attention.attn.o",
        mixed_norm="attention.LayerNorm",
        first_place=2,
        distances="encoder.relative_attention_bias.weight",
    ),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one encoder: numbers a token, heads, layers; what bends, and what keeps from 0."""

    width: int
    heads: int
    layers: int
    activation: str
    epsilon: float


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of a model.

    Raises:
        InvalidInput: its weights are not read here.
    """
    found = FAMILIES.get(str(config.get("model_type")))
    is_plain = config.get("position_embedding_type", "absolute") in ("absolute", None)
    if found is None or not is_plain or config.get("is_decoder"):
        raise InvalidInput(
            f"an encoder of the kind {config.get('model_type')!r} is not read from its weights: "
            "give it as encoder.onnx and tokenizer.json"
        )
    return found


def sizes_of(config: Mapping[str, Any], family: Family) -> Sizes:
    """Its sizes.

    Raises:
        InvalidInput: one is missing, or is none.
    """
    try:
        width, heads = int(config[family.width]), int(config[family.heads])
        layers = int(config[family.layers])
        epsilon = float(config.get("layer_norm_eps", 1e-12))
    except (KeyError, TypeError, ValueError) as problem:
        raise InvalidInput(f"config.json says no usable size of the encoder: {problem}") from None
    if min(width, heads, layers) < 1 or width % heads:
        raise InvalidInput(
            f"config.json says {width} numbers a token, {heads} heads and {layers} layers, which "
            "no encoder has"
        )
    return Sizes(width, heads, layers, str(config.get(family.activation, "gelu")), epsilon)
