"""Exact Shapley values of sums of trees, in the space of the sums (Lundberg et al., 2020).

Without a background they are path-dependent: what is not known of a row goes the ways that the
rows went on which the trees were grown. With one they are interventional: the mean over its rows.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, Unavailable
from lichen.explain.agreement import agrees
from lichen.explain.answers import Floats
from lichen.explain.attributed import Attributed, explanation
from lichen.explain.columns import parts_of
from lichen.explain.compiled_shap import CompiledShap
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.graph_stages import trees_within
from lichen.explain.grown import grown, sums_of
from lichen.explain.path_shap import PathShap, check_paths
from lichen.explain.staged import Outputs, Stages, outputs_of, stages_of
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_ensembles import EnsembleTables, read_ensemble
from lichen.frameworks.shap_kernel import shap_kernel
from lichen.protocol.explaining import Explanation

Singles = NDArray[np.float32]
MOST_USUAL_ROWS = 256
_ROWS_AT_ONCE = 8
"""Rows between two looks at the time."""
_MOST_FEATURES = 20_000
_FROM_COVER = "the base is the mean over the rows that the trees were grown on"


class _Values(Protocol):
    """Contributions and sums of rows of features; `CompiledShap` and `PathShap`."""

    def values(self, features: Singles) -> tuple[Floats, Floats]:
        """`(rows, targets, features)` and `(rows, targets)`."""
        ...


def tree_explainer(version: LoadedVersion) -> "TreeExplainer | None":
    """It fits versions that are a sum of trees, and perhaps a link function.

    Before the trees there may be encoders of ours, or steps of the graph that each look at one raw
    column.
    """
    content = version.files.get(MODEL_FILE)
    if content is None:
        return None
    inner = trees_within(version, content)
    if inner is None:
        return _alone(version, content)
    outputs = outputs_of(version, inner.tables.values.shape[1], inner.tables.link)
    return None if outputs is None else _made(version, *inner, outputs)


def _alone(version: LoadedVersion, content: bytes) -> "TreeExplainer | None":
    """A core that is trees from its input on."""
    stages = stages_of(version)
    if stages is None or stages.width > _MOST_FEATURES:
        return None
    tables = read_ensemble(content)
    if tables is None or not tables.looks_within(stages.width):
        return None
    outputs = outputs_of(version, tables.values.shape[1], tables.link)
    if outputs is None:
        return None
    made = _made(version, stages, tables, outputs)
    return made if made is not None and agrees(version, made.sums, tables.link) else None


def _made(
    version: LoadedVersion, stages: Stages, tables: EnsembleTables, outputs: Outputs
) -> "TreeExplainer | None":
    try:
        return TreeExplainer(version, stages, tables, outputs)
    except InvalidInput:
        return None  # no trees, or too large: sampling explains them


class TreeExplainer:
    """Values of the trees of one version."""

    def __init__(
        self, version: LoadedVersion, stages: Stages, tables: EnsembleTables, outputs: Outputs
    ) -> None:
        self._version = version
        self._stages, self._tables, self._outputs = stages, tables, outputs
        cover = np.ones(len(tables.tree)) if tables.cover is None else tables.cover
        self._trees = grown(tables, cover.astype(np.float64))
        if tables.cover is None:  # a background is all that they can be explained by
            check_paths(self._trees)
        self._paths: PathShap | None = None
        self._values = self._quickest(version)

    @property
    def most_rows(self) -> int:
        """See `Explainer`."""
        return self._stages.most_rows(len(self._outputs.names))

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        columns, names, sign = self._outputs.chosen(wishes.output)
        features = self._features(rows)
        found, sums, base, note = self._found(features, wishes)
        scale, centre = sign * self._outputs.scale, sign * self._outputs.centre
        told = Attributed(
            names,
            base[columns] * scale + centre,
            self._stages.folded(found[:, columns]) * scale,
            sums[:, columns] * scale + centre,
        )
        parts = parts_of(self._stages.columns, rows)
        space, unit = self._outputs.space, self._outputs.unit
        return explanation(told, parts, "tree-shap", space, unit, [note, *self._outputs.notes])

    def sums(self, rows: Batch) -> Floats:
        """The sums `(rows, targets)` of raw rows, before the link."""
        return sums_of(self._trees, self._features(rows))

    def _features(self, rows: Batch) -> Singles:
        return self._stages.features(rows).astype(np.float32, copy=False)

    def _found(self, features: Singles, wishes: Wishes) -> tuple[Floats, Floats, Floats, str]:
        background = wishes.background
        if background is None and self._tables.cover is None:
            background = self._version.background
        if background is not None:
            usual = self._features(background)
            if len(usual) > MOST_USUAL_ROWS:
                raise InvalidInput(
                    f"the background has {len(usual)} rows: give at most {MOST_USUAL_ROWS}"
                )
            check = wishes.deadline.check
            found, sums, base = self._leaf_paths().against(features, usual, check)
            return found, sums, base, f"the base is the mean of {len(usual)} background rows"
        if self._tables.cover is None:
            raise InvalidInput(
                "this version does not say what its trees were grown on: give usual rows as "
                "`background`, or import or train it again"
            )
        parts = [self._of_rows(part, wishes) for part in _by_rows(features)]
        found, sums = (np.concatenate(one) for one in zip(*parts, strict=True))
        return found, sums, self._trees.expected, _FROM_COVER

    def _of_rows(self, features: Singles, wishes: Wishes) -> tuple[Floats, Floats]:
        wishes.deadline.check()
        return self._values.values(features)

    def _leaf_paths(self) -> PathShap:
        if self._paths is None:
            self._paths = PathShap(self._trees, self._stages.width)
        return self._paths

    def _quickest(self, version: LoadedVersion) -> _Values:
        if version.compiled is not None:
            try:
                kernel = shap_kernel(version.compiled)
                return CompiledShap(self._trees, self._stages.width, kernel)
            except Unavailable:
                pass  # NumPy gives the same values, slower
        return self._leaf_paths()


def _by_rows(features: Singles) -> list[Singles]:
    """A few rows at a time."""
    return [features[at : at + _ROWS_AT_ONCE] for at in range(0, len(features), _ROWS_AT_ONCE)]
