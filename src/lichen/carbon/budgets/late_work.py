"""What is in flight from steps that have ended: it is settled where it was set aside (B2)."""

from collections import deque


class LateWork(deque[tuple[int, int]]):
    """Steps (their starts in microseconds since 1970) and what is in flight of each, oldest first.

    Which of several ends when nobody knows: the oldest, so out of order as much as was in flight
    when the step ended may be counted in the wrong one of the two. Whether there is any is asked
    with every settlement, which a deque answers without a call.
    """

    def take(self, estimate: int) -> tuple[int, int]:
        """The step that work of that estimate was set aside in, and what is not of old steps."""
        start_us = self[0][0]
        rest = estimate
        while rest and self:
            step_us, amount = self.popleft()
            if amount > rest:
                self.appendleft((step_us, amount - rest))
            rest -= min(rest, amount)
        return start_us, rest
