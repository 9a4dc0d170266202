"""fastText into a version that code of ours serves, since ONNX knows no parts of words."""

from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.language.vector_conversion import vector_trial
from lichen.frameworks.importing.source import Source
from lichen.frameworks.language.residents import RUNTIME_FILE, runtime_file
from lichen.frameworks.language.subwords import subword_files
from lichen.frameworks.language.vector_graph import check_vectors, vector_signature

LARGEST_BYTES = 2**31
"""Of words and parts together: they are copied into the folder of each guest."""
_LONGEST_REASON = 200


def convert(source: Source, wishes: Wishes) -> Conversion:  # noqa: ARG001 - of every converter
    """The version of a binary model of fastText (`.bin`).

    Raises:
        InvalidInput: gensim does not read it, or it has no words.
        TooLarge: it is larger than a guest takes.
    """
    from gensim.models.fasttext import load_facebook_vectors

    path = source.path(source.only or source.names[0])
    try:
        peer = load_facebook_vectors(str(path))
    except Exception as error:  # whatever its bytes make gensim raise
        said = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        raise InvalidInput(
            f"{path.name} cannot be read as a model of fastText ({said}): save it again, not "
            "quantised"
        ) from error
    return subword_conversion(peer)


def subword_conversion(peer: Any) -> Conversion:  # noqa: ANN401 - gensim's own
    """The version of the vectors of a fastText model.

    Raises:
        InvalidInput: there are none, or their parts are hashed in an outdated way.
        TooLarge: they are larger than a guest takes.
    """
    import gensim

    words = list(peer.index_to_key)
    vectors = np.asarray(peer.vectors, dtype=np.float32)
    parts = np.asarray(peer.vectors_ngrams, dtype=np.float32)
    check_vectors(words, vectors)
    if not getattr(peer, "compatible_hash", True):
        raise InvalidInput("its parts are hashed as gensim did before 3.8: train it again")
    if not len(parts) or not np.isfinite(parts).all():
        raise InvalidInput("it has no parts of words, or a number that is not finite")
    if vectors.nbytes + parts.nbytes > LARGEST_BYTES:
        raise TooLarge(
            f"words and parts take {vectors.nbytes + parts.nbytes:,} bytes, over {LARGEST_BYTES:,}:"
            " train it with fewer buckets (-bucket 200000) or a smaller -dim"
        )
    files = subword_files(words, vectors, parts, (int(peer.min_n), int(peer.max_n)))
    return Conversion(
        files={RUNTIME_FILE: runtime_file("fasttext"), **files},
        trial=vector_trial(words, peer),
        algorithm="FastText",
        library=f"gensim {gensim.__version__}",
        signature=vector_signature(vectors.shape[1], len(words)),
        parameters={"words": len(words), "width": vectors.shape[1], "buckets": len(parts)},
        notes=(
            "Words are looked up as they are written, parted at spaces.",
            "An unknown word is named, and its vector made of its parts.",
        ),
    )
