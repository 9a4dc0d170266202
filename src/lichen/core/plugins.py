"""Load an adapter by name from entry points, or a dotted name, when it is first needed."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from lichen.core.errors import NotFound


def load_plugin(group: str, name: str) -> Any:  # noqa: ANN401 - any third party's object
    """The object that the entry point `name` of `group` names.

    Raises:
        NotFound: no installed package offers it; the message lists what is offered.
    """
    offered = entry_points(group=group)
    for entry in offered:
        if entry.name == name:
            return entry.load()
    known = ", ".join(sorted(entry.name for entry in offered)) or "none"
    raise NotFound(f"no {group} adapter is called {name!r}; installed: {known}")


def load_object(dotted: str) -> Any:  # noqa: ANN401 - any object of a module
    """The object at `package.module:name`, imported now and not before."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
