"""Keeps a guest alive: starts its process, buries it, starts it again, and lets it be asked.

Whoever runs batches holds the guest from `begin_turn` to `end_turn`; a process that died meanwhile
is buried only then, so that a charge always finds the counters of the process that did the work.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import rmtree
from threading import Condition, Event, Thread
from time import monotonic

from lichen.core.errors import DeadlinePassed, InvalidInput, LichenError, Unavailable
from lichen.serving.charging import Apart, Charges
from lichen.serving.guests.log import GuestLog
from lichen.serving.guests.main import Head
from lichen.serving.guests.process import GuestCommand, GuestGone, GuestProcess, GuestStuck
from lichen.serving.guests.words import raised

RESTART_SECONDS = 5.0
"""How long a batch waits for a guest that is being started again."""
STEADY_SECONDS = 60.0
"""A guest that lived so long died of something new."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0

_CLOSE_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """What is borne of a guest.

    `seconds` is the longest answer, `load_seconds` the longest start; after `deaths` in a row
    without an answer in between, it is not started again.
    """

    seconds: float = 30.0
    deaths: int = 5
    load_seconds: float = 120.0


@dataclass(slots=True)
class Life:
    """One process of a guest, and its counters."""

    process: GuestProcess
    books: Apart


def pause_before_restart(deaths_in_a_row: int) -> float:
    """Seconds to wait before a guest is started again: nothing at first, bounded in the end."""
    if deaths_in_a_row <= 1:
        return 0.0
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(deaths_in_a_row - 2, 16), LONGEST_PAUSE_SECONDS)


class Keeper:
    """All the lives of one guest, in a thread that makes each of them and attends to it."""

    def __init__(
        self, name: str, command: GuestCommand, charges: Charges, patience: Patience
    ) -> None:
        self._name = name
        self._command = command
        self._charges = charges
        self._patience = patience
        self._turn = Condition()
        self._is_held = False
        self._life: Life | None = None
        self._told: Head | None = None
        self._refusal = "it could not be started"
        self._deaths = 0
        self._is_loaded = Event()
        self._is_closing = Event()
        self._thread = Thread(target=self._keep, name=f"guest-{name}", daemon=True)
        self.held: Life | None = None
        """Who answered since the turn of whoever runs batches began."""
        self.failure: str | None = None
        """Why it is not started again; None as long as it is."""
        self.died_at: float | None = None
        """When it died last, by the monotonic clock."""
        self.worked_ns = 0
        """CPU time of its processes while they answered (A1)."""

    @property
    def pid(self) -> int | None:
        """The process that runs it now."""
        life = self._life
        return None if life is None else life.process.pid

    @property
    def is_ended(self) -> bool:
        """Whether it has ended for good, and its folder is gone."""
        return not self._thread.is_alive()

    def begin(self) -> Head:
        """Start it and wait until it is loaded; what it says of itself.

        Raises:
            InvalidInput: it does not load; the message says why.
        """
        self._thread.start()
        self._is_loaded.wait()
        if self._told is None:
            raise InvalidInput(self._refusal)
        return self._told

    def close(self) -> None:
        """End its process; what it works on is answered with an error."""
        self._is_closing.set()
        if (life := self._life) is not None:
            life.process.kill()
        self._thread.join(_CLOSE_SECONDS)

    def begin_turn(self) -> None:
        """Hold it: until the turn ends, whatever dies is not buried."""
        self._turn.acquire()
        self._is_held = True

    def end_turn(self) -> None:
        """What was answered has been charged."""
        self._let_go()
        self._is_held = False
        self._turn.release()

    def ask(self, head: Head, parts: Sequence[bytes]) -> tuple[Head, memoryview]:
        """Its answer.

        Raises:
            WorkFailed, InvalidInput: its code raised.
            DeadlinePassed: it did not answer in time, and was stopped.
            Unavailable: it died over this, or is being started again.
        """
        with self._turn:
            life = self._living()
            if life.books.lane is not None and self.held is not life:
                life.books.lane.begin()
            self.held = life
            try:
                said, raw, spent_ns = life.process.ask(head, parts, self._patience.seconds)
            except GuestStuck as error:
                self._life = None
                raise DeadlinePassed(f"the model {error}") from error
            except GuestGone as error:
                self._life = None
                raise Unavailable(f"the model {error}: try again in a moment") from error
            finally:
                if not self._is_held:
                    self._let_go()
            if "error" in said:
                raise raised("the model failed on this request", said["error"])
            self.worked_ns += spent_ns
            self._deaths = 0
            return said, raw

    def stop(self) -> None:
        """It said what nobody understands: let another life begin."""
        if (life := self._life) is not None:
            life.process.kill()

    def _let_go(self) -> None:
        if self.held is not None and self.held.books.lane is not None:
            self.held.books.lane.end()
        self.held = None

    def _living(self) -> Life:
        """Who can be asked; one that is being started again is waited for.

        Raises:
            Unavailable: there is none.
        """
        if self.held is None:
            if self._life is not None and self._life.process.has_ended():
                self._life = None  # it died while nobody asked
            self._turn.wait_for(lambda: self._life or self.failure, RESTART_SECONDS)
        life = self._life
        if life is None or (self.held is not None and self.held is not life):
            why = self.failure or "is being started again: try again in a moment"
            raise Unavailable(f"the model {why}")
        return life

    def _keep(self) -> None:
        """Start it, again and again, until it is closed or has died too often."""
        try:
            while not self._is_closing.is_set() and self.failure is None:
                began = monotonic()
                end = self._live()
                if self._told is None or self._is_closing.is_set():
                    return
                if monotonic() - began > STEADY_SECONDS:
                    self._deaths = 0
                self._note_death(end)
                self._is_closing.wait(pause_before_restart(self._deaths))
        finally:
            self._is_loaded.set()
            rmtree(self._command.folder, ignore_errors=True)

    def _live(self) -> str:
        """One life from start to end; how it ended, in words."""
        try:
            process = GuestProcess(self._command)
        except OSError as error:
            self._refusal = f"its process cannot be started: {error.strerror}"
            return self._refusal
        try:
            life = Life(process, self._charges(process.pid))
        except (LichenError, OSError) as error:
            self._refusal = f"its process cannot be metered: {error}"
            process.kill()
            process.bury()
            return self._refusal
        if self._is_closing.is_set():
            process.kill()
        process.attend(
            GuestLog(self._name),
            lambda told: self._begin_life(life, told),
            self._patience.load_seconds,
        )
        with self._turn:
            self._life = None
            life.books.finish()
        return process.bury()

    def _begin_life(self, life: Life, told: Head) -> None:
        if "error" in told:
            self._refusal = str(raised("the predictor does not load", told["error"]))
            return
        with self._turn:
            self._told, self._life = told, life
            self._turn.notify_all()
        self._is_loaded.set()
        if self._is_closing.is_set():
            life.process.kill()

    def _note_death(self, end: str) -> None:
        self._deaths += 1
        self.died_at = monotonic()
        _log.error("guest %s: %s (%d in a row)", self._name, end, self._deaths)
        if self._deaths >= self._patience.deaths:
            with self._turn:
                self.failure = (
                    f"died {self._deaths} times in a row and is not started again ({end}): "
                    "the data plane's log says more; correct it and deploy it anew"
                )
                self._turn.notify_all()
