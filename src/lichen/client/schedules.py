"""The noun `schedules` for Python: work that recurs, when it is due, and what became of it."""

from urllib.parse import quote

import msgspec

from lichen.client.session import Session
from lichen.core.ids import checked_name
from lichen.protocol.admin import JobKind, JobRequest
from lichen.protocol.recurring import NewRecurringSchedule, RecurringSchedule
from lichen.protocol.scheduling import ScheduleRequest


def recurring_job(
    kind: JobKind, spec: object, schedule: ScheduleRequest | None = None
) -> JobRequest:
    """The job of recurring work: what `client.admin.Jobs.submit` takes."""
    return JobRequest(kind=kind, spec=msgspec.to_builtins(spec, str_keys=True), schedule=schedule)


class Schedules:
    """`lichen schedules`: jobs that are submitted again and again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self, name: str, every: str, job: JobRequest, timezone: str = "UTC"
    ) -> RecurringSchedule:
        """Let a job recur, from now on.

        Args:
            name: one that is new.
            every: `hour`, `day`, `week`, `month`, or a cron expression of five fields.
            job: what is submitted each time; the `deadline` of its schedule is a duration, which
                counts from each due moment.
            timezone: by whose clocks, such as `Europe/Berlin`.

        Raises:
            InvalidInput: the name, period, time zone, deadline or job is not usable, or there is
                too much recurring work.
            NotFound: there is no such dataset.
            Conflict: there is a schedule of this name.
        """
        request = NewRecurringSchedule(name=name, every=every, timezone=timezone, job=job)
        return self._session.post(
            "/schedules", lambda: msgspec.json.encode(request), RecurringSchedule
        )

    def ls(self) -> list[RecurringSchedule]:
        """All recurring work, by name."""
        return list(self._session.pages("/schedules", RecurringSchedule))

    def show(self, name: str) -> RecurringSchedule:
        """One of them.

        Raises:
            NotFound: there is none of this name.
        """
        return self._session.get(_path(name), RecurringSchedule)

    def pause(self, name: str) -> RecurringSchedule:
        """Let nothing be due until it is resumed.

        Raises:
            NotFound: there is none of this name.
        """
        return self._session.post(f"{_path(name)}/pause", lambda: b"", RecurringSchedule)

    def resume(self, name: str) -> RecurringSchedule:
        """Let it be due again, from now on; what was due in between is not made up for.

        Raises:
            NotFound: there is none of this name.
        """
        return self._session.post(f"{_path(name)}/resume", lambda: b"", RecurringSchedule)

    def rm(self, name: str) -> None:
        """Forget it; jobs that it made go on.

        Raises:
            NotFound: there is none of this name.
        """
        self._session.send("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/schedules/{quote(checked_name(name, 'schedule'), safe='')}"
