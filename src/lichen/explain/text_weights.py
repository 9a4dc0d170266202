"""Exact shares of words, of models that are a weighted sum of TF-IDF terms in the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Floats, chosen
from lichen.explain.asking import Found, label_of, row_of
from lichen.explain.explainer import Explainer, LoadedVersion, Wishes
from lichen.explain.margins import Margin, margin_of
from lichen.explain.spans import shown_words
from lichen.explain.texts import (
    TextColumn,
    has_other_columns,
    left_out_explainer,
    parts_of_text,
    parts_words,
    text_columns_of,
)
from lichen.explain.words import TermWeights, word_shares
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.pipeline.declaration import Classes, Words
from lichen.pipeline.encoding import Encoding, width_of
from lichen.pipeline.words import WordsEncoding
from lichen.protocol.explaining import Explanation, Part

EXACT = "token-weights"
MOST_FEATURES = 4096
"""Of a core whose weights are found by asking about one feature at a time."""
LINEAR_TO = 1e-4
_TRIED_ROWS = 8
_SEED = 20260122


@dataclass(frozen=True, slots=True)
class LinearCore:
    """`features @ weights + bias`, as a core was found to be; and the core itself."""

    weights: Floats
    bias: Floats
    served: OnnxPredictor
    encoding: Encoding

    def raw(self, row: Batch) -> Floats:
        """What the core says of a row."""
        return _said(self.served, self.encoding.encode(row.arrays))


def text_explainer(version: LoadedVersion) -> Explainer | None:
    """Of models that take texts alone: exact shares where there are such, else words left out."""
    if not text_columns_of(version) or has_other_columns(version):
        return None
    return exact_explainer(version) or left_out_explainer(version)


def exact_explainer(version: LoadedVersion) -> "ExactExplainer | None":
    """It fits pipelines of TF-IDF terms with a linear core."""
    pipeline = version.pipeline
    if pipeline is None or not isinstance(pipeline.head, Classes):
        return None
    words = [one for one in pipeline.encoders if isinstance(one, Words)]
    is_summed = all(one.projection is None or not one.is_directed for one in words)
    if len(words) < len(pipeline.encoders) or not words or not is_summed:
        return None
    encoding = Encoding(pipeline, version.arrays)
    core = _core_of(OnnxPredictor(version.files[MODEL_FILE]), encoding)
    if core is None or margin_of(pipeline.head, len(core.bias), 0) is None:
        return None
    return ExactExplainer(version, pipeline.head, words, core)


def _core_of(served: OnnxPredictor, encoding: Encoding) -> LinearCore | None:
    """The weights of the core, where it is linear: on zeros, on each feature alone, and tried."""
    width = encoding.width
    if width > MOST_FEATURES:
        return None
    random = np.random.default_rng(_SEED)
    tried = random.standard_normal((_TRIED_ROWS, width)).astype(np.float32)
    asked = np.concatenate([np.zeros((1, width), np.float32), np.eye(width, dtype=np.float32)])
    raw = _said(served, np.concatenate([asked, tried]))
    bias, weights = raw[0], raw[1 : width + 1] - raw[0]
    off = np.abs(raw[width + 1 :] - tried.astype(np.float64) @ weights - bias)
    is_linear = off.max() <= LINEAR_TO * (1 + np.abs(raw).max())
    return LinearCore(weights, bias, served, encoding) if is_linear else None


def _said(served: OnnxPredictor, features: NDArray[np.float32]) -> Floats:
    answers = served.predict(Batch({served.signature.inputs[0].name: features}))
    return np.asarray(next(iter(answers.values())), dtype=np.float64).reshape(len(features), -1)


class ExactExplainer:
    """Parts the log-odds of a class over the words of a text."""

    most_rows = 64

    def __init__(
        self, version: LoadedVersion, head: Classes, encoders: Sequence[Words], core: LinearCore
    ) -> None:
        self._version, self._head, self._core = version, head, core
        self._columns = text_columns_of(version)
        self._blocks = _blocks(version, encoders, core)

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        found = [self._row(row_of(rows, at), wishes) for at in range(rows.rows)]
        return Explanation(
            method=EXACT,
            space="log-odds",
            sums_to="base and contributions sum to the log-odds of the class: the logarithm of its "
            "probability less the mean of the others'",
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            notes=["exact for this text: its terms are weighed together, to unit length"],
            model_runs=rows.rows,
        )

    def _row(self, row: Batch, wishes: Wishes) -> Found:
        wishes.deadline.check()
        output = self._output(row, wishes)
        margin = margin_of(self._head, len(self._core.bias), output)
        if margin is None:
            raise InvalidInput("this model's answer has no margin that words share in")
        parts: list[Part] = []
        shares: list[Floats] = []
        rest = 0.0
        for column in self._columns:
            told, each, left = self._column(column, row, margin)
            parts += told
            shares.append(each)
            rest += left
        if rest:
            parts.append(Part("between the words"))
            shares.append(np.array([rest]))
        return Found(
            parts,
            [self._head.labels[output]],
            np.concatenate(shares)[:, None],
            margin.of(self._core.bias[None]),
            margin.of(self._core.raw(row)),
        )

    def _column(
        self, column: TextColumn, row: Batch, margin: Margin
    ) -> tuple[list[Part], Floats, float]:
        text = column.text(row)
        words = shown_words(text, parts_words(self._version, text))
        blocks = [
            TermWeights(one.said, one.encoding, one.weights @ margin.towards[:, None])
            for one in self._blocks
            if one.said.column == column.name
        ]
        found = word_shares(blocks, text, words)
        parts = parts_of_text(column.name, text, words)
        return parts, found.shares[:, 0], float(found.rest[0])

    def _output(self, row: Batch, wishes: Wishes) -> int:
        wanted = wishes.output
        if wanted is None:
            wanted = label_of(self._version.predictor.predict(row))
        return chosen(self._head.labels, wanted)[0]


def _blocks(
    version: LoadedVersion, encoders: Sequence[Words], core: LinearCore
) -> list[TermWeights]:
    """Each encoder's terms, with what each counts for the core's columns."""
    found, start = [], 0
    for said in encoders:
        width = width_of(said, version.arrays)
        own = core.weights[start : start + width]
        projection = None
        if said.projection is not None:
            projection = version.arrays[said.projection].astype(np.float32, copy=False)
            own = projection.astype(np.float64) @ own
        found.append(TermWeights(said, WordsEncoding(said, 0, projection), own))
        start += width
    return found
