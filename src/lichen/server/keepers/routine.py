"""What a thread of a process does again and again, until told to stop, whatever fails in it."""

import logging
from collections.abc import Callable
from threading import Event, Thread

_log = logging.getLogger(__name__)


class Routine:
    """The thread of one keeper; it sleeps between two turns, and never spins."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], float],
        after_fault_seconds: float,
        first_seconds: float = 0.0,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            name: of the thread, and what a fault is logged under.
            turn: does what is due, and answers in how many seconds it is to be called again.
            after_fault_seconds: the same, after a turn that raised.
            first_seconds: until the first turn.
        """
        self._name = name
        self._turn = turn
        self._after_fault_seconds = after_fault_seconds
        self._first_seconds = first_seconds
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether a long turn is to end early."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, longest_seconds: float) -> None:
        """End after the turn that runs; one that takes longer than that is left behind."""
        self._stopping.set()
        if self.is_running:
            self._thread.join(longest_seconds)

    def pause(self, seconds: float) -> None:
        """Sleep within a turn; told to stop, no longer."""
        self._stopping.wait(seconds)

    def _run(self) -> None:
        seconds = self._first_seconds
        while not self._stopping.wait(seconds):
            try:
                seconds = self._turn()
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread
                _log.exception("a turn of %s failed and is tried again", self._name)
                seconds = self._after_fault_seconds
