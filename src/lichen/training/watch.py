"""Who watches a run, and who meters it: two small protocols, with null adapters."""

from dataclasses import dataclass
from typing import Protocol

from lichen.core.errors import WorkFailed
from lichen.core.figures import EnergyFigure


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        fraction: work done, 0 to 1; never goes back.
        stage: what is being done, in a few words.
        spent_nj: energy so far in nanojoules, earlier attempts of the same job included; None
            where nothing meters the run.
        note: one line for the job's log, or None.
    """

    fraction: float
    stage: str
    spent_nj: int | None
    note: str | None = None


class Watch(Protocol):
    """Sees a run's progress, keeps its checkpoints, and may ask it to stop."""

    @property
    def cancelled(self) -> bool:
        """Whether the run should end now."""
        ...

    @property
    def wants_checkpoint(self) -> bool:
        """Whether unfinished work is to be saved now: it is to stop, or the last is long ago."""
        ...

    def report(self, progress: Progress) -> None:
        """Take note of how far the run is."""
        ...

    def save(self, name: str, body: bytes) -> None:
        """Keep a checkpoint, in place of the last one of this name."""
        ...

    def load(self, name: str) -> bytes | None:
        """The checkpoint of this name that an earlier attempt of the job saved, if any."""
        ...


class EnergyGauge(Protocol):
    """Meters the process that runs (A1, A4)."""

    def spent(self) -> EnergyFigure | None:
        """What this process was charged so far, up to now; None where nothing meters it (M5)."""
        ...

    @property
    def ng(self) -> int | None:
        """The nanograms of CO2e of all that was charged; None where nothing meters it (M5)."""
        ...


class NoWatch:
    """Nobody looks on: keeps checkpoints in memory, never cancels."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.seen: list[Progress] = []

    @property
    def cancelled(self) -> bool:
        """Never."""
        return False

    @property
    def wants_checkpoint(self) -> bool:
        """Never: nobody stops it."""
        return False

    def report(self, progress: Progress) -> None:
        """Remember it."""
        self.seen.append(progress)

    def save(self, name: str, body: bytes) -> None:
        """Keep it in memory."""
        self.kept[name] = body

    def load(self, name: str) -> bytes | None:
        """What was kept in memory."""
        return self.kept.get(name)


class NoGauge:
    """Meters nothing, and says so."""

    ng: int | None = None

    def spent(self) -> None:
        """Nothing was measured."""
        return


def stop_if_cancelled(watch: Watch) -> None:
    """Return when the run may go on.

    Raises:
        WorkFailed: the run was cancelled.
    """
    if watch.cancelled:
        raise WorkFailed("the training was cancelled; what it saved so far is kept with the job")
