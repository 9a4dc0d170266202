"""Which jobs have checkpoints, so that they can pause and go on; and what is said of the others."""

from collections.abc import Mapping
from dataclasses import dataclass

from lichen.protocol.admin import JobKind, JsonObject


@dataclass(frozen=True, slots=True)
class Interruption:
    """Whether a job can end at a checkpoint and go on from there; `says` is a clause for people."""

    is_possible: bool
    says: str


AFTER_CHUNKS = Interruption(is_possible=True, says="it pauses when the rows in hand are answered")
AT_CHECKPOINTS = Interruption(
    is_possible=True,
    says="it pauses when a candidate is done, or within trees at the next tree, within a network "
    "some steps on",
)
AFTER_BATCHES = Interruption(
    is_possible=True, says="it pauses when a candidate is done, or within one after some batches"
)
AFTER_CANDIDATES = Interruption(is_possible=True, says="it pauses when a candidate is done")
AFTER_FOLDS = Interruption(is_possible=True, says="it pauses when a fold is scored")
IN_ONE_PIECE = Interruption(
    is_possible=False, says="it does its work in one piece, without checkpoints"
)

WHEN_IT_LOOKS = Interruption(
    is_possible=True, says="it pauses when the script looks at run.should_stop and ends"
)

WHILE_IT_FETCHES = Interruption(
    is_possible=True, says="it pauses while it fetches, and goes on from the bytes that came"
)

BY_KIND: Mapping[str, Interruption] = {
    JobKind.TRAIN: AT_CHECKPOINTS,
    JobKind.INGEST: IN_ONE_PIECE,
    JobKind.APPEND: IN_ONE_PIECE,
    JobKind.IMPORT: IN_ONE_PIECE,
    JobKind.PREDICT: AFTER_CHUNKS,
    JobKind.REPORT: IN_ONE_PIECE,
    JobKind.PULL: WHILE_IT_FETCHES,
    JobKind.EXPLAIN: IN_ONE_PIECE,
}
"""A kind that is not named here works in one piece."""

BY_TASK: Mapping[tuple[str, str], Interruption] = {
    (JobKind.TRAIN, "outlook"): IN_ONE_PIECE,
    (JobKind.TRAIN, "clustering"): IN_ONE_PIECE,
    (JobKind.TRAIN, "script"): WHEN_IT_LOOKS,
    (JobKind.TRAIN, "image-classification"): AFTER_BATCHES,
    (JobKind.TRAIN, "anomaly"): AFTER_CANDIDATES,
    (JobKind.TRAIN, "regression"): AFTER_FOLDS,
    (JobKind.TRAIN, "classification"): AFTER_FOLDS,
    (JobKind.TRAIN, "recommendation"): AFTER_CANDIDATES,
}
"""Tasks that differ from their kind."""


def interruption(kind: JobKind, spec: JsonObject) -> Interruption:
    """Whether a job of this kind and specification can pause."""
    task = str(spec.get("task", ""))
    return BY_TASK.get((kind, task)) or BY_KIND.get(kind, IN_ONE_PIECE)
