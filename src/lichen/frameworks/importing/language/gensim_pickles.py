"""What gensim saves by pickle: recognised by the names that it would import, and never read here.

`save` writes one file, and large arrays and parts beside it (`.npy`, `.state`, `.id2word`).
"""

import bz2
import gzip
from pathlib import PurePosixPath

from lichen.frameworks.importing.pickles import pickle_in
from lichen.frameworks.importing.source import Source

VECTORS = (
    *("gensim.models.word2vec.Word2Vec", "gensim.models.keyedvectors.KeyedVectors"),
    *("gensim.models.keyedvectors.Word2VecKeyedVectors",),
    *("gensim.models.keyedvectors.EuclideanKeyedVectors",),
)
SUBWORDS = ("gensim.models.fasttext.FastText", "gensim.models.fasttext.FastTextKeyedVectors")
TOPICS = ("gensim.models.ldamodel.LdaModel", "gensim.models.ldamulticore.LdaMulticore")
WEIGHTS = ("gensim.models.tfidfmodel.TfidfModel",)
DICTIONARY = ("gensim.corpora.dictionary.Dictionary",)
_LOOKED_AT = 1 << 20
_PARTS = (".npy", ".npz", ".state", ".id2word")


def names_of(source: Source, name: str) -> tuple[str, ...]:
    """What a file would import if it were unpickled; nothing where it is no pickle."""
    found = pickle_in(_beginning(source, name), name)
    return () if found is None else found.names


def model_file(source: Source, *kinds: str) -> str | None:
    """The file whose pickle is of one of these classes; no part of another one."""
    for name in source.names:
        is_part = PurePosixPath(name).suffix in _PARTS and len(source.names) > 1
        if not is_part and set(names_of(source, name)) & set(kinds):
            return name
    return None


def is_gensim(source: Source) -> bool:
    """Is it a model that gensim saved by pickle?"""
    return model_file(source, *VECTORS, *SUBWORDS, *TOPICS, *WEIGHTS) is not None


def _beginning(source: Source, name: str) -> bytes:
    """Of a file, unpacked if it is compressed as gensim does by its name."""
    path = source.path(name)
    head = source.head(name, 3)
    try:
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                return file.read(_LOOKED_AT)
        if head == b"BZh":
            with bz2.open(path) as packed:
                return packed.read(_LOOKED_AT)
    except (OSError, EOFError):
        return b""
    return source.head(name, _LOOKED_AT)
