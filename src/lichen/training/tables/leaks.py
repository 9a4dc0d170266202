"""Refuse the classic mistakes: rows on both sides of a split, and columns that know the answer."""

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.data.giveaways import class_giveaways, foreseeing, number_giveaways
from lichen.evaluation.splits import SplitKind
from lichen.training.tables.study import Study

MOST_COPIES = 0.05
"""Share of the rows that may be copies of others; so few change no score, and stay together."""

ALLOW = "--allow-leakage says that it will be so as well when the model is asked"


def refuse_leaks(study: Study) -> None:
    """Refuse a study whose scores would be too good to be true.

    Raises:
        InvalidInput: which mistake it is, where, and what to do.
    """
    _refuse_shuffled_time(study)
    _refuse_giveaways(study)
    if study.kind in (SplitKind.RANDOM, SplitKind.STRATIFIED):
        _refuse_copies(study)


def _refuse_shuffled_time(study: Study) -> None:
    time = study.rows.time_column
    is_shuffled = study.kind in (SplitKind.RANDOM, SplitKind.STRATIFIED)
    if time is None or not is_shuffled or time in study.asked.exclude:
        return
    raise InvalidInput(
        f"the rows are in order of time ({time!r}) and split {study.kind.value}: rows would be "
        "scored by models that know their neighbours and their future; split by time, or "
        f"--exclude {time!r} where rows do not depend on each other ({ALLOW})"
    )


def _refuse_giveaways(study: Study) -> None:
    columns = {one.name: study.rows.columns[one.name] for one in study.plan.columns}
    values = study.target.values
    is_classes = study.target.classes > 0
    found = (class_giveaways if is_classes else number_giveaways)(columns, values)
    if study.kind is SplitKind.TIME and study.rows.times is not None and not is_classes:
        order = np.argsort(study.rows.times, kind="stable")
        found += foreseeing({name: one[order] for name, one in columns.items()}, values[order])
    if found:
        first = found[0]
        more = f", as do {', '.join(repr(one.column) for one in found[1:4])}" if found[1:] else ""
        raise InvalidInput(
            f"column {first.column!r} gives the target {study.target.name!r} away: {first.how}"
            f"{more}; it was made from the target, or is known only after it: leave it out with "
            f"--exclude {first.column!r} ({ALLOW})"
        )


def _refuse_copies(study: Study) -> None:
    first = study.copies()
    copied = int(np.count_nonzero(first != np.arange(len(first))))
    if copied > MOST_COPIES * len(first):
        raise InvalidInput(
            f"{copied} of {len(first)} rows are copies of others, so the same rows would stand on "
            "both sides of the split: remove the copies, or name the column of what they belong "
            f"to with --group ({ALLOW})"
        )
