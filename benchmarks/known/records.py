"""From answers to what is judged: the requests of known cost among them."""

from collections.abc import Mapping

import numpy as np

from known.asking import Answers
from known.judging import Charged


def charged(answers: Answers, nj_per_row: Mapping[str, float]) -> Charged:
    """The requests to the models whose rows are known to cost so many nanojoules.

    A kind is what is asked of which model, whoever asks.
    """
    models = list(nj_per_row)
    asked = [one for _, one in answers.kinds]
    kinds = list(dict.fromkeys(asked))
    of_kind = np.array([
        models.index(one.deployment) if one.deployment in nj_per_row else -1 for one in asked
    ])  # fmt: skip
    known = np.array([nj_per_row.get(one.deployment, 0.0) * one.rows for one in asked])
    kind = np.array(answers.kind)
    is_judged = of_kind[kind] >= 0
    return Charged(
        of_kind[kind][is_judged],
        np.array([kinds.index(one) for one in asked])[kind][is_judged],
        known[kind][is_judged],
        np.array(answers.nj, dtype=np.float64)[is_judged],
        np.array(answers.began_ns)[is_judged],
        np.array(answers.ended_ns)[is_judged],
    )
