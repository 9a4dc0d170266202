"""A job's folder as its own process writes it: progress, checkpoints, what it says in its log."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import msgspec

from lichen.protocol.admin import Progress
from lichen.server.work.attempt import CHECKPOINTS, PROGRESS, STOP
from lichen.server.work.spending import Spending
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file
from lichen.training import watch as training

PERIOD_SECONDS = 0.2
CHECKPOINT_SECONDS = 10.0
"""So much work at most is done again after a kill, where it can be saved unfinished."""


class JobWatch:
    """Sees the run of one attempt; its checkpoints carry the attempt's fence.

    A checkpoint is kept as `NAME.FENCE`: an attempt reads the newest at or below its own fence,
    so one that was given up for dead can spoil nothing of its successor's.
    """

    def __init__(self, folder: Path, fence: int, spending: Spending) -> None:
        self._folder = folder
        self._checkpoints = folder / CHECKPOINTS
        self._fence = fence
        self._spending = spending
        self._written_at = 0.0
        self._saved_at = time.monotonic()

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the worker asked this attempt to end at a checkpoint, or the last is long ago."""
        is_old = time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS
        return is_old or self.is_to_stop

    @property
    def is_to_stop(self) -> bool:
        """Whether the worker asked this attempt to end at a checkpoint."""
        return (self._folder / STOP).exists()

    @property
    def cancelled(self) -> bool:
        """Never by this way: a signal ends the process wherever it stands."""
        return False

    def report(self, progress: training.Progress) -> None:
        """Write how far the run is, at most five times a second, and its notes to the log."""
        if progress.note:
            sys.stdout.write(f"{progress.note}\n")
            sys.stdout.flush()
        self.tell(progress.stage, progress.fraction, progress.spent_nj)

    def tell(self, stage: str, fraction: float | None = None, nj: int | None = None) -> None:
        """Write how far the run is, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._written_at < PERIOD_SECONDS:
            return
        self._written_at = now
        self._spending.keep()
        said = Progress(stage=stage, fraction=fraction, nj=nj)
        replace_file(self._folder / PROGRESS, msgspec.json.encode(said))

    def save(self, name: str, body: bytes) -> None:
        """Keep a checkpoint, whole or not at all, in place of the last one of this name.

        Where the worker asked this attempt to end at a checkpoint, it ends here, as by SIGTERM.
        """
        own = self._checkpoints / f"{name}.{self._fence:06d}"
        fresh = own.with_name(f".{own.name}")
        with storage_failures(own):
            self._checkpoints.mkdir(exist_ok=True)
            with fresh.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(own)
        for fence, path in self._kept(name):
            if fence < self._fence:
                path.unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        if self.is_to_stop:
            signal.raise_signal(signal.SIGTERM)

    def load(self, name: str) -> bytes | None:
        """The newest checkpoint of this name by this attempt or an earlier one."""
        mine = [(fence, path) for fence, path in self._kept(name) if fence <= self._fence]
        return max(mine)[1].read_bytes() if mine else None

    def forget(self) -> None:
        """Remove the checkpoints: the job is done."""
        shutil.rmtree(self._checkpoints, ignore_errors=True)

    def _kept(self, name: str) -> list[tuple[int, Path]]:
        found = self._checkpoints.glob(f"{name}.*")
        return [(int(path.suffix[1:]), path) for path in found if path.suffix[1:].isdigit()]
