"""Word vectors into ONNX, their answers compared with gensim's on the same words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.language.vector_file import (
    VectorForm,
    WordVectors,
    read_vectors,
    vector_form,
)
from lichen.frameworks.importing.source import Source
from lichen.frameworks.language.drawing import OPSET
from lichen.frameworks.language.vector_graph import (
    MOST_SIMILAR,
    SIMILAR,
    SIMILARITY,
    VECTOR,
    vector_graph,
    vector_signature,
)
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, made_up_texts, parted_words
from lichen.frameworks.onnx import MODEL_FILE

TOLERANCE = 1e-5
NEAREST_TIE = 2e-6
"""Words whose likeness differs by less are in no order that two libraries could agree on."""
_SEED = 20261123
_MULTIPLICATIONS = 4e9
"""Of a trial: of a large vocabulary, fewer inputs are compared."""


def convert(source: Source, wishes: Wishes) -> Conversion:  # noqa: ARG001 - of every converter
    """The version of a file of word vectors.

    Raises:
        InvalidInput: it is not what it says; the message says what is wrong.
        TooLarge: it is larger than a model may be.
    """
    path = source.path(source.only or source.names[0])
    found, form = read_vectors(path), vector_form(path)
    from gensim.models import KeyedVectors

    peer = KeyedVectors.load_word2vec_format(
        str(path), binary=_is_binary(form), no_header=form is None or form.stated is None
    )
    return vector_conversion(found, peer, "word vectors")


def vector_conversion(found: WordVectors, peer: Any, algorithm: str) -> Conversion:  # noqa: ANN401 - gensim's own
    """The version of a vocabulary and its vectors.

    Args:
        found: as read here.
        peer: the same as `KeyedVectors`.
        algorithm: what they are called.

    Raises:
        InvalidInput, TooLarge: they cannot be served.
    """
    import gensim

    words, width = found.words, found.vectors.shape[1]
    content = vector_graph(words, found.vectors)
    notes = ["Words are looked up as they are written, parted at spaces; unknown ones are named."]
    if found.repeated:
        notes.append(
            f"{found.repeated:,} words stood twice in the file: the first of each is kept."
        )
    return Conversion(
        files={MODEL_FILE: content},
        trial=vector_trial(words, peer),
        algorithm=algorithm,
        library=f"gensim {gensim.__version__}",
        signature=vector_signature(width, len(words)),
        opset=OPSET,
        parameters={"words": len(words), "width": width},
        notes=tuple(notes),
    )


def _is_binary(form: VectorForm | None) -> bool:
    return form is not None and form.is_binary


def vector_trial(words: Sequence[str], peer: Any) -> Trial:  # noqa: ANN401 - gensim's own
    """What gensim says of words, and of texts by the mean of their words."""
    width = int(peer.vector_size)
    rows = int(min(CHECKED_ROWS, max(50, _MULTIPLICATIONS / (len(words) * width))))
    kept: list[tuple[str, dict[str, object]]] = []
    for text in made_up_texts(words, 2 * rows, _SEED):
        answer = _of_gensim(peer, text, min(MOST_SIMILAR, len(words)))
        if answer is not None and len(kept) < rows:
            kept.append((text, answer))
    outputs = {
        name: _column([answer[name] for _, answer in kept])
        for name in (VECTOR, SIMILAR, SIMILARITY, UNKNOWN)
    }
    texts = _column([text.encode() for text, _ in kept])
    return Trial(inputs={TEXT: texts}, outputs=outputs, tolerance=TOLERANCE)


def _of_gensim(peer: Any, text: str, top: int) -> dict[str, object] | None:  # noqa: ANN401 - gensim's own
    """Its answers for one text; None where words are so nearly alike that their order is chance."""
    parts = parted_words(text)
    known = [one for one in parts if one in peer]  # of fastText also what has known parts
    unknown = " ".join(one for one in parts if one not in peer.key_to_index)
    similar = [b""] * top
    likeness = np.zeros(top, dtype=np.float32)
    vector = np.zeros(peer.vector_size, dtype=np.float32)
    if known:
        vector = peer.get_mean_vector(known, pre_normalize=False)
        found = peer.most_similar(positive=known, topn=top + 1)
        scores = np.array([score for _, score in found], dtype=np.float64)
        if not np.isfinite(scores).all() or (np.abs(np.diff(scores)) < NEAREST_TIE).any():
            return None
        for at, (word, score) in enumerate(found[:top]):
            similar[at], likeness[at] = word.encode(), score
    texts = np.empty(top, dtype=np.object_)
    texts[:] = similar
    return {VECTOR: vector, SIMILAR: texts, SIMILARITY: likeness, UNKNOWN: unknown.encode()}


def _column(values: Sequence[Any]) -> Array:
    if isinstance(values[0], np.ndarray):
        return np.stack(values)
    found = np.empty(len(values), dtype=np.object_)
    found[:] = values
    return found
