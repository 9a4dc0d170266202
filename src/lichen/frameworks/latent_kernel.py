"""A linear part and Gaussian kernels of latent directions, side by side in one core."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause
from lichen.frameworks.estimators.graph import Wire, model_of
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

Floats = NDArray[np.float64]
MOST_ROWS = 6_000
"""Of more a kernel machine takes minutes, and its core as long to answer."""

_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class KernelFit:
    """`exp(-gamma |z - s|^2) @ weights + bias` of directions `z`.

    Attributes:
        vectors: `(vectors, directions)`: rows that were fitted on.
        weights: `(vectors, outputs)`.
        bias: `(outputs,)`.
        gamma: how near counts as near.
    """

    vectors: Floats
    weights: Floats
    bias: Floats
    gamma: float

    def scores(self, directions: Floats) -> Floats:
        """`(rows, outputs)`."""
        far = -2 * directions @ self.vectors.T + np.square(self.vectors).sum(axis=1)
        far += np.square(directions).sum(axis=1, keepdims=True)
        return np.asarray(np.exp(-self.gamma * far) @ self.weights + self.bias)

    def scaled(self, share: float) -> "KernelFit":
        """Its scores times `share`."""
        return KernelFit(self.vectors, share * self.weights, share * self.bias, self.gamma)


def fit_kernel(
    directions: Floats,
    target: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    setting: tuple[float, float],
    pause: Pause,
) -> KernelFit:
    """A support vector machine of one class against the others, for each; of two classes once.

    Args:
        directions: `(rows, directions)`.
        target: numbers of classes.
        weights: of the rows.
        setting: `C` and gamma.
        pause: between classes.

    Raises:
        InvalidInput: there are too many rows.
    """
    from sklearn.svm import SVC

    if len(directions) > MOST_ROWS:
        raise InvalidInput(
            f"a kernel machine on {len(directions)} texts takes minutes: choose another algorithm"
        )
    loose, gamma = setting
    classes = int(target.max(initial=0)) + 1
    wanted = range(1, 2) if classes == 2 else range(classes)
    made, bias = np.zeros((len(directions), len(wanted))), []
    for column, each in enumerate(wanted):
        pause()
        model = SVC(C=loose, gamma=gamma).fit(directions, target == each, sample_weight=weights)
        made[model.support_, column] = model.dual_coef_[0]
        bias.append(float(model.intercept_[0]))
    used = np.flatnonzero(np.abs(made).sum(axis=1))
    return KernelFit(directions[used], made[used], np.array(bias), gamma)


@dataclass(frozen=True, slots=True)
class BlendedCore:
    """What terms say in sum, and what kernels of the latent directions of each block say.

    Its features are, block by block, the sums of the block's weights and then its directions,
    which are brought to unit length here.

    Attributes:
        outputs: how many sums stand before the directions of each block.
        directions: how many directions each block has.
        bias: `(outputs,)`.
        kernel: of the directions of all blocks, side by side.
    """

    outputs: int
    directions: Sequence[int]
    bias: Floats
    kernel: KernelFit
    link: str = "logit"

    def raw(self, features: NDArray[np.float32]) -> Floats:
        """`(rows, outputs)`."""
        rows = features.astype(np.float64)
        parts = [rows @ picked for picked in self._picked()]
        lengths = [np.sqrt(np.square(part).sum(axis=1, keepdims=True)) for part in parts]
        unit = [part / np.maximum(far, _LEAST) for part, far in zip(parts, lengths, strict=True)]
        said = self.kernel.scores(np.concatenate(unit, axis=1))
        return np.asarray(rows @ self._summed() + self.bias + said)

    def onnx(self) -> bytes:
        """The core as an ONNX model; it computes in float64."""
        kernel, placed = self.kernel, self._placed()
        wires: list[Wire] = [("Cast:DOUBLE", [INPUT], "rows")]
        for block in range(len(self.directions)):
            mark = f"_{block}"
            wires += [
                ("MatMul", ["rows", "picked" + mark], "part" + mark),
                ("ReduceSumSquare", ["part" + mark, "across"], "square" + mark),
                ("Sqrt", ["square" + mark], "far" + mark),
                ("Max", ["far" + mark, "least"], "length" + mark),
                ("Div", ["part" + mark, "length" + mark], "unit" + mark),
                ("MatMul", ["unit" + mark, "placed" + mark], "along" + mark),
                ("ReduceSumSquare", ["unit" + mark, "across"], "size" + mark),
            ]
        count = range(len(self.directions))
        wires += [
            ("Sum", [f"along_{block}" for block in count], "along"),
            ("Sum", [f"size_{block}" for block in count], "size"),
            ("Sub", ["along", "lengths"], "nearness"),
            ("Sub", ["nearness", "size"], "near"),
            ("Mul", ["near", "gamma"], "exponent"),
            ("Exp", ["exponent"], "kernel"),
            ("Gemm", ["kernel", "weights", "bias"], "said"),
            ("MatMul", ["rows", "summed"], "terms"),
            ("Add", ["terms", "said"], "score"),
            ("Cast:FLOAT", ["score"], OUTPUT),
        ]
        constants: dict[str, NDArray[Any]] = {
            **{f"picked_{block}": each for block, each in enumerate(self._picked())},
            **{f"placed_{block}": each for block, each in enumerate(placed)},
            "across": np.array([1], dtype=np.int64),
            "least": np.array([_LEAST]),
            "lengths": np.square(kernel.vectors).sum(axis=1),
            "gamma": np.array([kernel.gamma]),
            "weights": kernel.weights,
            "bias": kernel.bias + self.bias,
            "summed": self._summed(),
        }
        return model_of(wires, constants, width=self._width, outputs=self.outputs)

    @property
    def _width(self) -> int:
        return sum(self.outputs + each for each in self.directions)

    def _starts(self) -> list[int]:
        """Where the features of each block begin."""
        return [
            sum(self.outputs + each for each in self.directions[:block])
            for block in range(len(self.directions))
        ]

    def _picked(self) -> list[Floats]:
        """What picks the directions of each block out of all features."""
        made = []
        for start, each in zip(self._starts(), self.directions, strict=True):
            picked = np.zeros((self._width, each))
            picked[start + self.outputs + np.arange(each), np.arange(each)] = 1.0
            made.append(picked)
        return made

    def _placed(self) -> list[Floats]:
        """Twice the vectors' directions of each block, as columns."""
        ends = np.cumsum(self.directions)[:-1]
        parts = np.split(self.kernel.vectors, ends, axis=1)
        return [np.ascontiguousarray(2 * part.T) for part in parts]

    def _summed(self) -> Floats:
        """What sums the blocks' weights out of all features."""
        made = np.zeros((self._width, self.outputs))
        for start in self._starts():
            made[start + np.arange(self.outputs), np.arange(self.outputs)] = 1.0
        return made
