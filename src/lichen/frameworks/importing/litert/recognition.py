"""Is a source a TFLite model? By the identifier that its flatbuffer holds."""

from lichen.frameworks.importing.source import Source

IDENTIFIER = b"TFL3"


def is_tflite(source: Source) -> bool:
    """One file with the identifier in its place."""
    return source.only is not None and source.head(source.only, 8)[4:] == IDENTIFIER
