"""Load an object by its dotted name, or by its entry point, when it is first needed."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def load_object(dotted: str) -> Any:  # noqa: ANN401 - any object of a module
    """The object at `package.module:name`, imported now and not before."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)


def load_module(name: str) -> Any:  # noqa: ANN401 - a module without types
    """The module of that name, imported now and not before.

    Raises:
        ImportError: it is not installed.
    """
    return import_module(name)


def installed(group: str) -> dict[str, Callable[[], Any]]:
    """What other packages add to an entry-point group: each name, and how to import it."""
    found = load_object("importlib.metadata:entry_points")(group=group)  # 20 ms to import
    return {one.name: one.load for one in found}
