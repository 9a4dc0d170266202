"""Anomalies explained by what their detectors say themselves: what each column had to do with it.

The contributions are to the combined index of the statistics, each divided by its threshold (Yue
and Qin, 2001), and come with the answer: an explanation costs a prediction.
"""

import numpy as np

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.explain.asking import Found, row_of
from lichen.explain.columns import Column, columns_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.pipeline.declaration import Alarm
from lichen.protocol.explaining import Explanation, Part

ALARM = "alarm-contributions"
_INDEX = "combined index"
_SCORE, _CONTRIBUTION = "score", "contribution"


def alarm_explainer(version: LoadedVersion) -> "AlarmExplainer | None":
    """It fits detectors that answer contributions."""
    head = None if version.pipeline is None else version.pipeline.head
    if not isinstance(head, Alarm) or not head.columns:
        return None
    return AlarmExplainer(version, head)


class AlarmExplainer:
    """Tells the contributions that are answered."""

    most_rows = 256

    def __init__(self, version: LoadedVersion, head: Alarm) -> None:
        self._predictor, self._head = version.predictor, head
        self._columns = columns_of(version.predictor.signature) or ()

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        if wishes.output not in (None, _INDEX):
            raise InvalidInput(f"output {wishes.output!r} is none of this model: there is {_INDEX}")
        said = self._predictor.predict(rows)
        scores = said[_SCORE].astype(np.float64).sum(axis=1)
        shares = said[_CONTRIBUTION].astype(np.float64)
        found = [
            Found(
                self._parts(row_of(rows, at)),
                [_INDEX],
                shares[at][:, None],
                np.zeros(1),
                scores[at : at + 1],
            )
            for at in range(rows.rows)
        ]
        statistics = ", ".join(self._head.statistics)
        return Explanation(
            method=ALARM,
            space="score",
            sums_to=f"base and contributions sum to the combined index: the sum of {statistics}, "
            "each divided by its threshold",
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            notes=["a row is an anomaly where a statistic alone is over its threshold"],
            model_runs=rows.rows,
        )

    def _parts(self, row: Batch) -> list[Part]:
        known: dict[str, Column] = {one.name: one for one in self._columns}
        return [
            Part(name, float(known[name].cells(row)[0]), known[name].unit)
            if name in known and row.arrays[known[name].tensor].dtype.kind == "f"
            else Part(name)
            for name in self._head.columns
        ]
