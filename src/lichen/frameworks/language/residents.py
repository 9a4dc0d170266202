"""Runtimes of ours that serve a version in a process of its own, where no ONNX can.

A version declares its runtime in `runtime.json`. The code is this package's and not the model's;
the framework is that of the platform, or of an environment built from a pinned list.
"""

import json
from dataclasses import dataclass

from lichen.core.errors import InvalidInput

RUNTIME_FILE = "runtime.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A runtime.

    Attributes:
        name: what `runtime.json` says.
        model: `module:class`, of a model that is opened in a folder.
        needs: modules that it imports, and that this interpreter may lack.
        extra: of ours, that installs them.
        environment: the file in `importing/environments` that lists them, pinned; "": none.
        archive: the file of a version that is unpacked into that folder; "": none.
        files: that a version has beside `runtime.json`.
    """

    name: str
    model: str
    needs: tuple[str, ...] = ()
    extra: str = "all"
    environment: str = ""
    archive: str = ""
    files: tuple[str, ...] = ()


_ALL = (
    Resident(
        name="spacy",
        model="lichen.frameworks.language.spacy_runtime:SpacyModel",
        needs=("spacy",),
        extra="spacy",
        environment="spacy",
        archive="spacy.tar",
        files=("spacy.tar",),
    ),
    Resident(
        name="fasttext",
        model="lichen.frameworks.language.subwords:SubwordModel",
        files=("words.json", "vectors.npy", "parts.npy"),
    ),
)
RESIDENTS = {one.name: one for one in _ALL}


def runtime_file(name: str) -> bytes:
    """The `runtime.json` of a runtime."""
    return json.dumps({"runtime": name}).encode()


def read_runtime(content: bytes) -> Resident:
    """What a `runtime.json` declares.

    Raises:
        InvalidInput: it cannot be read, or names no runtime that this platform has.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{RUNTIME_FILE} cannot be read: {error}; import it again") from error
    name = said.get("runtime") if isinstance(said, dict) else None
    found = RESIDENTS.get(name) if isinstance(name, str) else None
    if found is None:
        known = ", ".join(RESIDENTS)
        raise InvalidInput(
            f"{RUNTIME_FILE} names the runtime {name!r}, and this platform has {known}: upgrade "
            "it, or import the model again"
        )
    return found
