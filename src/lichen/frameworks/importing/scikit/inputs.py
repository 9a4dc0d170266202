"""Where raw columns come into a graph: tensors of numbers and texts, or what encoders made."""

from collections.abc import Mapping, Sequence

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.graph import Graph, Port
from lichen.frameworks.importing.scikit.tokens import TermsWanted
from lichen.pipeline.declaration import Codes, Encoders, Number, Tokens
from lichen.pipeline.encoding import width_of
from lichen.pipeline.signature import NUMBERS, TEXTS

FEATURES = "features"


class TensorInputs:
    """Doubles and texts as a request brings them: the graph takes them as they are."""

    def __init__(self, numbers: str = NUMBERS) -> None:
        """Take the name of the tensor of numbers."""
        self._name = numbers
        self._picks: list[tuple[str, tuple[int, ...]]] = []
        self._numbers: set[int] = set()
        self._texts: dict[int, str] = {}

    def numbers(self, graph: Graph, columns: Sequence[int]) -> str:
        """Columns of numbers, doubles `(rows, columns)`."""
        self._numbers.update(columns)
        places = graph.keep(np.zeros(len(columns), dtype=np.int64))  # known at the end
        self._picks.append((places, tuple(columns)))
        return graph.op("Gather", self._name, places, axis=1)

    def codes(self, graph: Graph, column: int, known: Mapping[str, int], other: int) -> str:
        """INT64 `(rows, 1)`: the number of each known text, `other` of any other."""
        if column not in self._texts:
            self._texts[column] = graph.keep(np.zeros(1, dtype=np.int64))
        text = graph.op("Gather", TEXTS, self._texts[column], axis=1)
        return graph.op(
            "LabelEncoder",
            text,
            keys_strings=list(known),
            values_int64s=list(known.values()),
            default_int64=other,
        )

    def terms(self, graph: Graph, said: Tokens) -> str:  # noqa: ARG002 - it raises
        """Texts are parted into terms before a graph: it is written anew over features."""
        raise TermsWanted

    def finish(self, graph: Graph) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The columns of the tensor of numbers, and of that of texts, in their order.

        Raises:
            InvalidInput: one is taken for both.
        """
        both = self._numbers & set(self._texts)
        if both:
            raise InvalidInput(
                f"column {min(both)} is taken for a number by one step and for a text by another: "
                "turn it into one of them first"
            )
        numbers, texts = sorted(self._numbers), sorted(self._texts)
        for name, columns in self._picks:
            graph.fill(name, np.array([numbers.index(one) for one in columns], dtype=np.int64))
        for column, name in self._texts.items():
            graph.fill(name, np.array([texts.index(column)], dtype=np.int64))
        return tuple(numbers), tuple(texts)

    def ports(self, numbers: Sequence[int], texts: Sequence[int]) -> list[Port]:
        """What the graph takes."""
        made = []
        if numbers:
            made.append(Port(self._name, Datatype.FP64, (-1, len(numbers))))
        if texts:
            made.append(Port(TEXTS, Datatype.BYTES, (-1, len(texts))))
        return made


class FeatureInputs:
    """Float32 features that the encoders of a pipeline of ours make of a row."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names of the raw columns."""
        self._names = names
        self._starts: dict[int, int] = {}
        self.encoders: list[Encoders] = []
        self.width = 0

    def numbers(self, graph: Graph, columns: Sequence[int]) -> str:
        """Columns of numbers, doubles `(rows, columns)`."""
        for column in columns:
            if column not in self._starts:
                said = Number(column=self._names[column], may_lack=True)
                self._starts[column] = self._added(said)
        places = [self._starts[column] for column in columns]
        return graph.cast(graph.op("Gather", FEATURES, places, axis=1), Datatype.FP64)

    def codes(self, graph: Graph, column: int, known: Mapping[str, int], other: int) -> str:
        """INT64 `(rows, 1)`: the number of each known text, `other` of any other."""
        start = self._added(
            Codes(
                column=self._names[column],
                may_lack="" in known,
                values=list(known),
                numbers=[float(one) for one in known.values()],
                other=float(other),
            )
        )
        return graph.cast(graph.column(FEATURES, start), Datatype.INT64)

    def terms(self, graph: Graph, said: Tokens) -> str:
        """A column of texts as its terms, doubles `(rows, terms)`."""
        start = self._added(said)
        places = np.arange(start, start + len(said.terms), dtype=np.int64)
        return graph.cast(graph.op("Gather", FEATURES, places, axis=1), Datatype.FP64)

    def ports(self) -> list[Port]:
        """What the graph takes."""
        return [Port(FEATURES, Datatype.FP32, (-1, self.width))]

    def _added(self, said: Encoders) -> int:
        start = self.width
        self.encoders.append(said)
        self.width += width_of(said)
        return start
