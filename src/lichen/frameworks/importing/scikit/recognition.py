"""What scikit-learn's models look like from outside: no framework is loaded for the answer."""

from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.unpickling import pickle_of

SCHEMA = "schema.json"


def is_skops(source: Source) -> bool:
    """A zip archive with a `schema.json`, as skops writes it.

    Raises:
        InvalidInput: it is a damaged archive, or one made to fill the disk.
    """
    return source.only is not None and SCHEMA in source.members(source.only)


def is_estimator_pickle(source: Source) -> bool:
    """A pickle that would import scikit-learn."""
    return pickle_of(source, "sklearn") is not None
