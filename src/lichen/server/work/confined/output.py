"""What a script prints, in the job's log: the first part and the last, and how much was dropped."""

from collections import deque
from collections.abc import Callable

_PIECE = 1 << 16
_TAIL = 4096


class BoundedOutput:
    """Passes bytes on up to half a bound, and keeps the last half of the bound for the end."""

    def __init__(self, write: Callable[[bytes], object], bound_bytes: int) -> None:
        self._write = write
        self._room = bound_bytes // 2
        self._most_kept = bound_bytes - self._room
        self._kept: deque[bytes] = deque()
        self._kept_bytes = self._dropped_bytes = 0
        self._tail = b""

    def take(self, printed: bytes) -> None:
        """Some more was printed."""
        self._tail = (self._tail + printed[-_TAIL:])[-_TAIL:]
        if self._room:
            first, printed = printed[: self._room], printed[self._room :]
            self._room -= len(first)
            self._write(first)
        for start in range(0, len(printed), _PIECE):
            self._keep(printed[start : start + _PIECE])

    def end(self) -> None:
        """Nothing more comes: write the last part, and say how much is missing before it."""
        if self._dropped_bytes:
            self._write(
                b"\n-- %d bytes that the script printed here are left out --\n"
                % self._dropped_bytes
            )
        for piece in self._kept:
            self._write(piece)
        self._kept.clear()

    def _keep(self, piece: bytes) -> None:
        self._kept.append(piece)
        self._kept_bytes += len(piece)
        while self._kept_bytes > self._most_kept:
            over = self._kept_bytes - self._most_kept
            oldest = self._kept.popleft()
            if len(oldest) > over:
                self._kept.appendleft(oldest[over:])
            gone = min(over, len(oldest))
            self._kept_bytes -= gone
            self._dropped_bytes += gone

    @property
    def last_line(self) -> str:
        """The last line that was not empty."""
        lines = [line for line in self._tail.splitlines() if line.strip()]
        return lines[-1].decode(errors="replace").strip() if lines else ""
