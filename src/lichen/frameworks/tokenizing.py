"""Tokenizers of text models, from `tokenizer.json`. The only file that imports their package."""

from typing import Any

from lichen.core.errors import InvalidInput, Unavailable

TOKENIZER_FILE = "tokenizer.json"


def tokenizer_of(content: bytes, longest: int) -> Any:  # noqa: ANN401 - it has no types
    """The tokenizer of a file; texts are cut after so many tokens, and never padded.

    Raises:
        InvalidInput: it cannot be read.
        Unavailable: the package of tokenizers is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as missing:
        raise Unavailable(
            "models of texts need a package of tokenizers: `pip install lichen[text]`"
        ) from missing
    try:
        made = Tokenizer.from_str(content.decode())
    except Exception as problem:  # its package raises nothing else
        raise InvalidInput(f"{TOKENIZER_FILE} cannot be read: {problem}") from problem
    made.no_padding()
    made.enable_truncation(longest)
    return made
