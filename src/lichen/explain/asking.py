"""What a version is asked about copies of one row, and which of its answers are explained."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.deadline import NEVER, Deadline
from lichen.core.errors import InvalidInput, LichenError
from lichen.explain.answers import Answers, Floats, answers_of, chosen
from lichen.explain.explainer import LoadedVersion
from lichen.frameworks.base import Predictor
from lichen.protocol.explaining import Attribution, ExplainedRow, Part

MOST_OUTPUTS = 100_000
LOG_ODDS = "log-odds"
_PREDICTION = "prediction"
_TRIED = 1
_LEAST = 1e-38
"""Of a probability whose logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a version's answers, in the space that they are explained in.

    Probabilities of classes are explained as log-odds, `ln p` less the mean `ln p` of the others:
    near 1 a probability hardly moves, whatever is taken from the row.

    Attributes:
        answers: which numbers.
        is_of_shares: whether they are probabilities that sum to 1.
    """

    answers: Answers
    is_of_shares: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs, or the classes."""
        return self.answers.names

    @property
    def space(self) -> str:
        """As `Explanation.space`."""
        return LOG_ODDS if self.is_of_shares else self.answers.space

    @property
    def unit(self) -> str | None:
        """Of the numbers."""
        return None if self.is_of_shares else self.answers.unit

    def of(self, outputs: Batch) -> Floats:
        """The numbers `(rows, names)` of what was answered."""
        values = self.answers.of(outputs)
        if not self.is_of_shares:
            return values
        logarithms = np.log(np.maximum(values, _LEAST))
        others = logarithms.sum(axis=1, keepdims=True) - logarithms
        return np.asarray(logarithms - others / (values.shape[1] - 1))


def numbers_of(version: LoadedVersion) -> Numbers | None:
    """The numbers of a version's answers; what its signature leaves open is found by trial."""
    said = answers_of(version.predictor.signature)
    try:
        outputs = version.predictor.predict(version.predictor.example(_TRIED))
    except LichenError:  # of open sides it is tried with the least, which few networks take
        return None if said is None else Numbers(said, is_of_shares=said.space == "probability")
    said = said or _found(outputs)
    if said is None:
        return None
    values = said.of(outputs)
    sums = values.sum(axis=1)
    is_of_shares = (
        values.shape[1] > 1 and values.min() >= 0 and bool(np.allclose(sums, 1, atol=1e-3))
    )
    return Numbers(said, is_of_shares)


def _found(outputs: Batch) -> Answers | None:
    """The first output of floats."""
    for name, values in outputs.items():
        width = prod(values.shape[1:])
        if values.dtype.kind == "f" and values.ndim and 0 < width <= MOST_OUTPUTS:
            names = (name,) if width == 1 else tuple(f"{name}[{at}]" for at in range(width))
            return Answers(name, names, "value")
    return None


@dataclass(slots=True)
class Asking:
    """Asks a model about copies of one row that differ in one tensor.

    Attributes:
        predictor: the model.
        answers: which numbers of its answers.
        row: the row, with every input.
        tensor: the one that differs.
        deadline: looked at each time before the model is asked.
        runs: copies that were asked about so far.
        label: the class that was answered to the first copy, where one was.
    """

    predictor: Predictor
    answers: Numbers
    row: Batch
    tensor: str
    deadline: Deadline = NEVER
    runs: int = field(default=0)
    label: str | None = None

    def __call__(self, copies: Array) -> Floats:
        """The numbers `(copies, outputs)`; asked together where the model lets rows be joined."""
        self.runs += len(copies)
        if self.predictor.joins_rows:
            return self._asked(copies)
        return np.concatenate([self._asked(copies[at : at + 1]) for at in range(len(copies))])

    def _asked(self, copies: Array) -> Floats:
        self.deadline.check()
        others = {
            name: values if len(copies) == 1 else np.repeat(values, len(copies), axis=0)
            for name, values in self.row.items()
            if name != self.tensor
        }
        outputs = self.predictor.predict(Batch({**others, self.tensor: copies}))
        if self.label is None:
            self.label = label_of(outputs, self.answers.names)
        return self.answers.of(outputs)

    def outputs(self, said: Floats, wanted: str | None) -> list[int]:
        """The output that was named; else the class that was answered, or the largest number.

        Raises:
            InvalidInput: no output is called so.
        """
        if wanted is None and self.label in self.answers.names:
            return [self.answers.names.index(self.label)]
        return [int(said.argmax())] if wanted is None else chosen(self.answers.names, wanted)


def label_of(outputs: Batch, names: Sequence[str] = ()) -> str | None:
    """The class that was answered to the first row; of a number of one of `names`, that."""
    answered = outputs.arrays.get(_PREDICTION)
    if answered is None or answered.ndim != 1:
        return None
    first = answered[0]
    if answered.dtype.kind == "i" and 0 <= first < len(names):
        return names[int(first)]  # a cluster: the nearest, which has not the largest distance
    if answered.dtype.kind != "O":
        return None
    return first if isinstance(first, str) else bytes(first).decode(errors="replace")


def row_of(rows: Batch, at: int) -> Batch:
    """One row of some."""
    return Batch({name: values[at : at + 1] for name, values in rows.items()})


def each_row(rows: Batch, predictor: Predictor, tensor: str) -> list[Batch]:
    """The rows, each alone; of a model that looks at all its inputs together, the whole.

    Raises:
        InvalidInput: there are several rows of such a model.
    """
    if predictor.joins_rows:
        return [row_of(rows, at) for at in range(rows.rows)]
    if len(rows.arrays[tensor]) != 1:
        raise InvalidInput("this model looks at its rows together: send one row to be explained")
    return [rows]


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
