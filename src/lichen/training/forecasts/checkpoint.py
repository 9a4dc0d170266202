"""What a killed run had settled already: its next attempt takes it up and gives the same bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import numpy as np

from lichen.training.checkpoints import kept_for
from lichen.training.forecasts.algorithms import Setting
from lichen.training.forecasts.cost import Cost
from lichen.training.forecasts.study import Study
from lichen.training.watch import Watch

NAME = "search"


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate that was tuned and scored on the validation part.

    Attributes:
        algorithm: its name.
        setting: what its own search found.
        score: MASE on the validation part.
        cost: energy of one forecast; None where nothing metered it.
    """

    algorithm: str
    setting: Setting
    score: float
    cost: Cost | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Trials so far, what they cost, and which task and data they belong to."""

    task: str
    spent_nj: int = 0
    trials: tuple[Trial, ...] = ()
    spent_ng: int = 0

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def trial(self, algorithm: str) -> Trial | None:
        """The trial of an algorithm, if it was made."""
        return next((one for one in self.trials if one.algorithm == algorithm), None)


def fingerprint(study: Study) -> str:
    """Names a task and its data: a checkpoint of another is of no use."""
    digest = sha256(msgspec.json.encode((study.spec, study.base)))
    for array in (study.panel.values, study.panel.known, study.gaps):
        digest.update(np.ascontiguousarray(array).tobytes())
    if study.pretrained is not None:
        digest.update(study.pretrained.sha256.encode())
    digest.update(str(study.panel.start).encode())
    return digest.hexdigest()


def load(watch: Watch, task: str) -> Checkpoint:
    """The checkpoint of this very task, or an empty one."""
    return kept_for(task, Checkpoint, watch, NAME) or Checkpoint(task)


def save(watch: Watch, checkpoint: Checkpoint) -> None:
    """Keep it for the next attempt."""
    watch.save(NAME, msgspec.json.encode(checkpoint))
