"""fastText."""
from typing import Any

from lichen.core.errors import InvalidInput


def subword_conversion(peer: Any) -> Any:
    raise InvalidInput("no")
