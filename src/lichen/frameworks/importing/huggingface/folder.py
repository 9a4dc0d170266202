"""What a folder of Hugging Face says it is; light code that loads and runs nothing of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import Source
from lichen.frameworks.weights_files import Header, read_header

CONFIG, MODULES, TOKENIZER_CONFIG = "config.json", "modules.json", "tokenizer_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_LARGEST_CONFIG = 64 * 2**20
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_SENTENCE = "sentence_transformers."
_PARTS = ("Transformer", "Pooling", "Normalize", "Dense")
_WRITES_TEXT = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSeq2SeqLM")
_FILLS_IN = ("ForMaskedLM", "ForPreTraining")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a model.

    Attributes:
        source: its files.
        config: `config.json`.
        architecture: the class that wrote it: `BertForSequenceClassification`.
        parts: of a sentence encoder, the kind of each module and its folder; empty: it is none.
    """

    source: Source
    config: Mapping[str, Any]
    architecture: str
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        """`model_type`."""
        return str(self.config.get("model_type", ""))

    @property
    def labels(self) -> list[str]:
        """Classes in the order of their numbers; empty where nothing names them.

        Raises:
            InvalidInput: their numbers have gaps.
        """
        said = self.config.get("id2label") or {}
        try:
            named = {int(number): str(label) for number, label in said.items()}
            return [named[number] for number in range(len(named))]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(
                "id2label of config.json does not name classes from 0 on: save the model again"
            ) from error


def is_folder(source: Source) -> bool:
    """Is it a model that `save_pretrained` wrote?

    Raises:
        InvalidInput: it is, and cannot be taken; the message says why and what to do.
    """
    if not source.has(CONFIG) or source.only is not None:
        return False
    config = _config(source, CONFIG)
    if not isinstance(config.get("model_type"), str):
        return False
    _check_no_code(source, config)
    _check_weights(source)
    architecture = _architecture(config)
    if architecture.endswith(_WRITES_TEXT):
        raise InvalidInput(
            f"{source.name} is {architecture}, a language model that writes text: those are not "
            "served yet; encoders and classifiers are"
        )
    return True


def read_folder(source: Source) -> Folder:
    """The folder, its headers checked.

    Raises:
        InvalidInput: it is none that can be taken.
    """
    config = _config(source, CONFIG)
    parts = _parts(source) if source.has(MODULES) else ()
    return Folder(source, config, _architecture(config), parts)


def weight_files(source: Source) -> dict[str, tuple[str, ...]]:
    """Files of weights, each with the tensors that are taken from it.

    Raises:
        InvalidInput: an index names a file that is missing, or a tensor that is not in its file.
    """
    if not source.has(INDEX):
        return {WEIGHTS: tuple(_header(source, WEIGHTS).tensors)}
    said = _config(source, INDEX).get("weight_map")
    if not isinstance(said, dict) or not said:
        raise InvalidInput(f"{INDEX} names no weights: save the model again")
    found: dict[str, list[str]] = {}
    for tensor, file in said.items():
        if not isinstance(file, str) or PurePosixPath(file).name != file or not source.has(file):
            raise InvalidInput(
                f"{INDEX} says that {tensor!r} stands in {file!r}, which is not in the folder: "
                "give all of its files"
            )
        found.setdefault(file, []).append(tensor)
    for file, tensors in found.items():
        lacking = set(tensors) - set(_header(source, file).tensors)
        if lacking:
            raise InvalidInput(f"{file} lacks {min(lacking)!r}, which {INDEX} says it has")
    return {file: tuple(tensors) for file, tensors in sorted(found.items())}


def _header(source: Source, file: str) -> Header:
    if not source.has(file):
        raise InvalidInput(f"{source.name} has no {file}: give the model's weights as safetensors")
    return read_header(source.path(file))


def _config(source: Source, name: str) -> dict[str, Any]:
    try:
        said = json.loads(source.read(name, _LARGEST_CONFIG))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} of {source.name} is no JSON: save the model again") from error
    return said if isinstance(said, dict) else {}


def _architecture(config: Mapping[str, Any]) -> str:
    said = config.get("architectures")
    return str(said[0]) if isinstance(said, list) and said else ""


def _check_no_code(source: Source, config: Mapping[str, Any]) -> None:
    """Does it bring Python of its own? That is never run, whatever else is allowed."""
    said = _config(source, TOKENIZER_CONFIG) if source.has(TOKENIZER_CONFIG) else {}
    for file, one in ((CONFIG, config), (TOKENIZER_CONFIG, said)):
        if one.get("auto_map") or one.get("custom_pipelines"):
            raise InvalidInput(
                f"{file} of {source.name} asks for code from its own folder (auto_map), which is "
                "never run here: give a model of an architecture that transformers itself has"
            )
    if source.has("adapter_config.json"):
        raise InvalidInput(
            f"{source.name} is an adapter to another model: merge it there (merge_and_unload) and "
            "save the whole"
        )


def _check_weights(source: Source) -> None:
    if source.has(WEIGHTS) or source.has(INDEX):
        weight_files(source)
        return
    if source.has(_PICKLED[0]) or source.has(_PICKLED[1]):
        raise InvalidInput(
            f"{source.name} keeps its weights as {_PICKLED[0]}, a Python pickle, which runs its "
            "author's code when it is read: where the model was made, save it again by "
            "model.save_pretrained(folder) of a transformers that writes safetensors"
        )
    raise InvalidInput(f"{source.name} has no {WEIGHTS}: give the whole folder of the model")


def _parts(source: Source) -> tuple[tuple[str, str], ...]:
    """The modules of a sentence encoder."""
    try:
        said = json.loads(source.read(MODULES, _LARGEST_CONFIG))
        named = [(str(one["type"]), str(one["path"])) for one in said]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{MODULES} of {source.name} is damaged: save it again") from error
    for kind, path in named:
        part = kind.rpartition(".")[2]
        if not kind.startswith(_SENTENCE) or part not in _PARTS or ".." in path:
            raise InvalidInput(
                f"{source.name} has a module {kind!r} in {path!r}, which is not served: "
                f"{', '.join(_PARTS)} of sentence-transformers are"
            )
    return tuple((kind.rpartition(".")[2], path.strip("/")) for kind, path in named)


def part_config(folder: Folder, path: str) -> dict[str, Any]:
    """`config.json` of a module of a sentence encoder."""
    return _config(folder.source, f"{path}/{CONFIG}" if path else CONFIG)


def fills_in(folder: Folder) -> bool:
    """Is its head one for training, which nobody serves?"""
    return folder.architecture.endswith(_FILLS_IN)
