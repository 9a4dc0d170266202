"""Classifiers of NLTK among files: a document in JSON, or a pickle, which is not read here."""

from lichen.frameworks.importing.language.nltk_document import FORMAT
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.unpickling import pickle_of

LARGEST_DOCUMENT = 512 * 2**20
_OPENING = b"{"


def is_document(source: Source) -> bool:
    """Is it a classifier as `as_json` writes it?"""
    if source.only is None or not source.head(source.only).lstrip().startswith(_OPENING):
        return False
    path = source.path(source.only)
    is_small = path.stat().st_size <= LARGEST_DOCUMENT
    return is_small and f'"{FORMAT}"'.encode() in path.read_bytes()


def is_nltk(source: Source) -> bool:
    """Is it a pickle that would import NLTK?"""
    return pickle_of(source, "nltk") is not None
