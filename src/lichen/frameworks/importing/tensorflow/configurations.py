"""What the configuration in a Keras file says, read without Keras and before anything is built."""

import json
import mmap
from collections.abc import Mapping
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import Source, opened_zip, zip_member
from lichen.frameworks.importing.tensorflow.layers import check_layers
from lichen.frameworks.importing.tensorflow.recognition import CONFIG_MEMBER, check_archive

LARGEST_CONFIG = 64 * 2**20
CONFIG_ATTRIBUTE = "model_config"
_BEGINS_WITHIN = 2**24
"""Bytes: Keras writes the attributes of a file in HDF5 before its weights."""
_NEAR = 2**20
_BEGINNING = b'{"'


def parsed(content: bytes, name: str) -> Mapping[str, Any]:
    """A configuration.

    Raises:
        InvalidInput: it is no JSON, or of no model.
    """
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"the configuration in {name} is no JSON ({error}): save it again"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise InvalidInput(f"the configuration in {name} is of no model: save the model again")
    return config


def check_keras(source: Source) -> None:
    """Refuse a `.keras` archive whose configuration names code or what is not Keras's own.

    Raises:
        InvalidInput: it does, or it is damaged.
    """
    name = source.names[0]
    check_archive(source, name)
    with opened_zip(source.path(name)) as archive:
        content = zip_member(archive, CONFIG_MEMBER, LARGEST_CONFIG)
    check_layers(parsed(content, source.name))


def check_hdf5_model(source: Source) -> None:
    """The same of HDF5, where the configuration stands in one piece; else the converter says it.

    Raises:
        InvalidInput: it names code or what is not Keras's own.
    """
    config = _in_one_piece(source)
    if config is not None:
        check_layers(config)


def _in_one_piece(source: Source) -> object:
    """The JSON after the attribute's name, as it stands in the file; None where there is none."""
    path = source.path(source.names[0])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        named = content.find(CONFIG_ATTRIBUTE.encode() + b"\x00", 0, _BEGINS_WITHIN)
        begins = content.find(_BEGINNING, named, named + _NEAR) if named >= 0 else -1
        text = content[begins : begins + LARGEST_CONFIG] if begins >= 0 else b""
    try:
        return json.JSONDecoder().raw_decode(text.decode("utf-8", errors="replace"))[0]
    except (ValueError, RecursionError):
        return None
