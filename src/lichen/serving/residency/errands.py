"""One thread that does what others ask of it, one thing after another: so nothing needs a lock."""

import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Condition, Thread

_log = logging.getLogger(__name__)


class Errands:
    """Runs what is asked in the order it was asked. `ask` is safe from any thread."""

    def __init__(self, name: str, between: Callable[[], float | None]) -> None:
        """Nothing runs yet.

        Args:
            name: of the thread.
            between: called after each errand, and again after as many seconds as it answers;
                None says that there is nothing to be done until something is asked.
        """
        self._between = between
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._open = 0
        self._is_quiet = True
        self._is_closed = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def ask(self, errand: Callable[[], None]) -> None:
        """Have this done soon; after `close`, nothing is."""
        with self._changed:
            if self._is_closed:
                return
            self._open += 1
            self._asked.put(errand)
            if self._thread.ident is None:
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until all is done that was asked, and what followed from it; False if it is not."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0 and self._is_quiet, seconds)

    def close(self) -> None:
        """Do what was asked, and end; not for the thread itself."""
        with self._changed:
            if self._is_closed or self._thread.ident is None:
                self._is_closed = True
                return
            self._is_closed = True
            self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        pause: float | None = None
        while True:
            try:
                errand = self._asked.get(timeout=pause)
            except Empty:
                pause = self._end(0)
                continue
            if errand is None:
                return
            try:
                errand()
            except Exception:  # noqa: BLE001 - the next errand is another's
                _log.exception("what was asked could not be done")
            pause = self._end(1)

    def _end(self, errands: int) -> float | None:
        try:
            pause = self._between()
        except Exception:  # noqa: BLE001 - whatever it was, serving goes on
            _log.exception("what follows could not be done")
            pause = 1.0
        with self._changed:
            self._open -= errands
            self._is_quiet = pause is None
            self._changed.notify_all()
        return pause
