"""What a Keras configuration may name: Keras's own layers, and no code.

A configuration can name any class of any module, functions as bytes of Python, files, and other
models. Keras refuses most of it since 3.11; this list refuses all of it, whatever the version, and
says which layer it is. Lists of what is allowed, since those of what is dangerous were never whole
(CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9905, CVE-2025-12058).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lichen.core.errors import InvalidInput

_HOMES = re.compile(
    r"keras(\.src)?(\.(layers|models|initializers|regularizers|constraints|activations|losses"
    r"|metrics|optimizers|ops|dtype_policies|quantizers|random|backend|engine)(\.\w+)*)?"
)
"""Modules whose classes are data and arithmetic; `keras.utils` and `keras.saving` are not."""
_PLAIN = {"__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__tuple__", "__keras_tensor__"}
_BUILTINS = {"slice", "dict", "list", "tuple", "int", "float", "str", "bool", "NoneType"}
_CODE = {
    "Lambda": "holds Python code, which is never run: write it with keras.ops or as layers",
    "LambdaLayer": "holds Python code, which is never run: write it as layers",
    "__lambda__": "is Python code, which is never run: name one of Keras's own functions",
    "TorchModuleWrapper": "holds a pickle of PyTorch, which is never opened: import that model",
    "JaxLayer": "holds a function of JAX, which is never run: save the model from layers",
    "FlaxLayer": "holds a module of Flax, which is never run: save the model from layers",
    "TFSMLayer": "names the folder of another model: import that SavedModel itself",
    "TFOpLambda": "is an operation of Keras 2 that later ones do not read",
    "SlicingOpLambda": "is an operation of Keras 2 that later ones do not read",
    "TensorFlowOpLayer": "is an operation of Keras 2 that later ones do not read",
}
_INSTEAD = "; or write the graph with the program that made it (model.export) and import that"
_MOST_DEEP = 200


@dataclass(frozen=True, slots=True)
class _Named:
    """A class that a configuration names: where, and by which layer."""

    layer: str
    kind: str
    module: str
    registered: str
    config: Any


def check_layers(config: object, known: Collection[str] = ()) -> None:
    """Refuse a configuration that names anything but Keras's own layers.

    Args:
        config: as its JSON says.
        known: names of all classes that Keras has, where no module is stated (HDF5); empty: they
            are not looked up.

    Raises:
        InvalidInput: it names code, a class of one's own, a file, or another model; the sentence
            names the layer.
    """
    for named in _named(config, "", 0):
        why = _refusal(named, known)
        if why is not None:
            raise InvalidInput(f"layer {named.layer!r} {why}{_INSTEAD}")


def _named(value: Any, layer: str, depth: int) -> Iterator[_Named]:  # noqa: ANN401 - JSON
    if depth > _MOST_DEEP:
        raise InvalidInput("the model's configuration is nested too deep: save the model again")
    if isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        inner = layer
        if isinstance(kind, str):
            inner = _name_of(value, config) or layer or kind
            yield _Named(
                inner,
                kind,
                str(value.get("module") or ""),
                str(value.get("registered_name") or ""),
                config,
            )
        for key, one in value.items():
            if depth or key != "compile_config":  # a nested model's is read, the whole one's not
                yield from _named(one, inner, depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, layer, depth + 1)


def _name_of(value: Mapping[str, Any], config: object) -> str | None:
    own = config.get("name") if isinstance(config, Mapping) else None
    name = value.get("name") or own
    return name if isinstance(name, str) else None


def _refusal(named: _Named, known: Collection[str]) -> str | None:
    """Why a class is not taken, to follow `layer 'x' `; None where it is."""
    kind = named.kind.rpartition(">")[2]
    if kind in _CODE:
        return f"is a {kind}: it {_CODE[kind]}"
    own = _is_own(named, known)
    if own is not None:
        return own
    if isinstance(named.config, Mapping):
        return _outside(named.config)
    return None


def _is_own(named: _Named, known: Collection[str]) -> str | None:
    """A class or function of whoever made the model."""
    what = str(named.config) if named.kind == "function" else named.kind
    if named.kind in _PLAIN or (named.module == "builtins" and named.kind in _BUILTINS):
        return None
    if ">" in named.registered + named.kind or named.module == "builtins":
        return f"is a {what} of its author's own code ({named.registered or named.kind})"
    if named.module and not _HOMES.fullmatch(named.module):
        return f"is a {what} of module {named.module}, which is none of Keras's"
    if known and not named.module and named.kind not in known:
        return f"is a {what}, which Keras does not have: it is its author's own code"
    return None


def _outside(config: Mapping[str, Any]) -> str | None:
    """Vocabularies are lists here: a text would be the path of a file."""
    for key in ("vocabulary", "idf_weights"):
        if isinstance(config.get(key), str):
            return f"takes its {key} from a file ({config[key]!r}): save it with the words in it"
    if config.get("stateful") is True:
        return "keeps its state from one call to the next: save it with stateful=False"
    return None
