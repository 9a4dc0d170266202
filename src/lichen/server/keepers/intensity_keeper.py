"""Keeps what the services of intensity say: a thread of the control plane asks, all others read.

Whoever books or answers never waits for a network. Files are replaced in the middle of a minute:
every process takes the rate of a minute at its beginning, so all of them see the same one.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from lichen.carbon.grids.fetching import asked, is_due
from lichen.carbon.grids.kept import Kept, kept_file, read_kept, write_kept
from lichen.carbon.grids.service import IntensityService
from lichen.carbon.outlook.archive import Archive
from lichen.core.clock import Clock
from lichen.core.errors import LichenError, Unavailable
from lichen.server.keepers.routine import Routine

MIDDLE_SECOND = 20
_MINUTE = 60
_LONGEST_STOP_SECONDS = 1.0

_log = logging.getLogger(__name__)


class IntensityKeeper:
    """Asks each service when it is due, and keeps what it said in `folder`."""

    def __init__(
        self,
        services: Sequence[IntensityService],
        zone: str,
        folder: Path,
        clock: Clock,
        archive: Archive | None = None,
    ) -> None:
        """`archive` keeps what is said for a year; without one it is forgotten after two days."""
        self._services = services
        self._zone = zone
        self._folder = folder
        self._clock = clock
        self._archive = archive
        self._asked: set[str] = set()
        self._routine = Routine("intensities", self._again, _MINUTE)

    def start(self) -> None:
        """Begin, if there is anybody to ask."""
        if self._services:
            self._routine.start()

    def stop(self) -> None:
        """End; a question that is being asked is left behind."""
        self._routine.stop(_LONGEST_STOP_SECONDS)

    def turn(self) -> None:
        """Ask those that are due."""
        for service in self._services:
            if self._routine.is_stopping:
                return
            try:
                self._look_after(service)
            except LichenError as error:  # a full disk: what was known stays known
                _log.error("what %s said cannot be kept: %s", service.name, error)

    def _look_after(self, service: IntensityService) -> None:
        path = kept_file(self._folder, service.name)
        kept = self._known(path)
        is_first = service.name not in self._asked
        if not is_due(kept, self._clock.now(), has_just_started=is_first):
            return
        self._asked.add(service.name)
        fresh = asked(service, self._zone, kept, self._clock.now())
        write_kept(path, fresh)
        _tell(service.name, kept, fresh)
        if self._archive is not None and fresh.answer is not None and not fresh.problem:
            self._archive.take_in(service.name, fresh.answer, self._clock.now())

    def _known(self, path: Path) -> Kept:
        """What was known; nothing of another zone than ours."""
        try:
            kept = read_kept(path)
        except Unavailable:
            return Kept(None)
        of_another_zone = kept.answer is not None and kept.answer.zone != self._zone
        return Kept(None) if of_another_zone else kept

    def _again(self) -> float:
        self.turn()
        return self._until_middle()

    def _until_middle(self) -> float:
        """Seconds until the middle of a minute; at least one, so that no clock makes it spin."""
        second = self._clock.now().timestamp() % _MINUTE
        return max(1.0, (MIDDLE_SECOND - second) % _MINUTE)


def _tell(name: str, before: Kept, after: Kept) -> None:
    """Say it once when a service begins to fail, when it answers again, and what was refused."""
    if after.problem and after.problem != before.problem:
        _log.warning("%s has no intensity for us, the next source answers: %s", name, after.problem)
    if before.problem and not after.problem:
        _log.info("%s answers again", name)
    faults = after.answer.faults if after.answer is not None else ()
    if faults and (before.answer is None or faults != before.answer.faults):
        _log.warning("%s: values were refused: %s", name, "; ".join(faults))
