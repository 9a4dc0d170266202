"""Binary models of fastText among files, by their first bytes."""

from lichen.frameworks.importing.source import Source

_MAGIC = (793712314).to_bytes(4, "little")


def is_fasttext(source: Source) -> bool:
    """Is it a binary model of fastText?"""
    return source.only is not None and source.head(source.only, 4) == _MAGIC
