"""What a version is asked about copies of one row, and which of its answers are explained."""

from dataclasses import dataclass, field
from math import prod

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.explain.answers import Answers, Floats, answers_of, chosen
from lichen.explain.explainer import LoadedVersion
from lichen.frameworks.base import Predictor
from lichen.protocol.explaining import Attribution, ExplainedRow, Part

MOST_OUTPUTS = 100_000
PROBABILITY = "probability"


def numbers_of(version: LoadedVersion) -> Answers | None:
    """The numbers of a version's answers; where its signature leaves their count open, by trial."""
    said = answers_of(version.predictor.signature)
    if said is not None:
        return said
    for name, values in version.predictor.predict(version.predictor.example(1)).items():
        width = prod(values.shape[1:])
        if values.dtype.kind == "f" and values.shape[:1] == (1,) and 0 < width <= MOST_OUTPUTS:
            names = (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))
            return Answers(name, names, "value")
    return None


def explained_outputs(answers: Answers, said: Floats, wanted: str | None) -> list[int]:
    """The output that was named; else the largest of what was answered `(outputs,)`.

    Raises:
        InvalidInput: no output is called so.
    """
    if wanted is None:
        return [int(said.argmax())]
    return chosen(answers.names, wanted)


@dataclass(slots=True)
class Asking:
    """Asks a model about copies of one row that differ in one tensor.

    Attributes:
        predictor: the model.
        answers: which numbers of its answers.
        row: the row, with every input.
        tensor: the one that differs.
        runs: copies that were asked about so far.
    """

    predictor: Predictor
    answers: Answers
    row: Batch
    tensor: str
    runs: int = field(default=0)

    def __call__(self, copies: Array) -> Floats:
        """The numbers `(copies, outputs)`; asked together where the model lets rows be joined."""
        self.runs += len(copies)
        if self.predictor.joins_rows:
            return self._asked(copies)
        return np.concatenate([self._asked(copies[at : at + 1]) for at in range(len(copies))])

    def _asked(self, copies: Array) -> Floats:
        others = {
            name: np.repeat(values, len(copies), axis=0)
            for name, values in self.row.items()
            if name != self.tensor
        }
        return self.answers.of(self.predictor.predict(Batch({**others, self.tensor: copies})))


def row_of(rows: Batch, at: int) -> Batch:
    """One row of some."""
    return Batch({name: values[at : at + 1] for name, values in rows.items()})


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one row: `names` of outputs, and of each base, prediction and shares.

    `contributions` is `(parts, outputs)`, `base` and `prediction` `(outputs,)`.
    """

    parts: list[Part]
    names: list[str]
    contributions: Floats
    base: Floats
    prediction: Floats

    @property
    def error(self) -> float:
        """How far the sums are from the predictions, at most."""
        off = self.base + self.contributions.sum(axis=0) - self.prediction
        return float(np.abs(off).max(initial=0.0))

    def told(self) -> ExplainedRow:
        """As it goes on the wire."""
        each = zip(
            self.names,
            self.base.tolist(),
            self.prediction.tolist(),
            self.contributions.T.tolist(),
            strict=True,
        )
        return ExplainedRow(self.parts, [Attribution(*one) for one in each])
