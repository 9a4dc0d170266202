"""How far a batch job is, and what it settled when it first started: kept as its checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from lichen.frameworks.runtimes import Choice
from lichen.serving.deployment import Deployment
from lichen.serving.widths import Adapted

CHECKPOINT = "batch"


class Keeping(Protocol):
    """Keeps checkpoints of a job, whole or not at all."""

    def save(self, name: str, body: bytes) -> None:
        """Keep one in place of the last of this name; the job may be told to end here."""
        ...

    def load(self, name: str) -> bytes | None:
        """The newest of this name."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What all rows of a job have in common, whichever attempt answers them.

    Attributes:
        deployment: what answers, as it was deployed when the job first started.
        width: of a forecaster's intervals, as learnt by then.
        chosen: the forms of the model that run.
        batch_rows: computed at once.
        chunk_rows: committed at once.
        data_version: of the dataset whose rows are answered, if they are one's.
    """

    deployment: Deployment
    width: Adapted | None
    chosen: tuple[Choice, ...]
    batch_rows: int
    chunk_rows: int
    data_version: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is committed of a job.

    Attributes:
        settled: what holds for all of it.
        runs: fences of the attempts that committed chunks, each with how many chunks were
            committed when it had its last.
        failed_rows: rows among them without an answer.
        seconds: that the chunks took.
    """

    settled: Settled
    runs: tuple[tuple[int, int], ...] = ()
    failed_rows: int = 0
    seconds: float = 0.0

    @property
    def chunks(self) -> int:
        """How many chunks are committed."""
        return self.runs[-1][1] if self.runs else 0

    def with_chunk(self, fence: int, failed_rows: int, seconds: float) -> "Standing":
        """The same, one chunk later."""
        before = self.runs[:-1] if self.runs and self.runs[-1][0] == fence else self.runs
        return replace(
            self,
            runs=(*before, (fence, self.chunks + 1)),
            failed_rows=self.failed_rows + failed_rows,
            seconds=self.seconds + seconds,
        )

    def parts(self, folder: Path) -> Iterator[Path]:
        """The committed parts, in order."""
        first = 0
        for fence, until in self.runs:
            for chunk in range(first, until):
                yield part_path(folder, chunk, fence)
            first = until


def part_path(folder: Path, chunk: int, fence: int) -> Path:
    """Where an attempt writes a chunk: one that was given up for dead writes in nobody's way."""
    return folder / f"{chunk:07d}.{fence:06d}.parquet"


def save(keeping: Keeping, standing: Standing) -> None:
    """Commit it; the attempt may end here, if it was asked to."""
    keeping.save(CHECKPOINT, msgspec.json.encode(standing))


def load(keeping: Keeping) -> Standing | None:
    """What an earlier attempt committed; None when there was none, or it was of another release."""
    body = keeping.load(CHECKPOINT)
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=Standing)
    except msgspec.MsgspecError:
        return None
