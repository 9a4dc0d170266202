"""Pictures explained by occlusion: what the answer loses when a patch is covered."""

import numpy as np

from lichen.core.batch import Batch
from lichen.explain.asking import Asking, Found, Numbers, each_row, numbers_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.occlusion import occluded
from lichen.explain.patches import MEAN, Layout, cover_of, layout_of, patches
from lichen.protocol.explaining import Explanation, Part

OCCLUSION = "occlusion"
LOSSES = (
    "each contribution is what the answer loses with that part alone covered, the base what is "
    "left with all covered: they need not sum"
)


def picture_explainer(version: LoadedVersion) -> "PictureExplainer | None":
    """It fits every model that takes pictures and answers numbers."""
    layout = layout_of(version.predictor.signature.inputs)
    if layout is None:
        return None
    answers = numbers_of(version)
    return None if answers is None else PictureExplainer(version, layout, answers)


class PictureExplainer:
    """Covers one patch of a picture after the other."""

    most_rows = 8

    def __init__(self, version: LoadedVersion, layout: Layout, answers: Numbers) -> None:
        self._predictor, self._layout, self._answers = version.predictor, layout, answers

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        found, runs = [], 0
        for row in each_row(rows, self._predictor, self._layout.tensor):
            asking = Asking(
                self._predictor, self._answers, row, self._layout.tensor, wishes.deadline
            )
            found.append(self._row(asking, wishes))
            runs += asking.runs
        return Explanation(
            method=OCCLUSION,
            space=self._answers.space,
            sums_to=LOSSES,
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            unit=self._answers.unit,
            notes=[f"covered patches show the picture's {wishes.baseline or MEAN}"],
            model_runs=runs,
        )

    def _row(self, asking: Asking, wishes: Wishes) -> Found:
        layout, tensor = self._layout, asking.row.arrays[self._layout.tensor]
        picture = tensor[0]
        squares = patches(*layout.sides(picture), wishes.patch)
        reach = max(1, (squares[0][2] - squares[0][0]) // 2)
        cover = cover_of(picture, layout, wishes.baseline, reach)
        lost = occluded(asking, picture, cover, [layout.region(place) for place in squares])
        outputs = asking.outputs(lost.prediction, wishes.output)
        return Found(
            [Part(layout.tensor, place=place) for place in squares],
            [self._answers.names[at] for at in outputs],
            np.asarray(lost.drops[:, outputs]),
            lost.base[outputs],
            lost.prediction[outputs],
        )
