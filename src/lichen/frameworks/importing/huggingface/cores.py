"""The network of a text model as ONNX: by hand where its family is written, else by PyTorch."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.bert_writer import bare
from lichen.frameworks.encoders.families import FAMILIES, Family, Sizes, family_of, sizes_of
from lichen.frameworks.encoders.graph import IDS, MASK, EncoderGraph
from lichen.frameworks.encoders.heads import POOLINGS, classified, of_unit_length, pooled
from lichen.frameworks.encoders.layers import hidden_states
from lichen.frameworks.importing.huggingface.folder import (
    WEIGHTS,
    Folder,
    part_config,
    weight_files,
)
from lichen.frameworks.importing.pytorch.writing import exported_model
from lichen.frameworks.weights_files import read_floats

RAW = "raw"
_ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.linear.Identity": "",
}
_OLD_POOLING = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
}


def is_written(folder: Folder) -> bool:
    """Is its family written by hand here?"""
    if folder.kind not in FAMILIES:
        return False
    try:
        family_of(folder.config)
    except InvalidInput:
        return False
    return all(
        pooling_of(folder, path) in POOLINGS for kind, path in folder.parts if kind == "Pooling"
    )


def pooling_of(folder: Folder, path: str) -> str:
    """How a sentence encoder makes one vector of those of its tokens."""
    said = part_config(folder, path)
    if "pooling_mode" in said:
        return str(said["pooling_mode"])
    chosen = [name for name, old in _OLD_POOLING.items() if said.get(old)]
    return chosen[0] if len(chosen) == 1 else "+".join(chosen) or "mean"


def written_vectors(folder: Folder) -> bytes:
    """A sentence encoder: `raw` `(rows, width)`.

    Raises:
        InvalidInput: a weight is missing.
    """
    graph, family, sizes = _opened(folder)
    x = hidden_states(graph, family, sizes)
    width = sizes.width
    for number, (kind, path) in enumerate(folder.parts or (("Pooling", ""),)):
        if kind == "Pooling":
            x = pooled(graph, x, pooling_of(folder, path) if path else "mean")  # type: ignore[arg-type]
        elif kind == "Normalize":
            x = of_unit_length(graph, x)
        elif kind == "Dense":
            x, width = _dense(graph, folder, x, (number, path))
    return graph.model(x, RAW, ["rows", width])


def _dense(graph: EncoderGraph, folder: Folder, x: str, part: tuple[int, str]) -> tuple[str, int]:
    number, path = part
    said = part_config(folder, path)
    if not folder.source.has(f"{path}/{WEIGHTS}"):
        raise InvalidInput(f"{path} keeps its weights as a pickle: save the model again")
    own = read_floats(folder.source.path(f"{path}/{WEIGHTS}"))
    name = f"dense_{number}"
    graph.weights = {
        **graph.weights,
        **{f"{name}.{key.rpartition('.')[2]}": one for key, one in own.items()},
    }
    x = graph.dense(x, name)
    activation = str(said.get("activation_function", "torch.nn.modules.activation.Tanh"))
    if activation not in _ACTIVATIONS:
        raise InvalidInput(f"{path} bends its vectors by {activation}, which is not written here")
    bent = _ACTIVATIONS[activation]
    return graph.activated(x, bent) if bent else x, len(own["linear.weight"])


def written_classes(folder: Folder, count: int, *, is_sigmoid: bool) -> bytes:
    """A classifier of texts: `raw` `(rows, classes)`.

    Raises:
        InvalidInput: a weight is missing.
    """
    graph, family, sizes = _opened(folder)
    scores = classified(graph, hidden_states(graph, family, sizes), folder.kind)
    if is_sigmoid:
        scores = graph.add("Sigmoid", scores)
    return graph.model(scores, RAW, ["rows", count])


def written_marks(folder: Folder, count: int) -> bytes:
    """A classifier of tokens: `raw` `(rows, tokens, labels)`.

    Raises:
        InvalidInput: a weight is missing.
    """
    graph, family, sizes = _opened(folder)
    scores = graph.dense(hidden_states(graph, family, sizes), "classifier")
    return graph.model(scores, RAW, ["rows", "tokens", count])


def _opened(folder: Folder) -> tuple[EncoderGraph, Family, Sizes]:
    family = family_of(folder.config)
    return (
        EncoderGraph(bare(weights_of(folder), family.prefix)),
        family,
        sizes_of(folder.config, family),
    )


def weights_of(folder: Folder) -> Mapping[str, NDArray[np.float32]]:
    """All its weights, of all its files.

    Raises:
        InvalidInput: a file of them is damaged.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for file, names in weight_files(folder.source).items():
        found |= read_floats(folder.source.path(file), names)
    return found


def exported_core(
    torch: Any,  # noqa: ANN401 - torch's own types
    answer: Callable[[Any, Any], Any],
    module: Any,  # noqa: ANN401 - torch's own types
    longest: int,
) -> bytes:
    """A text network by PyTorch's exporter.

    Args:
        torch: the library.
        answer: what is answered to ids and mask.
        module: that answers, so that its weights are found.
        longest: most tokens of a text.

    Raises:
        InvalidInput: PyTorch cannot export it.
    """

    class Core(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, ids: Any, mask: Any) -> Any:  # noqa: ANN401 - torch's own types
            return answer(ids, mask)

    ids = torch.ones((2, 7), dtype=torch.int64)
    rows, tokens = torch.export.Dim("rows"), torch.export.Dim("tokens", min=2, max=longest)
    shape = {0: rows, 1: tokens}
    try:
        program = torch.export.export(
            Core().eval(), (ids, torch.ones_like(ids)), dynamic_shapes=(shape, shape)
        )
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"PyTorch cannot export {type(module).__name__} for texts of any length ({said}): "
            "export it as ONNX yourself, and import that"
        ) from error
    return exported_model(torch, program, [IDS, MASK], [RAW])
