"""What an algorithm of the tables' portfolio is: features and a target in, a fitted core out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pause = Callable[[], None]
"""Called between steps of work; raises when the run must end."""

Settings = Mapping[str, float | int | str | bool]
"""Hyperparameters by name, as the search draws them; each algorithm names its own."""


def no_pause() -> None:
    """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows to fit on.

    Attributes:
        features: float32 `(rows, features)`; NaN only where the estimator takes it.
        target: float64 `(rows,)`: the value, or the number of the class, 0 to `classes` - 1.
        weights: float64 `(rows,)`, their mean 1; None: all alike.
        classes: how many there are; 0: the target is a number.
    """

    features: NDArray[np.float32]
    target: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    classes: int = 0


class FittedCore(Protocol):
    """The same computation here and as ONNX: `features` to `raw` (see `onnx_writer`)."""

    @property
    def link(self) -> str:
        """What `raw` is: `value`, `logit` or `probability` (see `pipeline.declaration`)."""
        ...

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(rows, 1)` for a number or of two classes for the second, else `(rows, classes)`."""
        ...

    def onnx(self) -> bytes:
        """The core as an ONNX model; equal cores give equal bytes."""
        ...


class Estimator(Protocol):
    """One algorithm."""

    @property
    def name(self) -> str:
        """Its name in the portfolio."""
        ...

    @property
    def takes_missing(self) -> bool:
        """Whether features may be NaN, and categories plain codes: trees split on them."""
        ...

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Fit it; equal input gives an equal core.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        ...
