"""Submits the training of each zone's outlook once a day: an ordinary job, metered and budgeted."""

import logging
from datetime import datetime, timedelta

import msgspec

from lichen.carbon.grids.observations import moment_of
from lichen.carbon.outlook.archive import LONG_ENOUGH_HOURS, ZoneHistory, before
from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.record import hour_of
from lichen.control.submissions import Sender, Submissions
from lichen.core.clock import Clock, parse_rfc3339
from lichen.core.errors import LichenError, NotFound
from lichen.core.ids import DEFAULT_TENANT, ModelReference
from lichen.protocol.admin import JobKind
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.server.keepers.routine import Routine
from lichen.server.keepers.zone_histories import Stamp, ZoneHistories
from lichen.server.keepers.zone_outlooks import model_of

TASK = "outlook"
PRINCIPAL = "outlook"
MOST_DAYS = 400
"""Of history that a model is trained on."""
_PERIOD_SECONDS = 5.0
_LONGEST_STOP_SECONDS = 1.0
_PAUSE = timedelta(minutes=15)
"""After a refusal."""
_NEW_HOURS = timedelta(hours=12)
"""A model is trained anew when its history has grown by so much; a file that ends teaches once."""

_log = logging.getLogger(__name__)


class OutlookSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Of a `train` job whose task is `outlook`: hours from `until` on are not looked at."""

    task: str
    name: str
    zone: str
    until: datetime


class OutlookKeeper:
    """Looks whether a zone's model is of today."""

    def __init__(
        self, histories: ZoneHistories, catalog: Catalog, submissions: Submissions, clock: Clock
    ) -> None:
        self._histories = histories
        self._catalog = catalog
        self._submissions = submissions
        self._clock = clock
        self._seen: dict[str, tuple[Stamp, str]] = {}
        self._not_before: dict[str, datetime] = {}
        self._routine = Routine("outlooks", self._again, _PERIOD_SECONDS)

    def start(self) -> None:
        """Begin to look, every few seconds: it costs a glance at a folder."""
        self._routine.start()

    def stop(self) -> None:
        """End."""
        self._routine.stop(_LONGEST_STOP_SECONDS)

    def turn(self) -> None:
        """Submit what is due; what cannot be for one zone hinders no other."""
        for zone in self._histories.zones():
            if self._routine.is_stopping:
                return
            pause_ends = self._not_before.get(zone)
            if pause_ends is not None and self._clock.now() < pause_ends:
                continue
            try:
                self._look_after(zone)
            except LichenError as error:  # a budget is spent, or the disk is full
                _log.error("the outlook of %s cannot be trained now: %s", zone, error)
                self._not_before[zone] = self._clock.now() + _PAUSE

    def _look_after(self, zone: str) -> None:
        now = self._clock.now()
        seen = (self._histories.stamp(zone), f"{now:%Y-%m-%d}")
        if self._seen.get(zone) == seen:
            return
        history = self._histories.of(zone)
        if history is not None and is_due(history, self._newest(zone), now):
            self._submit(zone, now)
        self._seen[zone] = seen

    def _newest(self, zone: str) -> Manifest | None:
        try:
            return self._catalog.resolve(ModelReference(model_of(zone), "latest"))
        except NotFound:
            return None

    def _submit(self, zone: str, now: datetime) -> None:
        """Once a day, however often it is asked for."""
        until = hour_of(now)
        spec = OutlookSpec(task=TASK, name=model_of(zone), zone=zone, until=until)
        day = f"{until:%Y-%m-%d}"
        sender = Sender(DEFAULT_TENANT, PRINCIPAL, f"outlook {zone} {day}")
        job, is_new = self._submissions.submit(
            sender, JobKind.TRAIN, msgspec.to_builtins(spec), f"{zone} {day}".encode()
        )
        if is_new:
            _log.info("the outlook of %s is trained by job %s", zone, job.id)

    def _again(self) -> float:
        self.turn()
        return _PERIOD_SECONDS


def is_due(history: ZoneHistory, newest: Manifest | None, now: datetime) -> bool:
    """Whether there is enough to learn from, and the model knows neither this day nor its hours."""
    known = before(history.hours, now)
    recent = [hour for hour in known if hour >= int(now.timestamp()) // HOUR_S - MOST_DAYS * 24]
    if not recent or recent[-1] - recent[0] + 1 < LONG_ENOUGH_HOURS:
        return False
    if newest is None:
        return True
    ended = _moment(newest.parameters.get("history_until"))
    last = moment_of((recent[-1] + 1) * HOUR_S)
    is_of_today = newest.created_at.date() >= now.date()
    is_of_these = (newest.parameters.get("signal"), newest.parameters.get("scope")) == (
        history.signal.value,
        history.scope.value,
    )
    has_grown = ended is None or last - ended >= _NEW_HOURS
    return not is_of_these or (has_grown and not is_of_today)


def _moment(text: object) -> datetime | None:
    try:
        return parse_rfc3339(str(text)) if text else None
    except ValueError:
        return None
