"""What LightGBM and XGBoost are asked in the same words: when to end, on which rows, for what."""

from dataclasses import dataclass

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Settings
from lichen.frameworks.estimators.parting import Places, parted
from lichen.frameworks.estimators.rows import Rows, number_in, quantile_in, whole_in

LARGEST_WORK = 20_000_000_000
"""Rows x features x trees x classes: growing more takes minutes."""
_REFITTED_UNDER = 5000
_FEWEST_ROWS = 40
"""Of fewer rows none are kept aside: what they would say is chance."""

SHARED = ("trees", "learning_rate", "patience", "held_out", "monotone", "quantile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to boost.

    Attributes:
        trees: at most, of each class.
        learning_rate: what each tree counts.
        patience: trees without a better score, after which boosting ends; 0: it never does.
        fitted, aside: places of the rows to fit on and to score on; `aside` empty without patience.
        is_refitted: whether as many trees are then grown on all rows.
        monotone: for each feature 1, 0 or -1; empty: no constraint.
        quantile: of the target to predict; None: its mean.
    """

    trees: int
    learning_rate: float
    patience: int
    fitted: Places
    aside: Places
    is_refitted: bool
    monotone: tuple[int, ...]
    quantile: float | None


def planned(rows: Rows, settings: Settings, seed: int, name: str) -> Plan:
    """The plan that the settings make.

    Raises:
        InvalidInput: a setting is no good, or it would take minutes.
    """
    trees = whole_in(settings, "trees", 300)
    if rows.features.size * trees * rows.fitted_outputs > LARGEST_WORK:
        raise InvalidInput(
            f"{name} on {len(rows.target)} rows of {rows.features.shape[1]} features with {trees} "
            f"trees of {rows.fitted_outputs} outputs takes minutes: give fewer trees, or features"
        )
    patience = whole_in(settings, "patience", 20, 0)
    share = number_in(settings, "held_out", 0.15)
    if share >= 1:
        raise InvalidInput(f"setting held_out is {share:g}: give a share under 1")
    everything = np.arange(len(rows.target))
    fitted, aside = everything, everything[:0]
    if patience and share and len(everything) >= _FEWEST_ROWS:
        fitted, aside = parted(rows, share, seed)
    return Plan(
        trees=trees,
        learning_rate=number_in(settings, "learning_rate", 0.1, 1e-6),
        patience=patience,
        fitted=fitted,
        aside=aside,
        is_refitted=len(everything) < _REFITTED_UNDER,
        monotone=monotone_signs(settings, rows.features.shape[1]),
        quantile=quantile_in(settings, rows),
    )


def monotone_signs(settings: Settings, width: int) -> tuple[int, ...]:
    """Constraints written as `1,0,-1`; empty: none.

    Raises:
        InvalidInput: they are written otherwise, or are not one for each feature.
    """
    said = str(settings.get("monotone", ""))
    if not said:
        return ()
    signs = tuple(said.replace(" ", "").split(","))
    if len(signs) != width or not set(signs) <= {"1", "0", "-1"}:
        raise InvalidInput(
            f"setting monotone is {said!r}: give 1, 0 or -1 for each of {width} features, "
            "parted by commas"
        )
    return tuple(int(one) for one in signs)
