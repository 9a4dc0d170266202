"""Batch prediction for Python: a file goes in, a job answers its rows, a file comes back."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import msgspec

from lichen.client.session import Query, Session
from lichen.core.errors import Corrupt, InvalidInput, StorageFailed
from lichen.core.ids import checked_name
from lichen.protocol.admin import Job
from lichen.protocol.predicting import OnError
from lichen.protocol.scheduling import ScheduleRequest

UPLOAD_CHUNK_BYTES = 2**20


class Predictions:
    """`lichen predict D --input FILE --deadline 12h`: every row of a table, answered by a job."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def submit(
        self,
        deployment: str,
        file: Path | str,
        schedule: ScheduleRequest | None = None,
        *,
        on_error: OnError = "fail",
        batch_rows: int | None = None,
    ) -> Job:
        """Accept a CSV or Parquet file: durable once this returns.

        Args:
            deployment: what answers.
            file: a column for each input; all other columns come back as they are.
            schedule: when it may run; None: at once.
            on_error: `fail` ends the job at a row without an answer, `skip` says why in a column
                `error`.
            batch_rows: computed at once; None: as many as cost the least energy.

        Raises:
            NotFound: there is no such deployment.
            InvalidInput: the file, the schedule or an option cannot be.
        """
        path = Path(file)
        if not path.is_file() or not os.access(path, os.R_OK):
            raise InvalidInput(f"{path} cannot be read: name a file that is there and readable")
        said = None if schedule is None else msgspec.json.encode(schedule).decode()
        query: Query = {
            "filename": path.name,
            "on_error": on_error,
            "batch_rows": batch_rows,
            "schedule": said,
        }
        name = quote(checked_name(deployment, "deployment"), safe="")
        return self._session.post(
            f"/deployments/{name}/predictions", lambda: _chunks(path), Job, query
        )

    def fetch(self, job_id: str, target: Path | str) -> Path:
        """Write what a job made, whole or not at all, and as it was made.

        Raises:
            NotFound: there is no such job, or it made nothing.
            Corrupt: what came is not what was made.
            StorageFailed: the file cannot be written.
        """
        own = f"/jobs/{quote(checked_name(job_id, 'job'), safe='')}"
        made = self._session.get(own, Job).result or {}
        path = Path(target)
        partial = path.with_name(f".{path.name}.part")
        try:
            digest = self._download(f"{own}/output", partial)
            if digest != made.get("output"):
                raise Corrupt(f"the output of {job_id} did not come as it was made: fetch it again")
            partial.replace(path)
        except OSError as error:
            raise StorageFailed(
                f"{path} cannot be written ({error.strerror}): check the path and the disk"
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return path

    def _download(self, path: str, target: Path) -> str:
        seen = sha256()
        with target.open("wb") as file:
            for chunk in self._session.download(path):
                seen.update(chunk)
                file.write(chunk)
        return seen.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(UPLOAD_CHUNK_BYTES):
            yield chunk
