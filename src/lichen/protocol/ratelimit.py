"""The fields `RateLimit-Policy` and `RateLimit`: what a budget is, and what is left of it.

As in draft-ietf-httpapi-ratelimit-headers-11 (May 2026): each is a list of strings with parameters
(RFC 9651), one a budget. Quantities are integers of the unit that `qu` names.
"""

from collections.abc import Sequence

RATE_LIMIT, RATE_LIMIT_POLICY = "RateLimit", "RateLimit-Policy"
UNITS_OF_QUANTITY = {"joules": "microjoules", "grams": "micrograms"}
"""The unit that a budget of that quantity is told in; it is kept in thousandths of that."""
_LARGEST = 10**15 - 1
"""A structured field has no larger integers."""


def policy_item(name: str, limit: int, quantity: str, window_s: int) -> str:
    """One budget in `RateLimit-Policy`; `limit` in nano-units, `name` of letters and digits."""
    quota = min(limit // 1000, _LARGEST)
    return f'"{name}";q={quota};qu="{UNITS_OF_QUANTITY[quantity]}";w={window_s}'


def state_template(names: Sequence[str]) -> bytes:
    """A %-template of `RateLimit`: what is left of each, and in how many seconds some comes back.

    It is filled in with every answer, as bytes in half the time of a text.
    """
    return joined([f'"{name}";r=%d;t=%d' for name in names]).encode("ascii")


def told(remaining: int) -> int:
    """What is left, from nano-units, in the unit of the field."""
    quota = remaining // 1000
    return quota if quota < _LARGEST else _LARGEST


def joined(items: Sequence[str]) -> str:
    """The value of a field with these items."""
    return ", ".join(items)
