"""What a guest writes, in this process's log: line by line, and no more than can be read."""

import logging
import time
from collections.abc import Callable

LONGEST_LINE = 2000
LINES_AT_ONCE = 200
LINES_PER_SECOND = 5.0

_log = logging.getLogger(__name__)


class GuestLog:
    """The lines of one guest; those over the bound are counted and left out."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._rest = b""
        self._allowed = float(LINES_AT_ONCE)
        self._looked_at = clock()
        self._left_out = 0

    def take(self, written: bytes) -> None:
        """Log the lines that are whole by now; a line without an end is cut at its limit."""
        *lines, self._rest = (self._rest + written).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._say(line)

    def end(self) -> None:
        """Log what is left."""
        if self._rest:
            self._say(self._rest)
        if self._left_out:
            _log.warning("guest %s: %d more lines are left out", self._name, self._left_out)
        self._rest, self._left_out = b"", 0

    def _say(self, line: bytes) -> None:
        now = self._clock()
        earned = (now - self._looked_at) * LINES_PER_SECOND
        self._allowed = min(self._allowed + earned, float(LINES_AT_ONCE))
        self._looked_at = now
        if self._allowed < 1:
            self._left_out += 1
            return
        self._allowed -= 1
        text = line[:LONGEST_LINE].decode(errors="replace").rstrip()
        if self._left_out:
            text = f"({self._left_out} lines are left out) {text}"
            self._left_out = 0
        _log.warning("guest %s: %s", self._name, text)
