"""What comes out of a training, whatever its task."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lichen.core.tensors import Signature
from lichen.registry.manifest import Metric, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One algorithm that was tried.

    Attributes:
        algorithm: its name in the task's portfolio.
        score: what the task chooses by, on rows it was not fitted on.
        measure: what the score is of, such as `R2 error`.
        more_is_better: whether a larger score is the better one.
        skill: share of the guard's error that it avoids; None where there is no guard.
        nj_to_train: energy of all its trials and fits; None when the gauge read nothing (M5).
        nj_per_prediction: energy of one prediction as served, measured in the run; None when the
            gauge read nothing.
        parameters: what the search found for it.
        chosen: whether it is the model that was trained.
        is_efficient: no other candidate is better, cheaper to train and cheaper to ask: it stands
            on the Pareto front.
        sentence: why it was, or was not, chosen.
    """

    algorithm: str
    score: float
    measure: str
    more_is_better: bool = False
    skill: float | None = None
    nj_to_train: int | None = None
    nj_per_prediction: int | None
    parameters: Mapping[str, object]
    chosen: bool
    is_efficient: bool = True
    sentence: str


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained model, before the registry knows it.

    Attributes:
        algorithm: the candidate that was chosen.
        files: of the version; equal bytes for equal input.
        signature: what a deployment of it takes and gives, with units.
        metrics: scores of the chosen model, and of the guard.
        parameters: what was asked and what the search found.
        candidates: everything tried, cheapest first.
        details: what more the job says of its result, as JSON.
        provenance: of what another library trained: which, and how faithful its form here is.
    """

    algorithm: str
    files: Mapping[str, bytes]
    signature: Signature
    metrics: tuple[Metric, ...]
    parameters: Mapping[str, object]
    candidates: tuple[Candidate, ...]
    details: Mapping[str, object] = field(default_factory=dict)
    provenance: Provenance | None = None
