"""Latent Dirichlet allocation of gensim into ONNX."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial
from lichen.frameworks.importing.language.gensim_words import bag_of, words_of
from lichen.frameworks.language.drawing import OPSET
from lichen.frameworks.language.topic_graph import (
    MEMBERSHIP,
    PREDICTION,
    TOPIC,
    Topics,
    topic_graph,
    topic_names,
    topic_signature,
)
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, made_up_texts, parted_words
from lichen.frameworks.onnx import MODEL_FILE

TOLERANCE = 1e-3
"""Of a topic's share: gensim computes in float32 and stops at its threshold, which rounding may
cross a turn earlier or later."""
NEAREST_TIE = 5e-3
_SEED = 20261124


class _Mean:
    """In place of gensim's random numbers: the mean of what it would draw."""

    def gamma(self, shape: float, scale: float, size: tuple[int, ...]) -> NDArray[np.float64]:
        return np.full(size, shape * scale)


def topic_conversion(model: Any, beside: Mapping[int, str] | None) -> Conversion:  # noqa: ANN401 - gensim's own
    """The version of an `LdaModel`.

    Args:
        model: as gensim read it.
        beside: words by their numbers, of a dictionary that came with it.

    Raises:
        InvalidInput: nothing says what its words are, or its parts do not fit each other.
    """
    import gensim

    likelihood = np.asarray(model.expElogbeta, dtype=np.float32)
    words = words_of(model, beside, likelihood.shape[1])
    said = Topics(
        words,
        np.asarray(model.alpha, dtype=np.float64),
        likelihood,
        int(model.iterations),
        float(model.gamma_threshold),
        float(np.finfo(model.dtype).eps),
    )
    content = topic_graph(said)
    return Conversion(
        files={MODEL_FILE: content},
        trial=_trial(model, said),
        algorithm="LdaModel",
        library=f"gensim {gensim.__version__}",
        task="clustering",
        signature=topic_signature(said),
        opset=OPSET,
        parameters={"topics": list(topic_names(said)), "words": len(words)},
        notes=(
            "Words are looked up as they are written, parted at spaces; unknown ones are named.",
            "gensim begins its inference at random, this one at the mean of that: the same text "
            "always gets the same answer.",
        ),
    )


def _trial(model: Any, said: Topics) -> Trial:  # noqa: ANN401 - gensim's own
    """What gensim infers, from the mean of its random start."""
    model.random_state = _Mean()
    places = {word: at for at, word in enumerate(said.words)}
    names = topic_names(said)
    kept: list[tuple[str, NDArray[np.float32], str]] = []
    for text in made_up_texts(said.words, 2 * CHECKED_ROWS, _SEED):
        parameters, _ = model.inference([bag_of(text, places)])
        share = parameters[0] / parameters[0].sum()
        first, second = (*np.sort(share)[::-1], -1.0)[:2]
        if first - second > NEAREST_TIE and len(kept) < CHECKED_ROWS:
            unknown = " ".join(one for one in parted_words(text) if one not in places)
            kept.append((text, share, unknown))
    best = np.array([int(share.argmax()) for _, share, _ in kept], dtype=np.int64)
    return Trial(
        inputs={TEXT: _texts([text for text, _, _ in kept])},
        outputs={
            PREDICTION: best,
            MEMBERSHIP: np.array([share for _, share, _ in kept], dtype=np.float32),
            TOPIC: _texts([names[at] for at in best]),
            UNKNOWN: _texts([unknown for _, _, unknown in kept]),
        },
        tolerance=TOLERANCE,
    )


def _texts(values: Sequence[str]) -> Array:
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [one.encode() for one in values]
    return found
