"""What explains a version, and what every explainer is given. New methods join in `methods.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from lichen.core.batch import Array, Batch
from lichen.core.deadline import NEVER, Deadline
from lichen.frameworks.base import Predictor
from lichen.pipeline.background import read_background
from lichen.pipeline.declaration import Pipeline
from lichen.pipeline.files import PIPELINE_FILE, read_pipeline
from lichen.protocol.explaining import Explanation


@dataclass(frozen=True, slots=True)
class Wishes:
    """How an explanation is wanted.

    Attributes:
        output: the name of the output, or the class, to explain; None: all.
        background: usual rows as the model takes them; None: those that the version keeps.
        samples: model answers a row at most; None: the method's own.
        seed: of whatever is drawn at random.
        baseline, patch, step, picture: see `ExplainOptions`.
        deadline: looked at before each part of the work.
    """

    output: str | None = None
    background: Batch | None = None
    samples: int | None = None
    seed: int = 0
    baseline: str | None = None
    patch: int | None = None
    step: int | None = None
    picture: str | None = None
    deadline: Deadline = NEVER


NO_WISHES = Wishes()


@dataclass(frozen=True)
class LoadedVersion:
    """A version in memory, as explainers see it.

    Attributes:
        predictor: takes raw rows; used by one thread at a time.
        files: of the version, by name: `model.onnx`, `pipeline.json`, ...
        compiled: folder of code that this machine compiled; None: nothing is compiled.
    """

    predictor: Predictor
    files: Mapping[str, bytes]
    compiled: Path | None = None

    @cached_property
    def pipeline(self) -> Pipeline | None:
        """What stands around its core; None where it has no pipeline."""
        return self._read[0]

    @cached_property
    def arrays(self) -> Mapping[str, Array]:
        """The large tables of its encoders."""
        return self._read[1]

    @cached_property
    def background(self) -> Batch | None:
        """Usual rows that the version keeps, as its predictor takes them; None where none."""
        return read_background(self.files)

    @cached_property
    def _read(self) -> tuple[Pipeline | None, Mapping[str, Array]]:
        if PIPELINE_FILE not in self.files:
            return None, {}
        return read_pipeline(self.files)


class Explainer(Protocol):
    """Explains the answers of one version by one method; made once, used by one thread at a time.

    An adapter is a function `(LoadedVersion) -> Explainer | None`, listed in `methods.py`; None
    says that the method does not fit the model.
    """

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """Why the version answers these rows as it does.

        Args:
            rows: inputs as the version's predictor takes them, at most `most_rows` of them.
            wishes: how it is wanted.

        Raises:
            InvalidInput: a wish does not fit the model; the message says what does.
            DeadlinePassed: the wishes' deadline passed before it was done.
            WorkFailed: the model failed on the rows.
        """
        ...

    @property
    def most_rows(self) -> int:
        """The most rows of one request: what takes long takes few."""
        ...


Makes = Callable[[LoadedVersion], Explainer | None]
