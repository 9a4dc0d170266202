"""Integrated gradients of networks, over the ONNX graph of their core."""

from dataclasses import dataclass, replace

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Floats
from lichen.explain.asking import Found, row_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.integrated import MOST_GRADIENTS, Integrated, integrated
from lichen.explain.margins import Margin, margin_of
from lichen.explain.network_inputs import NetworkInputs, inputs_of
from lichen.frameworks.gradients.differentiable import Differentiable, NoGradient, differentiable
from lichen.frameworks.onnx import MODEL_FILE
from lichen.pipeline.declaration import Classes, Groups, Heads
from lichen.pipeline.heads import answering
from lichen.protocol.explaining import Explanation

INTEGRATED = "integrated-gradients"
LARGEST_BYTES = 64 * 2**20
"""Of a model: in NumPy a larger one takes minutes. Occlusion explains it."""
LEAST_GRADIENTS = 32
AGREES = 1e-3
"""How far the graph in NumPy may be from what is served."""


def integrated_explainer(version: LoadedVersion) -> "IntegratedExplainer | None":
    """It fits a network of one input whose operators all have a gradient here."""
    found = _differentiated(version)
    return found if isinstance(found, IntegratedExplainer) else None


def why_no_gradient(version: LoadedVersion) -> str:
    """Why integrated gradients do not fit a version: one clause; empty where they do."""
    found = _differentiated(version)
    return found.reason if isinstance(found, NoGradient) else ""


def _differentiated(version: LoadedVersion) -> "IntegratedExplainer | NoGradient":
    content = version.files.get(MODEL_FILE, b"")
    if not 0 < len(content) <= LARGEST_BYTES:
        return NoGradient(f"the model is no {MODEL_FILE} of up to {LARGEST_BYTES >> 20} MiB")
    taken = inputs_of(version)
    if taken is None:
        return NoGradient("what it takes is no tensor of numbers")
    return _of(version, taken, content)


def _of(
    version: LoadedVersion, taken: NetworkInputs, content: bytes
) -> "IntegratedExplainer | NoGradient":
    """Of a graph whose gradient is known, and that is all of what is served."""
    example = version.predictor.example(1)
    features = taken.features(example)
    core = differentiable(content, features)
    if isinstance(core, NoGradient):
        return core
    said = core.value(features.astype(np.float64))
    width = int(np.prod(said.shape[1:]))
    if margin_of(taken.head, width, 0) is None:
        return NoGradient("its answer is no weighted sum of what its core says")
    if not _agrees(said, taken.head, version.predictor.predict(example)):
        return NoGradient(f"what is served answers otherwise than {MODEL_FILE} alone")
    return IntegratedExplainer(version, taken, core, width)


def _agrees(said: Floats, head: Heads | None, answered: Batch) -> bool:
    """Whether what is served is what graph and head say: code of its own may do more."""
    if head is None:
        return _is_near(said, next(iter(answered.values())))
    meant = answering(head).answer(said.reshape(len(said), -1))
    numbers = {name: values for name, values in meant.items() if values.dtype.kind == "f"}
    return all(_is_near(values, answered[name]) for name, values in numbers.items())


def _is_near(meant: Array, served: Array) -> bool:
    is_alike = served.shape == meant.shape and served.dtype.kind == "f"
    return is_alike and bool(np.allclose(served, meant, rtol=AGREES, atol=AGREES))


@dataclass(frozen=True, slots=True)
class _Towards:
    """The scores of a margin and their gradients."""

    core: Differentiable
    margin: Margin

    def __call__(self, rows: Floats) -> tuple[Floats, Floats]:
        raw, slopes = self.core.gradients(rows, self.margin.slopes)
        return self.margin.of(raw), slopes


class IntegratedExplainer:
    """The way from a baseline to the row, and the gradients along it."""

    most_rows = 4

    def __init__(
        self, version: LoadedVersion, taken: NetworkInputs, core: Differentiable, width: int
    ) -> None:
        self._version, self._taken, self._core, self._width = version, taken, core, width
        self._names = _names(version, taken, width)

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        most = MOST_GRADIENTS if wishes.samples is None else wishes.samples
        if not LEAST_GRADIENTS <= most <= MOST_GRADIENTS:
            raise InvalidInput(
                f"samples is {most}: give {LEAST_GRADIENTS} to {MOST_GRADIENTS} gradients"
            )
        if wishes.background is None:
            wishes = replace(wishes, background=self._version.background)
        found = [self._row(row_of(rows, at), wishes, most) for at in range(rows.rows)]
        margin = self._margin(0)
        gap = max(one.gap for _, one in found)
        gradients = sum(one.gradients for _, one in found)
        return Explanation(
            method=INTEGRATED,
            space=margin.space,
            sums_to=_SUMS_TO[margin.space],
            largest_error=max(one.error for one, _ in found),
            rows=[one.told() for one, _ in found],
            notes=[
                self._taken.says(wishes),
                f"by {gradients} gradients on the way there the sums are within {gap:.1e}",
            ],
            model_runs=gradients,
        )

    def _row(self, row: Batch, wishes: Wishes, most: int) -> tuple[Found, Integrated]:
        features = self._taken.features(row).astype(np.float64)
        raw = self._core.value(features)
        output = self._output(raw, wishes)
        baseline = self._taken.baseline(row, wishes)
        towards = _Towards(self._core, self._margin(output))
        said = integrated(wishes.deadline.before_each(towards), features[0], baseline, most)
        parts, gathered = self._taken.parts(row, wishes)
        told = Found(
            parts,
            [self._names[output]],
            gathered(said.contributions)[:, None],
            np.array([said.base]),
            np.array([said.prediction]),
        )
        return told, said

    def _margin(self, output: int) -> Margin:
        found = margin_of(self._taken.head, self._width, output)
        if found is None:
            raise InvalidInput("this model's answer has no margin that gradients part")
        return found

    def _output(self, raw: Floats, wishes: Wishes) -> int:
        if wishes.output is None:
            margins = [self._margin(at).of(raw)[0] for at in range(len(self._names))]
            return int(np.argmax(margins))
        if wishes.output not in self._names:
            said = ", ".join(self._names[:20]) + (", ..." if len(self._names) > 20 else "")
            raise InvalidInput(f"output {wishes.output!r} is none of this model: there are {said}")
        return self._names.index(wishes.output)


_SUMS_TO = {
    "log-odds": "base and contributions sum to the log-odds of the class: the logarithm of its "
    "probability less the mean of the others'",
    "value": "base and contributions sum to the prediction",
    "logarithm": "base and contributions sum to the logarithm of the prediction",
    "score": "base and contributions sum to the output",
}


def _names(version: LoadedVersion, taken: NetworkInputs, width: int) -> list[str]:
    if isinstance(taken.head, Classes):
        return list(taken.head.labels)
    if isinstance(taken.head, Groups):
        return [f"cluster {at}" for at in range(width)]
    spec = version.predictor.signature.outputs[0]
    if spec.columns and len(spec.columns) == width:
        return list(spec.columns)
    return [spec.name] if width == 1 else [f"{spec.name}[{at}]" for at in range(width)]
