"""What a process still has to charge of accelerators, given out by the work it does (A1, A3).

A card's counter tells a process once a window what it used of it; its batches end many times a
second. What the last window used is therefore charged to the batches of the next, by their CPU
time, at the nanojoules per CPU-nanosecond that the last window showed. No more is ever charged than
was counted: what is left over waits for the next window.
"""

from pathlib import Path
from threading import Lock

from lichen.energy.cards.shares import Claims


class CardPot:
    """What one process used of accelerators and has not charged yet."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._claims = Claims(folder, pid)
        self._window = -1
        self._nj = self._used_ns = 0
        self._nj_per_ns = 0.0
        self._lock = Lock()

    def take(self, cpu_ns: int, window: int) -> int:
        """The nanojoules that so much CPU time has to pay, in the window whose rate is in force."""
        with self._lock:
            if window != self._window:
                self._window = window
                self._refill()
            self._used_ns += cpu_ns
            nj = min(self._nj, round(cpu_ns * self._nj_per_ns))
            self._nj -= nj
            return nj

    def _refill(self) -> None:
        """Take in what the last window used, and what that is by its CPU time."""
        self._nj += self._claims.take_nj()
        if self._used_ns:
            self._nj_per_ns = self._nj / self._used_ns
            self._used_ns = 0
