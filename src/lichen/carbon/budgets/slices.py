"""How large a slice of a budget is leased at once: small beside what is left (B2)."""

SLICE_SHARE = 64
"""A slice is at most this part of what is left, or one estimate."""
_ESTIMATES = 8
_SHORT_NS, _LONG_NS = 50_000_000, 1_000_000_000
"""A slice that lasts less than the one is doubled, and halved beyond the other."""


class SliceSize:
    """Follows how fast one process spends."""

    def __init__(self) -> None:
        self._amount = 0
        self._leased_ns = 0

    def next(self, estimate: int, available: int, now_ns: int) -> int:
        """The slice to lease for work of that estimate, when so much is available to all."""
        lasted_ns, self._leased_ns = now_ns - self._leased_ns, now_ns
        if lasted_ns < _SHORT_NS:
            self._amount *= 2
        elif lasted_ns > _LONG_NS:
            self._amount //= 2
        self._amount = min(max(self._amount, _ESTIMATES * estimate), available // SLICE_SHARE)
        return self._amount
