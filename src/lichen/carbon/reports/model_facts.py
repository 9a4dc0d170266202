"""What a report has to know of one model version; whoever asks for the report looks it up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lichen.core.figures import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A version as its manifest and its training job tell it.

    `dataset` names the data version with its digest; `metadata` is the YAML of
    `co2_eq_emissions`, empty where no carbon is known.
    """

    model: str
    version: int
    created_at: datetime
    task: str
    algorithm: str
    code_version: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    inputs: str = ""
    outputs: str = ""
    dataset: str | None = None
    receipt: Receipt | None = None
    hardware: str | None = None
    origin: str | None = None
    job_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    metadata: str = ""

    @property
    def reference(self) -> str:
        """`NAME@V`."""
        return f"{self.model}@{self.version}"
