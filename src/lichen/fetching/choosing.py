"""Which files of a folder elsewhere are fetched: those that an import can use, and never code.

Many models lie there in several forms at once, gigabytes each; one of them is fetched. Pickles
(`.bin`, `.pt`, `.pkl`) and programs are left where they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lichen.core.errors import InvalidInput

SAFETENSORS, ONNX = ".safetensors", ".onnx"
_WEIGHTS_BESIDE_ONNX = (".onnx_data", ".onnx.data")
_OTHER_FORMS = (
    ".keras",
    ".tflite",
    ".h5",
    ".pt2",
    ".skops",
    ".ubj",
    ".caffemodel",
    ".prototxt",
    ".pb",
    ".npz",
)
_BESIDE = (".json", ".txt", ".model", ".tiktoken", ".md", ".yaml", ".yml", ".cfg", "MLmodel")
"""Configurations, vocabularies and what is said of the model."""
_SAID_OF_OTHERS = (
    "config",
    "tokenizer",
    "vocab",
    "merges",
    "special_tokens",
    "added_tokens",
    "generation_config",
    "preprocessor_config",
)
"""Beginnings of names of texts that describe weights and are none."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".msgpack", ".ot")
_GGUF = (".gguf", ".ggml")
_FOR_OTHERS = ("onnx", "openvino", "coreml", "tf_model", "flax_model", "rust_model", "original")
"""Folders and files by which a repository keeps the same model once more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Paths that are fetched, and paths that are left."""

    taken: tuple[str, ...]
    left: tuple[str, ...]


def chosen(paths: Iterable[str], source: str) -> Choice:
    """What to fetch of these.

    Raises:
        InvalidInput: there is nothing among them that is imported; it says what there is.
    """
    known = sorted(path for path in paths if not PurePosixPath(path).name.startswith("."))
    taken = _in_best_form(known)
    if not taken:
        raise InvalidInput(_nothing(known, source))
    return Choice(tuple(taken), tuple(path for path in known if path not in taken))


def _in_best_form(paths: Sequence[str]) -> list[str]:
    tensors = [path for path in _ours(paths) if path.endswith(SAFETENSORS)]
    if tensors:
        return sorted([*tensors, *_beside(_ours(paths))])
    graphs = [path for path in paths if path.endswith(ONNX)]
    if graphs:
        one = _plainest(graphs)
        weights = [path for path in paths if path.startswith(one) and path != one]
        weights += [
            path
            for path in paths
            if path.endswith(_WEIGHTS_BESIDE_ONNX) and path not in weights and len(graphs) == 1
        ]
        folder = str(PurePosixPath(one).parent)
        near = [path for path in _beside(paths) if str(PurePosixPath(path).parent) in (".", folder)]
        return sorted({one, *weights, *near})
    others = [path for path in paths if path.endswith(_OTHER_FORMS)]
    described = [path for path in paths if path.endswith((".json", ".txt"))]
    return sorted({*others, *_beside(paths)}) if others or _is_described(described) else []


def _is_described(paths: Sequence[str]) -> bool:
    """Whether texts alone are a model: of boosted trees, which are saved as JSON or text."""
    names = [PurePosixPath(path).name for path in paths]
    own = [name for name in names if not name.startswith(_SAID_OF_OTHERS)]
    return len(own) == 1 or any(PurePosixPath(name).stem == "model" for name in own)


def _ours(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not path.startswith(_FOR_OTHERS)]


def _beside(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if path.endswith(_BESIDE)]


def _plainest(graphs: Sequence[str]) -> str:
    """The one that is neither quantised nor merged: `model.onnx`, else the shortest name."""
    named = [path for path in graphs if PurePosixPath(path).name == "model.onnx"]
    return min(named or graphs, key=lambda path: (len(path), path))


def _nothing(paths: Sequence[str], source: str) -> str:
    if any(path.endswith(_GGUF) for path in paths):
        return (
            f"{source} is in the form GGUF, for programs that generate text, which no import takes:"
            " name a repository with safetensors or ONNX"
        )
    if any(path.endswith(_PICKLES) for path in paths):
        return (
            f"{source} has its weights as pickles alone, which could run anything on this machine "
            "and are not fetched: ask its authors for safetensors or ONNX, or convert it at home"
        )
    shown = ", ".join(paths[:5]) or "nothing"
    return f"{source} has no file that is imported (it has {shown}): name another"
