"""The noun `schedules` for Python: work that recurs, when it is due, and what became of it."""

from pathlib import Path
from urllib.parse import quote

import msgspec

from lichen.client.session import Query, Session
from lichen.client.uploads import file_chunks
from lichen.core.ids import checked_name
from lichen.protocol.admin import JobKind, JobRequest
from lichen.protocol.recurring import NewRecurringSchedule, RecurringSchedule
from lichen.protocol.scheduling import ScheduleRequest


def recurring_job(
    kind: JobKind, spec: object, schedule: ScheduleRequest | None = None
) -> JobRequest:
    """The job of recurring work: what `client.jobs.Jobs.submit` takes."""
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
        return self.keep(NewRecurringSchedule(name=name, every=every, timezone=timezone, job=job))

    def keep(self, request: NewRecurringSchedule) -> RecurringSchedule:
        """The same, of a request as it is sent."""
        return self._session.post(
            "/schedules", lambda: msgspec.json.encode(request), RecurringSchedule
        )

    def predict_file(self, request: NewRecurringSchedule, file: Path | str) -> RecurringSchedule:
        """Let a deployment answer the rows of a file again and again.

        Args:
            request: name, period and job; of its spec `deployment`, `on_error` and `batch_rows`.
            file: CSV or Parquet, which the platform keeps as it is now.

        Raises:
            InvalidInput: as `create`, or the file is no table.
            NotFound: there is no such deployment.
            Conflict: there is a schedule of this name.
        """
        path, spec = Path(file), request.job.spec
        schedule = request.job.schedule
        query: Query = {
            "filename": path.name,
            "name": request.name,
            "every": request.every,
            "timezone": request.timezone,
            "on_error": spec.get("on_error"),
            "batch_rows": spec.get("batch_rows"),
            "schedule": None if schedule is None else msgspec.json.encode(schedule).decode(),
        }
        deployment = quote(checked_name(spec["deployment"], "deployment"), safe="")
        where = f"/deployments/{deployment}/schedules"
        return self._session.post(where, file_chunks(path), RecurringSchedule, query)

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
