"""What a request demands of the way it is served: parameters that every protocol shares."""

from collections.abc import Mapping

from msgspec import Struct

from lichen.core.errors import InvalidInput

FIRST_PRIORITY, LAST_PRIORITY = 1, 9
DEFAULT_PRIORITY = 5
"""The level of requests that name none, or 0."""
_LARGEST = 2**63 - 1


class Demands(Struct, frozen=True, gc=False):
    """How a request wants to be served.

    Attributes:
        timeout_us: microseconds after which work that has not begun is dropped; None: no limit.
        priority: from 1, first, to 9, last, among the requests of one caller.
        batch_rows: most rows of it that run at once; None: as many as the platform runs.
        samples: draws a row, for a model that has an optional integer input `samples`.
    """

    timeout_us: int | None = None
    priority: int = DEFAULT_PRIORITY
    batch_rows: int | None = None
    samples: int | None = None


NO_DEMANDS = Demands()
_NAMES = frozenset({"timeout", "priority", "batch_rows", "samples"})


def demands_of(parameters: Mapping[str, object] | None) -> Demands:
    """The demands among a request's parameters; others are passed over.

    Raises:
        InvalidInput: one of them is no whole number, or out of its range.
    """
    if not parameters or _NAMES.isdisjoint(parameters):
        return NO_DEMANDS
    timeout_us = _whole(parameters, "timeout", 0, _LARGEST)
    priority = _whole(parameters, "priority", 0, LAST_PRIORITY)
    return Demands(
        timeout_us or None,  # Triton's clients send 0 for none
        priority or DEFAULT_PRIORITY,
        _whole(parameters, "batch_rows", 1, _LARGEST),
        _whole(parameters, "samples", 1, _LARGEST),
    )


def _whole(parameters: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])  # KServe's clients send their numbers as text
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        said = f"{least} or more" if most == _LARGEST else f"from {least} to {most}"
        raise InvalidInput(f"parameter {name} is {value!r}: give a whole number, {said}")
    return value
