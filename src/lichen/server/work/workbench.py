"""What the process of a job works with, and how its result becomes a commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lichen.control.jobs import Jobs
from lichen.control.transitions import JobRecord, Succeed
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, InvalidInput
from lichen.core.ids import JobId
from lichen.protocol.admin import JsonObject
from lichen.registry.catalog import Catalog
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.work.jobfiles import JobWatch
from lichen.server.work.spending import Spending
from lichen.store.blobs import BlobStore
from lichen.store.documents import Change, DocumentStore

_COMMIT_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Workbench:
    """One attempt at one job."""

    job: JobRecord
    settings: Settings
    documents: DocumentStore
    blobs: BlobStore
    jobs: Jobs
    clock: Clock
    spending: Spending
    watch: JobWatch
    told: JsonObject = field(default_factory=dict)
    """What the job's result says beside what the work itself says."""

    @property
    def home(self) -> Home:
        """Where everything stands."""
        return Home(self.settings.home)

    @property
    def job_id(self) -> JobId:
        """The job's id."""
        return JobId(self.job.id)

    def catalog(self) -> Catalog:
        """The registry."""
        return Catalog(self.documents, self.blobs, self.clock)

    def uploaded(self, name: str) -> Path:
        """The file that was uploaded for this job.

        Raises:
            InvalidInput: it is gone.
        """
        path = self.home.uploads / Path(name).name
        if not path.is_file():
            raise InvalidInput("the uploaded file is gone: upload it again")
        return path

    def completion(self, result: JsonObject) -> Sequence[Change]:
        """What makes this job succeeded; commit it together with what it made.

        Raises:
            Conflict: this attempt no longer holds the job, so nothing of it may be committed.
        """
        account = self.spending.account()
        said = {**result, **self.told}
        event = Succeed(self.job.fence, said, account.receipt, account.segments)
        return self.jobs.changes(self.job.id, event)

    def complete(self, result: JsonObject) -> None:
        """Make this job succeeded: for work that commits nothing else, or did so already."""
        self.commit(lambda: self.documents.commit(self.completion(result)))

    def commit(self, attempt: Callable[[], object]) -> None:
        """Try a commit that holds `completion` until no lease renewal came in between.

        Raises:
            Conflict: this attempt no longer holds the job.
        """
        for _ in range(_COMMIT_ATTEMPTS):
            try:
                attempt()
            except Conflict:
                if not self._holds():
                    raise
                continue
            return
        raise Conflict(f"job {self.job.id} changes too fast to be completed: it is tried again")

    def _holds(self) -> bool:
        now = self.jobs.get(self.job.id)
        return now.fence == self.job.fence and not now.state.final
