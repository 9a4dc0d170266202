"""Sentence encoders by name: of an installed package, or of a registered model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, NotFound
from lichen.frameworks.estimation import Pause
from lichen.frameworks.sentence_encoder import ENCODER_FILES, SentenceEncoder, packaged_encoder
from lichen.pipeline.declaration import Embedding
from lichen.training.materials import Materials

PAUSE_EVERY = 20
NJ_A_TEXT = 25_000_000.0
"""Of a small encoder (22 million weights), a sentence: 6 milliseconds of a core at 3.8 W."""

OPERATIONS_A_TEXT = 3e8


@dataclass(frozen=True, slots=True)
class NamedEncoder:
    """A sentence encoder, loaded.

    Attributes:
        name: what was asked for.
        files: that a version keeps.
        encoder: what embeds.
    """

    name: str
    files: Mapping[str, bytes]
    encoder: SentenceEncoder

    def declared(self, column: str) -> Embedding:
        """The encoder of a column of texts."""
        return Embedding(column=column, width=self.encoder.width, encoder=self.name)

    def embed(self, texts: tuple[str, ...], pause: Pause) -> NDArray[np.float32]:
        """Vectors of texts, with pauses."""
        made = np.zeros((len(texts), self.encoder.width), dtype=np.float32)
        for first in range(0, len(texts), PAUSE_EVERY):
            pause()
            part = texts[first : first + PAUSE_EVERY]
            made[first : first + len(part)] = self.encoder.embed(part)
        return made


def named_encoder(name: str | None, materials: Materials) -> NamedEncoder | None:
    """The encoder of that name; None: none was asked for.

    Raises:
        InvalidInput: neither package nor model of that name carries one, or it cannot be read.
        Unavailable: the package of tokenizers is not installed.
    """
    if name is None:
        return None
    try:
        files: Mapping[str, bytes] = packaged_encoder(name)
    except NotFound as missing:
        try:
            files = materials.model_files(name, ENCODER_FILES)
        except NotFound as unknown:
            raise InvalidInput(f"{missing}; and {unknown}") from missing
    return NamedEncoder(name, files, SentenceEncoder(files))
