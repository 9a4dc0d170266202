"""What gensim pickles, read by gensim in a confined process and converted at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lichen.core.errors import Forbidden, InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.language.gensim_pickles import (
    DICTIONARY,
    SUBWORDS,
    TOPICS,
    VECTORS,
    WEIGHTS,
    model_file,
)
from lichen.frameworks.importing.language.subword_conversion import subword_conversion
from lichen.frameworks.importing.language.topic_conversion import topic_conversion
from lichen.frameworks.importing.language.vector_conversion import vector_conversion
from lichen.frameworks.importing.language.vector_file import WordVectors
from lichen.frameworks.importing.language.weight_conversion import weight_conversion
from lichen.frameworks.importing.source import Source

_LONGEST_REASON = 200


def convert(source: Source, wishes: Wishes) -> Conversion:
    """The version of a model of gensim.

    Raises:
        Forbidden: nobody allowed it to be unpickled.
        InvalidInput: gensim does not read it, or it is of a kind that is not taken.
    """
    if not wishes.may_unpickle:
        raise Forbidden(
            "gensim saves it as a Python pickle, which runs its author's code when it is read: "
            "save word vectors by model.wv.save_word2vec_format(path, binary=True), or let an "
            "administrator import it with --allow-unsafe"
        )
    words = _dictionary(source)
    if (name := model_file(source, *TOPICS)) is not None:
        return topic_conversion(_loaded(source, name, "ldamodel", "LdaModel"), words)
    if (name := model_file(source, *WEIGHTS)) is not None:
        return weight_conversion(_loaded(source, name, "tfidfmodel", "TfidfModel"), words)
    if (name := model_file(source, *SUBWORDS)) is not None:
        return subword_conversion(_vectors(source, name, "fasttext"))
    if (name := model_file(source, *VECTORS)) is not None:
        return _of_vectors(_vectors(source, name, "word2vec"))
    raise InvalidInput(f"{source.name} holds no model of gensim that is taken")


def _of_vectors(peer: Any) -> Conversion:  # noqa: ANN401 - gensim's own
    found = WordVectors(list(peer.index_to_key), np.asarray(peer.vectors, dtype=np.float32))
    return vector_conversion(found, peer, "Word2Vec")


def _vectors(source: Source, name: str, module: str) -> Any:  # noqa: ANN401 - gensim's own
    """The vectors of a model, or those that were saved alone."""
    from gensim.utils import SaveLoad

    kinds = {"word2vec": "Word2Vec", "fasttext": "FastText"}
    try:
        made = _loaded(source, name, module, kinds[module])
    except InvalidInput:
        made = _read(lambda path: SaveLoad.load(path), source, name)
    return getattr(made, "wv", made)


def _loaded(source: Source, name: str, module: str, kind: str) -> Any:  # noqa: ANN401 - gensim's own
    import importlib

    found = getattr(importlib.import_module(f"gensim.models.{module}"), kind)
    return _read(found.load, source, name)


def _read(load: Any, source: Source, name: str) -> Any:  # noqa: ANN401 - gensim's own
    import gensim

    try:
        return load(str(source.path(name)))
    except Exception as error:  # whatever the author's code raises
        said = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        raise InvalidInput(
            f"gensim {gensim.__version__} does not read {name} ({said}): give the whole folder, "
            "all files that save wrote, or load it in the gensim that wrote it and save it again"
        ) from error


def _dictionary(source: Source) -> Mapping[int, str] | None:
    """The words by their numbers, where a `Dictionary` lies beside the model."""
    name = model_file(source, *DICTIONARY)
    if name is None:
        return None
    from gensim.corpora import Dictionary

    found = _read(Dictionary.load, source, name)
    return {int(number): str(word) for word, number in found.token2id.items()}
