"""TF-IDF of gensim into ONNX."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial
from lichen.frameworks.importing.language.gensim_words import bag_of, words_of
from lichen.frameworks.language.drawing import OPSET
from lichen.frameworks.language.weight_graph import (
    VECTOR,
    Weighting,
    weight_graph,
    weight_signature,
)
from lichen.frameworks.language.word_front import TEXT, UNKNOWN, made_up_texts, parted_words
from lichen.frameworks.onnx import MODEL_FILE

TOLERANCE = 1e-6
_SEED = 20261125
_SAME_AS = {"t": "n", "x": "n"}


def weight_conversion(model: Any, beside: Mapping[int, str] | None) -> Conversion:  # noqa: ANN401 - gensim's own
    """The version of a `TfidfModel`.

    Args:
        model: as gensim read it.
        beside: words by their numbers, of a dictionary that came with it.

    Raises:
        InvalidInput: nothing says what its words are, or it weighs by a function of its own.
    """
    import gensim

    size = 1 + max((int(at) for at in model.idfs), default=-1)
    terms = words_of(model, beside, size)
    idf = np.array([float(model.idfs.get(at, 0.0)) for at in range(size)])
    local, is_normalised = _scheme(model)
    content = weight_graph(Weighting(terms, idf, local, is_normalised))
    return Conversion(
        files={MODEL_FILE: content},
        trial=_trial(model, terms),
        algorithm="TfidfModel",
        library=f"gensim {gensim.__version__}",
        signature=weight_signature(terms),
        opset=OPSET,
        parameters={"terms": size, "local": local, "normalised": is_normalised},
        notes=(
            "Terms are looked up as they are written, parted at spaces; unknown ones are named: "
            "send the words that your own preprocessing makes.",
        ),
    )


def _scheme(model: Any) -> tuple[str, bool]:  # noqa: ANN401 - gensim's own
    """What a count counts as, and whether weights are normalised."""
    said = getattr(model, "smartirs", None)
    if getattr(model, "pivot", None) is not None or (said and said[2] in "ub"):
        raise InvalidInput(
            "it normalises by pivots, which is not taken: fit TfidfModel with normalize=True"
        )
    if said:
        return _SAME_AS.get(said[0], said[0]), said[2] == "c"
    local, normalise = (getattr(one, "__name__", None) for one in (model.wlocal, model.normalize))
    if local != "identity" or not (model.normalize in (True, False) or normalise in _NORMALISE):
        raise InvalidInput(
            "it weighs by a function of its own (wlocal or normalize), which is code: fit "
            'TfidfModel with smartirs="nfc" or another scheme in its place'
        )
    return "n", model.normalize is True or normalise == "unitvec"


_NORMALISE = ("unitvec", "identity")


def _trial(model: Any, terms: Sequence[str]) -> Trial:  # noqa: ANN401 - gensim's own
    """What gensim weighs; the heaviest terms follow from it."""
    places = {word: at for at, word in enumerate(terms)}
    texts = made_up_texts(terms, _rows(len(terms)), _SEED)
    weights = np.zeros((len(texts), len(terms)), dtype=np.float32)
    unknown = []
    for row, text in enumerate(texts):
        bag = bag_of(text, places)
        for at, weight in model[bag] if bag else ():
            weights[row, at] = weight
        unknown.append(" ".join(one for one in parted_words(text) if one not in places))
    outputs = {VECTOR: weights, UNKNOWN: _texts(unknown)}
    return Trial(inputs={TEXT: _texts(texts)}, outputs=outputs, tolerance=TOLERANCE)


def _rows(terms: int) -> int:
    return min(CHECKED_ROWS, max(20, 50_000_000 // terms))


def _texts(values: Sequence[str]) -> Array:
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [one.encode() for one in values]
    return found
