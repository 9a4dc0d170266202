"""Made-up rows for a trial: where estimators look, beside it, far away, and with gaps."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.frameworks.importing.scikit.categories import UNSEEN
from lichen.frameworks.importing.scikit.writing import Fitted, Writing

_SEED = 20261122
_TERMS_A_TEXT = 12
_MOST_ANCHORS = 4096
_MISSING_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class Drawn:
    """Columns of made-up rows, before they are tensors of ours or a table of scikit-learn's.

    Attributes:
        cells: of each raw column its cells: doubles, or texts of which "" is missing.
    """

    cells: Mapping[int, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How rows are drawn.

    Attributes:
        writing: what the estimators look at.
        numbers, texts: the raw columns of each kind.
        lacking: columns that may lack a value.
        is_rounded: whether numbers are those that float32 holds.
        is_positive: whether numbers are drawn without their sign.
        has_far: whether some lie far from all that the estimators look at.
    """

    writing: Writing
    numbers: Sequence[int]
    texts: Sequence[int]
    lacking: Set[int] = frozenset()
    is_rounded: bool = False
    is_positive: bool = False
    has_far: bool = True

    def drawn(self, rows: int) -> Drawn:
        """So many rows, the same at every call."""
        random = np.random.default_rng(_SEED)
        cells: dict[int, Array] = {}
        for column in (*self.numbers, *self.texts):
            is_text = column in self.texts
            found = (
                self._texts(column, rows, random)
                if is_text
                else self._numbers(column, rows, random)
            )
            if column in self.lacking:
                found = found.copy()
                gaps = random.random(rows) < _MISSING_SHARE
                gaps[: rows // 3] = False
                found[gaps] = "" if is_text else np.nan
            cells[column] = found
        return Drawn(cells)

    def _numbers(self, column: int, rows: int, random: np.random.Generator) -> Array:
        anchors = np.unique(np.array(self.writing.anchors.get(column, [0.0])))
        anchors = anchors[np.isfinite(anchors)]
        if len(anchors) > _MOST_ANCHORS:
            anchors = random.choice(anchors, _MOST_ANCHORS, replace=False)
        if column in self.writing.whole:
            return self._whole(column, anchors, rows, random)
        found = self._spread(anchors, rows, random)
        if self.is_rounded:
            found = found.astype(np.float32).astype(np.float64)
        return np.abs(found) if self.is_positive else found

    def _spread(
        self, anchors: NDArray[np.float64], rows: int, random: np.random.Generator
    ) -> NDArray[np.float64]:
        near = random.choice(anchors, rows)
        rounding = np.float32 if self.is_rounded else np.float64
        width = float(anchors.max() - anchors.min()) or max(1.0, float(np.abs(anchors).max()))
        beside = np.nextafter(
            near.astype(rounding), random.choice([-np.inf, np.inf], rows).astype(rounding)
        ).astype(np.float64)
        inside = random.uniform(anchors.min() - 0.2 * width, anchors.max() + 0.2 * width, rows)
        around = near + random.normal(0.0, 0.1 * width, rows)
        far = inside * random.choice([3.0, 10.0, 30.0], rows)
        kind = random.choice(6, rows, p=[0.15, 0.1, 0.35, 0.35, 0.05, 0.0])
        kind[kind == 4] = 4 if self.has_far else 2
        return np.select([kind == one for one in range(5)], [near, beside, inside, around, far])

    def _whole(
        self,
        column: int,
        anchors: NDArray[np.float64],
        rows: int,
        random: np.random.Generator,
    ) -> Array:
        """Numbers that are categories, and now and then one that is none of them."""
        found = random.choice(anchors, rows)
        if column not in self.writing.lacks_unknown:
            found[random.random(rows) < 0.05] = float(np.floor(anchors.max())) + 7.0
        return found

    def _texts(self, column: int, rows: int, random: np.random.Generator) -> Array:
        known = list(dict.fromkeys(self.writing.texts.get(column, []))) or [UNSEEN]
        found = np.empty(rows, dtype=np.object_)
        if column in self.writing.prose:
            found[:] = [_text(known, random) for _ in range(rows)]
            return found
        found[:] = [known[at] for at in random.integers(len(known), size=rows)]
        if column not in self.writing.lacks_unknown:
            found[random.random(rows) < 0.05] = UNSEEN
        return found


def _text(terms: Sequence[str], random: np.random.Generator) -> str:
    count = int(random.integers(1, _TERMS_A_TEXT))
    words = [terms[at] for at in random.integers(len(terms), size=count)]
    return " ".join(one.upper() if random.random() < 0.1 else one for one in words)


def as_fitted(fitted: Fitted, writing: Writing, drawn: Drawn) -> Any:  # noqa: ANN401 - pandas has no types
    """The rows as scikit-learn was given them: a data frame where it knows names of columns.

    Of vectorizers alone it is a list of texts.
    """
    if takes_texts(fitted):
        return list(drawn.cells[0])
    count = len(next(iter(drawn.cells.values())))
    columns = [_cells(drawn, writing, at, count) for at in range(len(writing.names))]
    known = getattr(fitted, "feature_names_in_", None)
    if known is not None:
        import pandas as pd

        return pd.DataFrame(dict(zip(known, columns, strict=True)))
    if all(one.dtype.kind == "f" for one in columns):
        return np.column_stack(columns)
    found = np.empty((count, len(columns)), dtype=np.object_)
    for at, column in enumerate(columns):
        found[:, at] = column
    return found


def takes_texts(fitted: Fitted) -> bool:
    """Whether a row is a text alone: vectorizers do not count features."""
    return not hasattr(fitted, "n_features_in_")


def drawn_for(writing: Writing, rows: int) -> Drawn:
    """Rows before it is known what the tensors are: what is no known text is a number."""
    texts = sorted(writing.texts)
    numbers = [at for at in range(len(writing.names)) if at not in writing.texts]
    return Drawing(
        writing=writing, numbers=numbers, texts=texts, is_positive=True, has_far=False
    ).drawn(rows)


def _cells(drawn: Drawn, writing: Writing, column: int, count: int) -> Array:
    found = drawn.cells.get(column)
    if found is None:
        return np.zeros(count)
    if found.dtype.kind != "O" or column in writing.prose:
        return found
    absent = None if column in writing.nones else np.nan
    cells = np.empty(count, dtype=np.object_)
    cells[:] = [absent if one == "" else one for one in found]
    return cells
