"""Rows kept aside to see when boosting should end."""

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimators.rows import Rows

Places = NDArray[np.int64]


def parted(rows: Rows, share: float, seed: int) -> tuple[Places, Places]:
    """Places of rows to fit on, and of those kept aside: `share` of each class, or of all.

    Every class keeps a row at least among those to fit on.
    """
    random = np.random.default_rng(seed)
    if not rows.present:
        order = random.permutation(len(rows.target))
        aside = order[: round(share * len(order))]
    else:
        each = []
        for place in range(len(rows.present)):
            members = random.permutation(np.flatnonzero(rows.target == place))
            each.append(members[: min(round(share * len(members)), len(members) - 1)])
        aside = np.concatenate(each)
    is_aside = np.zeros(len(rows.target), dtype=np.bool_)
    is_aside[aside] = True
    return np.flatnonzero(~is_aside), np.flatnonzero(is_aside)
