"""Load an object by its dotted name when it is first needed."""

from importlib import import_module
from typing import Any


def load_object(dotted: str) -> Any:  # noqa: ANN401 - any object of a module
    """The object at `package.module:name`, imported now and not before."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
