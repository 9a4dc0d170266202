"""Linear classifiers and latent directions of sparse features, by scikit-learn."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause

Sparse = Any
"""A `scipy.sparse.csr_array`, which has no types."""

Loss = Literal["logistic", "svm"]
MOST_ITERATIONS = 5_000


@dataclass(frozen=True, slots=True)
class LinearFit:
    """`features @ weights + bias`: one score a class, of two classes one, for the second.

    Attributes:
        weights: `(features, outputs)`.
        bias: `(outputs,)`.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, features: Sparse) -> NDArray[np.float64]:
        """`(rows, outputs)`."""
        return np.asarray(features @ self.weights + self.bias)


@dataclass(frozen=True, slots=True)
class LinearSettings:
    """How a linear classifier is fitted.

    Attributes:
        loss: `logistic` (Fan et al., LIBLINEAR, 2008), or `svm`: the squared hinge.
        looseness: `C`: weight of the loss beside the squared length of the weights.
        ratio_share: how far features are first multiplied by the log-count ratio of the class, as
            NB-SVM does (Wang and Manning, 2012): 1 wholly, 0 not at all.
    """

    loss: Loss
    looseness: float
    ratio_share: float = 0.0


def fit_linear(
    features: Sparse,
    target: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    settings: LinearSettings,
    pause: Pause,
) -> LinearFit:
    """One class against the others, for each class; of two classes once.

    Raises:
        InvalidInput: the rows are of one class, or the fit broke down.
    """
    classes = int(target.max(initial=0)) + 1
    wanted = range(1, 2) if classes == 2 else range(classes)
    fits = []
    for each in wanted:
        pause()
        fits.append(_against_others(features, target == each, weights, settings))
    made = LinearFit(
        np.column_stack([weights for weights, _ in fits]), np.array([bias for _, bias in fits])
    )
    if not np.isfinite(made.weights).all() or not np.isfinite(made.bias).all():
        raise InvalidInput("the fit broke down: its weights are not finite; regularise it more")
    return made


def _against_others(
    features: Sparse,
    is_class: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    settings: LinearSettings,
) -> tuple[NDArray[np.float64], float]:
    if is_class.all() or not is_class.any():
        raise InvalidInput("the rows to fit on are of one class: give rows of two at least")
    ratios = None
    if settings.ratio_share > 0:
        ratios = _ratios(features, is_class, settings.ratio_share)
        features = features.multiply(ratios).tocsr()
    model = _model(settings).fit(features, is_class.astype(np.int64), sample_weight=weights)
    found = np.asarray(model.coef_, dtype=np.float64).ravel()
    return (found if ratios is None else found * ratios), float(model.intercept_[0])


def _model(settings: LinearSettings) -> Any:  # noqa: ANN401 - it has no types
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    if settings.loss == "svm":
        return LinearSVC(C=settings.looseness, max_iter=MOST_ITERATIONS, random_state=0)
    return LogisticRegression(
        C=settings.looseness, solver="liblinear", max_iter=MOST_ITERATIONS, random_state=0
    )


def _ratios(features: Sparse, is_class: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """Log of how much oftener a feature is there in the class than in the others, smoothed by 1."""
    there = features.copy()
    there.data = np.ones_like(there.data)
    inside = np.asarray(there[np.flatnonzero(is_class)].sum(axis=0)).ravel() + 1
    outside = np.asarray(there[np.flatnonzero(~is_class)].sum(axis=0)).ravel() + 1
    ratios = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return np.asarray(share * ratios + (1 - share) * np.abs(ratios).mean())


def latent_directions(features: Sparse, components: int, seed: int) -> NDArray[np.float64]:
    """The directions `(features, components)` along which rows vary most (truncated SVD).

    Randomised (Halko et al., 2011); each direction's sign is that of its largest entry.
    """
    from sklearn.decomposition import TruncatedSVD

    most = min(components, min(features.shape) - 1)
    if most < 1:
        raise InvalidInput("one row or one term has no latent directions: give more texts")
    found = TruncatedSVD(most, n_iter=7, random_state=seed).fit(features).components_.T
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return np.asarray(found * signs, dtype=np.float64)
