"""A metric by the name that a person gives it: case, spaces and hyphens do not count."""

from collections.abc import Iterable
from difflib import get_close_matches

from lichen.core.errors import InvalidInput

ALIKE = 0.4
"""A name at least so like the one that was given is offered instead."""


def metric_named(asked: str, metrics: Iterable[str]) -> str:
    """The metric of that name, as it is written.

    Raises:
        InvalidInput: there is none; the message names the nearest and lists all.
    """
    plain = {_plain(name): name for name in metrics}
    found = plain.get(_plain(asked))
    if found is None:
        near = get_close_matches(_plain(asked), plain, n=1, cutoff=ALIKE)
        hint = f"did you mean {plain[near[0]]!r}? " if near else ""
        listed = ", ".join(plain.values())
        raise InvalidInput(f"no metric is called {asked!r}: {hint}there are {listed}")
    return found


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())
