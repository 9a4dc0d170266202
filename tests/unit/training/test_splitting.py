import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.splits import SplitKind
from lichen.training.splitting import (
    Sides,
    balanced_weights,
    part_for_test,
    positions_by,
    split_kind,
)

TARGET = np.array([0, 0, 0, 1, 1, 0, 0, 0])
PLAIN = Sides(target=TARGET)
GROUPED = Sides(target=TARGET, groups=np.array([1, 1, 2, 2, 3, 3, 4, 4]))
TIMED = Sides(target=TARGET, times=np.arange(8))


def test_groups_that_are_named_are_kept_together_unless_said() -> None:
    assert split_kind(None, PLAIN, SplitKind.RANDOM) is SplitKind.RANDOM
    assert split_kind(None, GROUPED, SplitKind.RANDOM) is SplitKind.GROUPED
    assert split_kind("stratified", GROUPED, SplitKind.RANDOM) is SplitKind.STRATIFIED
    positions = positions_by(SplitKind.GROUPED, GROUPED, 0)
    assert len(set(zip(positions, [1, 1, 2, 2, 3, 3, 4, 4], strict=True))) == 4


@pytest.mark.parametrize("kind", ["grouped", "time"])
def test_rows_cannot_be_split_by_what_they_lack(kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"split '{kind}' needs"):
        split_kind(kind, PLAIN, SplitKind.RANDOM)


def test_the_newest_rows_are_held_out_in_order_of_time() -> None:
    fold = part_for_test(positions_by(SplitKind.TIME, TIMED, 0), 0.25, 2)
    assert (fold.fit.tolist(), fold.held.tolist()) == ([0, 1, 2, 3, 4, 5], [6, 7])


def test_too_few_rows_are_not_parted() -> None:
    positions = positions_by(SplitKind.RANDOM, PLAIN, 0)
    assert len(part_for_test(positions, 0.0, 100).fit) == 8
    for share, fewest in ((0.25, 7), (0.01, 1)):
        with pytest.raises(InvalidInput, match="say test_share 0"):
            part_for_test(positions, share, fewest)


def test_balanced_classes_count_alike_and_one_without_rows_changes_nothing() -> None:
    said = np.array([1.0, 2, 1, 1, 3, 1, 1, 1])
    weights = balanced_weights(TARGET, said, 3)
    assert weights.mean() == pytest.approx(1)
    assert weights[TARGET == 0].sum() == pytest.approx(weights[TARGET == 1].sum())
    assert weights[4] == pytest.approx(3 * weights[3])
