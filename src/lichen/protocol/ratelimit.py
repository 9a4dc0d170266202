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


def state_item(name: str, remaining: int, seconds: int) -> str:
    """One budget in `RateLimit`: what is left, from nano-units, and when some of it comes back."""
    return f'"{name}";r={min(remaining // 1000, _LARGEST)};t={max(0, seconds)}'


def joined(items: Sequence[str]) -> str:
    """The value of a field with these items."""
    return ", ".join(items)
