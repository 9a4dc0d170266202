"""The home: the folder that holds all state of one platform, and the lock on it."""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lichen.core.errors import Unavailable
from lichen.energy.power.machine import CALIBRATION_FILE
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file

_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything stands."""

    folder: Path

    @property
    def admin_key(self) -> Path:
        """The key of the first administrator."""
        return self.folder / "admin.key"

    @property
    def documents(self) -> Path:
        """The documents' SQLite file."""
        return self.folder / "lichen.db"

    @property
    def ledger(self) -> Path:
        """The ledger's SQLite file."""
        return self.folder / "ledger.db"

    @property
    def blobs(self) -> Path:
        """The folder of content-addressed bytes."""
        return self.folder / "blobs"

    @property
    def uploads(self) -> Path:
        """Files that were uploaded and wait for their job."""
        return self.folder / "uploads"

    @property
    def intensities(self) -> Path:
        """What services said of the grid's intensity, one file each."""
        return self.folder / "intensities"

    @property
    def budgets(self) -> Path:
        """What is committed of each budget, one mapped file each."""
        return self.folder / "budgets"

    @property
    def calibration(self) -> Path:
        """What `lichen meter calibrate` found of this machine."""
        return self.folder / CALIBRATION_FILE

    @property
    def run(self) -> Path:
        """What concerns the running platform alone."""
        return self.folder / "run"

    @property
    def metrics(self) -> Path:
        """The folder of the mapped files that data-plane processes count into."""
        return self.run / "metrics"

    @property
    def traces(self) -> Path:
        """The folder of files of traced requests."""
        return self.folder / "traces"

    @property
    def guests(self) -> Path:
        """Folders that models work in which have a process of their own."""
        return self.run / "guests"

    @property
    def environments(self) -> Path:
        """Python environments of custom predictors."""
        return self.folder / "environments"

    @property
    def addresses(self) -> Path:
        """Where the running platform listens."""
        return self.run / "addresses.json"

    @property
    def compiled(self) -> Path:
        """Code that this machine compiled for itself: it may be removed at any time."""
        return self.folder / "compiled"

    @property
    def turns(self) -> Path:
        """How many connections each process of the data plane has."""
        return self.run / "turns"

    @property
    def jobs(self) -> Path:
        """The folder of all jobs' folders."""
        return self.folder / "jobs"

    def job(self, job_id: str) -> Path:
        """The folder of one job: its log, progress and checkpoints."""
        return self.jobs / job_id

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            StorageFailed: the home is read-only, full, or not this user's.
        """
        with storage_failures(self.folder):
            self.folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            for part in (self.run, self.blobs, self.uploads, self.jobs):
                part.mkdir(mode=_PRIVATE, exist_ok=True)


class HomeLock:
    """Held by the supervisor as long as it lives, however it ends."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take the home for this process.

        Raises:
            Unavailable: another platform runs on it; the message names its pid.
            StorageFailed: the home cannot be written.
        """
        path = self._home.run / "home.lock"
        with storage_failures(path):
            file = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            file.close()
            raise Unavailable(
                f"a platform runs on {self._home.folder} already, with pid {pid}: "
                "stop it, or choose another home with --home"
            ) from None
        self._file = file
        with storage_failures(path):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()

    def release(self) -> None:
        """Let the next platform have the home."""
        if self._file is not None:
            self._file.close()
            self._file = None


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace a small file whole; a reader sees the old or the new one.

    Raises:
        StorageFailed: the disk is full or read-only.
    """
    replace_file(path, json.dumps(content).encode())
