"""Any other tensor of floats explained by occlusion: stretches of it are covered in turn."""

from dataclasses import dataclass
from math import inf, prod

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import TensorSpec
from lichen.explain.asking import Asking, Found, Numbers, each_row, numbers_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.images import LOSSES, OCCLUSION, PictureExplainer, picture_explainer
from lichen.explain.occlusion import Region, occluded
from lichen.explain.patches import MEAN, MOST_PATCHES, ZERO
from lichen.forecasting.files import FORECAST_FILE
from lichen.protocol.explaining import Explanation, Part

MOST_SINGLE = 128
"""Numbers of a side that are covered one by one; of more, stretches of them are."""
BASELINES = (ZERO, MEAN)


def occlusion_explainer(version: LoadedVersion) -> "PictureExplainer | TensorExplainer | None":
    """Patches of pictures; stretches of any other tensor of floats that holds all the columns."""
    pictures = picture_explainer(version)
    if pictures is not None:
        return pictures
    is_encoded = version.pipeline is not None and bool(version.pipeline.encoders)
    inputs = version.predictor.signature.inputs
    is_parted = len(inputs) > 1 and any(one.columns for one in inputs)
    if FORECAST_FILE in version.files or is_encoded or is_parted:
        return None  # columns of the other tensors would be left out in silence
    spec = _largest(inputs)
    answers = None if spec is None else numbers_of(version)
    if spec is None or answers is None:
        return None
    return TensorExplainer(version, spec, answers)


def _largest(inputs: tuple[TensorSpec, ...]) -> TensorSpec | None:
    """The input of floats with the most numbers a row; what has no rows, as a state, is none."""
    floats = [
        one
        for one in inputs
        if (dtype := NUMPY_OF_DATATYPE.get(one.datatype)) is not None
        and dtype.kind == "f"
        and len(one.shape) > 1
        and one.shape[0] in (-1, 1)
    ]
    return max(floats, key=_numbers_a_row, default=None)


def _numbers_a_row(spec: TensorSpec) -> float:
    return inf if -1 in spec.shape[1:] else float(prod(spec.shape[1:]))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Some numbers in a row along the longest side of a row's tensor."""

    place: list[int]
    region: Region


class TensorExplainer:
    """Covers one stretch of a tensor after the other."""

    most_rows = 8

    def __init__(self, version: LoadedVersion, spec: TensorSpec, answers: Numbers) -> None:
        self._predictor, self._spec, self._answers = version.predictor, spec, answers

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        chosen = ZERO if wishes.baseline is None else wishes.baseline
        if chosen not in BASELINES:
            raise InvalidInput(
                f"baseline {chosen!r} is none of tensors: give {' or '.join(BASELINES)}"
            )
        found, runs = [], 0
        for row in each_row(rows, self._predictor, self._spec.name):
            asking = Asking(self._predictor, self._answers, row, self._spec.name, wishes.deadline)
            found.append(self._row(asking, wishes, is_mean=chosen == MEAN))
            runs += asking.runs
        return Explanation(
            method=OCCLUSION,
            space=self._answers.space,
            sums_to=LOSSES,
            largest_error=max(one.error for one in found),
            rows=[one.told() for one in found],
            unit=self._answers.unit,
            notes=[f"what is covered is {'the mean of the row' if chosen == MEAN else 'zero'}"],
            model_runs=runs,
        )

    def _row(self, asking: Asking, wishes: Wishes, *, is_mean: bool) -> Found:
        row = asking.row.arrays[self._spec.name][0]
        stretches = _stretches(row, wishes.patch)
        cover = np.full_like(row, row.mean() if is_mean else 0.0)
        lost = occluded(asking, row, cover, [one.region for one in stretches])
        outputs = asking.outputs(lost.prediction, wishes.output)
        return Found(
            [self._part(one, row) for one in stretches],
            [self._answers.names[at] for at in outputs],
            np.asarray(lost.drops[:, outputs]),
            lost.base[outputs],
            lost.prediction[outputs],
        )

    def _part(self, stretch: _Stretch, row: Array) -> Part:
        """A column where the tensor names them, else a place in it."""
        start, end = stretch.place
        if end - start > 1 or row.ndim > 1:
            return Part(self._spec.name, place=[start, end])
        columns = self._spec.columns
        name = columns[start] if start < len(columns) else f"{self._spec.name}[{start}]"
        return Part(name, float(row[start]), self._spec.unit)


def _stretches(row: Array, size: int | None) -> list[_Stretch]:
    """Stretches along the longest side.

    Raises:
        InvalidInput: the size fits the tensor badly.
    """
    side = int(np.argmax(row.shape))
    length = row.shape[side]
    each = -(-length // MOST_SINGLE) if size is None else size
    if not 1 <= each <= length or -(-length // each) > MOST_PATCHES:
        raise InvalidInput(
            f"stretches of {each} do not fit a side of {length}: give "
            f"{-(-length // MOST_PATCHES)} to {length}"
        )
    rest = (slice(None),) * side
    return [
        _Stretch([start, min(start + each, length)], (*rest, slice(start, start + each)))
        for start in range(0, length, each)
    ]
