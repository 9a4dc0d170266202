"""fastText models of gensim: told what to do, as their words of parts are not served yet."""

from lichen.core.errors import InvalidInput


def refused_subwords() -> InvalidInput:
    """Why such a model is not taken, and what to do."""
    return InvalidInput(
        "fastText makes vectors of unknown words from their parts, which is not served: save the "
        "vectors of its words by model.wv.save_word2vec_format(path, binary=True) and import that"
    )
