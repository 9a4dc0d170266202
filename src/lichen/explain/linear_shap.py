"""Exact Shapley values of linear models: each feature's weight times how far it is from usual.

In closed form (Lundberg and Lee, 2017, corollary 1), in the space of the sum, before the link.
"""

import numpy as np

from lichen.core.batch import Batch
from lichen.explain.agreement import agrees
from lichen.explain.answers import Floats
from lichen.explain.attributed import Attributed, explanation
from lichen.explain.columns import parts_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.graph_stages import linear_within
from lichen.explain.staged import Outputs, Stages, outputs_of, stages_of
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_linear import LinearTables, read_linear
from lichen.protocol.explaining import Explanation

_FROM_ZERO = (
    "the base is what is answered where each feature is 0, as the model scales them: give a "
    "background to compare with usual rows"
)


def linear_explainer(version: LoadedVersion) -> "LinearExplainer | None":
    """It fits versions that are a weighted sum of features, and perhaps a link function."""
    content = version.files.get(MODEL_FILE)
    if content is None:
        return None
    return _alone(version, content) or _within(version, content)


def _within(version: LoadedVersion, content: bytes) -> "LinearExplainer | None":
    """Steps of the graph that each look at one raw column, then a weighted sum."""
    inner = linear_within(version, content)
    if inner is None:
        return None
    outputs = outputs_of(version, inner.tables.weights.shape[1], inner.tables.link)
    return None if outputs is None else LinearExplainer(version, *inner, outputs)


def _alone(version: LoadedVersion, content: bytes) -> "LinearExplainer | None":
    stages = stages_of(version)
    if stages is None:
        return None
    tables = read_linear(content, stages.width)
    outputs = None if tables is None else outputs_of(version, tables.weights.shape[1], tables.link)
    if tables is None or outputs is None:
        return None
    made = LinearExplainer(version, stages, tables, outputs)
    return made if agrees(version, made.sums, tables.link) else None


class LinearExplainer:
    """Values of the linear core of one version."""

    def __init__(
        self, version: LoadedVersion, stages: Stages, tables: LinearTables, outputs: Outputs
    ) -> None:
        self._version = version
        self._stages, self._tables, self._outputs = stages, tables, outputs

    @property
    def most_rows(self) -> int:
        """See `Explainer`."""
        return self._stages.most_rows(len(self._outputs.names))

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        columns, names, sign = self._outputs.chosen(wishes.output)
        usual, note = self._usual(wishes)
        features = self._stages.features(rows).astype(np.float64)
        weights = self._tables.weights[:, columns]
        found = (features - usual)[:, None, :] * weights.T
        scale, centre = sign * self._outputs.scale, sign * self._outputs.centre
        bias = self._tables.bias[columns]
        told = Attributed(
            names,
            (usual @ weights + bias) * scale + centre,
            self._stages.folded(found) * scale,
            (features @ weights + bias) * scale + centre,
        )
        parts = parts_of(self._stages.columns, rows)
        space, unit = self._outputs.space, self._outputs.unit
        return explanation(told, parts, "linear-shap", space, unit, [note, *self._outputs.notes])

    def sums(self, rows: Batch) -> Floats:
        """The sums `(rows, outputs)` of raw rows, before the link."""
        features = self._stages.features(rows).astype(np.float64)
        found: Floats = features @ self._tables.weights + self._tables.bias
        return found

    def _usual(self, wishes: Wishes) -> tuple[Floats, str]:
        """The features that rows are compared with."""
        background = wishes.background or self._version.background
        if background is None:
            return np.zeros(self._stages.width), _FROM_ZERO
        usual = self._stages.features(background).astype(np.float64)
        return usual.mean(axis=0), f"the base is the mean of {len(usual)} background rows"
