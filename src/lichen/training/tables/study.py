"""What one training on a table works on: checked rows, a target, and how they are split."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.giveaways import copies
from lichen.data.schema import missing_column
from lichen.evaluation.splits import (
    Fold,
    Positions,
    SplitKind,
    check_folds,
    folds_of,
    forward_folds,
    spread_again,
)
from lichen.protocol.training import ClassificationTraining, TableTraining
from lichen.training.splitting import (
    Sides,
    balanced_weights,
    part_for_test,
    positions_by,
    split_kind,
)
from lichen.training.tables.columns import Plan, plan_columns
from lichen.training.tables.measure import named_metric
from lichen.training.tables.rows import RawRows
from lichen.training.tables.target import Target, class_target, number_target

FEWEST_A_FOLD = 4
LARGE_ROWS = 4_000
FOLDS, FOLDS_OF_LARGE = 5, 3
"""Of many rows fewer folds tell as much, for fewer joules."""


@dataclass(frozen=True, slots=True)
class Study:
    """Rows, target and splits of one training.

    Attributes:
        asked: what was asked for.
        rows: those whose target is there.
        target: of each row.
        weights: of each row, mean 1; None: all alike.
        positions: where each row stands, 0 to 1, for folds and parts.
        kind: how the rows are split.
        plan: how each column is used.
        metric: what is chosen by.
        notes: what was left out, and why, a sentence each.
    """

    asked: TableTraining
    rows: RawRows
    target: Target
    weights: NDArray[np.float64] | None
    positions: Positions
    kind: SplitKind
    plan: Plan
    metric: str
    notes: tuple[str, ...]

    def at(self, rows: NDArray[Any]) -> "Study":
        """The same of some of the rows."""
        return Study(
            self.asked,
            self.rows.at(rows),
            self.target.at(rows),
            None if self.weights is None else self.weights[rows],
            spread_again(self.positions[rows]),
            self.kind,
            self.plan,
            self.metric,
            self.notes,
        )

    def test(self) -> Fold:
        """Rows to search and fit on, and rows to score on once; none where none are held out."""
        return part_for_test(self.positions, self.asked.test_share, 2 * FEWEST_A_FOLD)

    def folds(self) -> tuple[Fold, ...]:
        """Splits to score on, and to choose by.

        Raises:
            InvalidInput: there are fewer rows than folds.
        """
        count = self.fold_count
        if self.kind is SplitKind.TIME:
            return forward_folds(self.positions, count)
        return folds_of(self.positions, count)

    def copies(self) -> NDArray[np.int64]:
        """For each row the first one that a model cannot tell from it: equal in all it is shown."""
        shown = [self.rows.columns[one.name] for one in self.plan.columns]
        return copies([*shown, self.target.values])

    @property
    def fold_count(self) -> int:
        """As many as were asked for, or as tell enough."""
        rows = len(self.rows)
        if self.asked.cv is not None:
            check_folds(self.asked.cv, rows)
            return self.asked.cv
        usual = FOLDS_OF_LARGE if rows >= LARGE_ROWS else FOLDS
        if self.kind is SplitKind.GROUPED:
            usual = min(usual, len(np.unique(self.positions)))
        return max(2, min(usual, rows // FEWEST_A_FOLD))

    def fingerprint(self) -> str:
        """Names the task and its data: a checkpoint of another is of no use."""
        digest = sha256(msgspec.json.encode(self.asked))
        for name, column in self.rows.columns.items():
            digest.update(name.encode())
            whole = b"\0".join(column) if self.rows.is_text(name) else column.tobytes()
            digest.update(whole)
        digest.update(self.target.values.tobytes())
        return digest.hexdigest()


def study_of(asked: TableTraining, rows: RawRows) -> Study:
    """The study of a dataset's rows.

    Raises:
        InvalidInput: the rows or what is asked cannot be trained on; one sentence says why.
    """
    for name in _named(asked):
        if name not in rows.columns:
            raise InvalidInput(missing_column(name, rows.names))
    _check_parts(asked)
    is_classes = isinstance(asked, ClassificationTraining)
    metric = named_metric(asked.metric, is_classes=is_classes)
    target, there = (class_target if is_classes else number_target)(rows, asked.target)
    missing = int((~there).sum())
    notes = [f"{missing} rows left out: no usable target {asked.target!r}"] if missing else []
    kept = rows.at(there)
    weights = _weights(asked, kept, target)
    sides = _sides(asked, kept, target)
    kind = kind_of(asked, kept, sides)
    plan = plan_columns(kept, _features(asked, kept))
    notes += [f"column {name!r} left out: it {why}" for name, why in plan.left_out.items()]
    known = Study(asked, kept, target, weights, np.empty(0), kind, plan, metric, tuple(notes))
    return replace(known, positions=_positions(known, sides))


def kind_of(asked: TableTraining, rows: RawRows, sides: Sides) -> SplitKind:
    """As asked for, or as the data call for: by group, by time, by class, or anyhow."""
    is_classes = isinstance(asked, ClassificationTraining)
    usual = SplitKind.STRATIFIED if is_classes else SplitKind.RANDOM
    if rows.times is not None and rows.time_column not in asked.exclude:
        usual = SplitKind.TIME
    return split_kind(asked.split, sides, usual)


def _sides(asked: TableTraining, rows: RawRows, target: Target) -> Sides:
    groups = None if asked.group is None else rows.columns[asked.group]
    if groups is not None and rows.is_text(str(asked.group)):
        groups = np.array([str(one) for one in groups])
    return Sides(target=target.values, groups=groups, times=rows.times)


def _named(asked: TableTraining) -> list[str]:
    single = [name for name in (asked.target, asked.weight, asked.group) if name is not None]
    return [*single, *(asked.features or []), *asked.exclude]


def _check_parts(asked: TableTraining) -> None:
    """A column has one part to play: no target is a feature, nothing is both used and banned.

    Raises:
        InvalidInput: which column has two, and how they are called.
    """
    parts = {
        "target": [asked.target],
        "weight": [asked.weight] if asked.weight is not None else [],
        "group": [asked.group] if asked.group is not None else [],
        "features": asked.features or [],
        "exclude": asked.exclude,
    }
    for one, other in _CLASHES:
        both = [name for name in parts[one] if name in parts[other]]
        if both:
            raise InvalidInput(
                f"column {both[0]!r} is named as {one} and as {other}: leave it out of one"
            )


_CLASHES = (
    ("target", "features"),
    ("target", "exclude"),
    ("target", "weight"),
    ("target", "group"),
    ("features", "exclude"),
    ("features", "weight"),
    ("features", "group"),
)
"""Parts that no column plays both of; `exclude` of a weight or a group only says it again."""


def _features(asked: TableTraining, rows: RawRows) -> list[str]:
    apart = {asked.target, asked.weight, asked.group, *asked.exclude}
    return [name for name in asked.features or rows.names if name not in apart]


def _positions(study: Study, sides: Sides) -> Positions:
    made = positions_by(study.kind, sides, study.asked.seed)
    if study.kind in (SplitKind.RANDOM, SplitKind.STRATIFIED):
        return made[study.copies()]  # copies of a row stay on its side
    return made


def _weights(asked: TableTraining, rows: RawRows, target: Target) -> NDArray[np.float64] | None:
    """Of the rows: what a column says times what balances the classes; their mean is 1."""
    made = _said_weights(asked, rows)
    if isinstance(asked, ClassificationTraining) and asked.class_weight == "balanced":
        numbers = target.values.astype(np.int64)
        made = balanced_weights(numbers, made, target.classes)
    return None if made is None else made / made.mean()


def _said_weights(asked: TableTraining, rows: RawRows) -> NDArray[np.float64] | None:
    if asked.weight is None:
        return None
    if rows.is_text(asked.weight):
        raise InvalidInput(f"weight column {asked.weight!r} holds text: name one of numbers")
    found = rows.columns[asked.weight]
    wrong = np.flatnonzero(~(found >= 0))
    if len(wrong):
        said = found[wrong[0]]
        raise InvalidInput(
            f"weight column {asked.weight!r} holds {said:g} in {len(wrong)} rows: weights are "
            "numbers from 0 on in every row; correct them, or name another column"
        )
    if not found.any():
        raise InvalidInput(f"weight column {asked.weight!r} is 0 in every row: nothing would count")
    return np.asarray(found, dtype=np.float64)
