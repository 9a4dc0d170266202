"""The portfolio of text classifiers, cheapest first: each a linear model in the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Pause, Settings
from lichen.frameworks.estimators.spaces import Dimension
from lichen.frameworks.latent_kernel import fit_kernel
from lichen.frameworks.sparse_linear import LinearSettings, Loss, fit_linear
from lichen.training.choosing.contender import Contender
from lichen.training.encoders import NJ_A_TEXT
from lichen.training.texts.fitted import (
    Fitted,
    of_directions,
    of_embeddings,
    of_terms,
    with_kernel,
)
from lichen.training.texts.study import CHARACTERS, WORDS, Block, TextStudy

LOOSENESS = "looseness"
"""`C` of the fit, times what the algorithm takes of itself."""

DEFAULTS: Settings = {LOOSENESS: 1.0}
TUNED = (Dimension(name=LOOSENESS, low=0.1, high=10.0, is_log=True, default=1.0),)
NJ_AN_ENTRY = 1_500.0
"""Of a linear fit, a term of a text: 0.4 microseconds of a core at 3.8 W."""

NJ_A_LATENT_ENTRY = 9_000.0
KERNEL = (2.0, 1.0)
"""`C` and gamma: directions are of unit length, so these need no tuning to the data."""


@dataclass(frozen=True, slots=True)
class Member:
    """A linear model of terms.

    Attributes:
        blocks: which terms.
        loss: of the fit.
        looseness: `C`.
        ratio_share: see `LinearSettings`.
    """

    blocks: tuple[str, ...]
    loss: Loss
    looseness: float
    ratio_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of the portfolio.

    Attributes:
        name: in the portfolio.
        title: what people call it.
        members: linear models; several are averaged, each by the spread of its scores.
        is_latent: whether its features are latent directions of the terms (LSA).
        is_embedded: whether its features are the vectors of a sentence encoder.
        has_kernel: whether a Gaussian-kernel SVM of the latent directions is averaged in.
    """

    name: str
    title: str
    members: tuple[Member, ...]
    is_latent: bool = False
    has_kernel: bool = False
    is_embedded: bool = False

    def fit(self, study: TextStudy, fold: int, settings: Settings, pause: Pause) -> Fitted:
        """Fit it on the rows that a fold fits on; fold -1: all but the test rows.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        loose = float(settings[LOOSENESS])
        if self.is_embedded:
            return _embedded(study, fold, (self.members[0], loose), pause)
        if self.is_latent:
            return _latent(study, fold, (self.members[0], loose), pause)
        linear = _blended(study, fold, self.members, loose, pause)
        return (
            _with_kernel(study, fold, linear, len(self.members), pause)
            if self.has_kernel
            else linear
        )

    def contender(self, study: TextStudy, pause: Pause) -> Contender:
        """What a search chooses among."""
        entries = sum(
            study.count(name, pause).rows.nnz for one in self.members for name in one.blocks
        )
        shown = len(study.fitted_on(0)) / len(study.rows)
        outputs = 1 if study.classes == 2 else study.classes
        is_dear = self.is_latent or self.has_kernel
        each = NJ_A_LATENT_ENTRY if is_dear else NJ_AN_ENTRY * outputs
        tuned = TUNED if len(self.members) == 1 else ()  # a mean of several is steady by itself
        is_first = self.name == _ALGORITHMS[0].name or self.is_embedded  # it was asked for
        if self.is_embedded:
            entries, each = len(study.rows), NJ_A_TEXT / len(study.folds)
        return Contender(
            self.name, self.title, DEFAULTS, tuned, lambda _: each * entries * shown, is_first
        )


_BOTH = (WORDS, CHARACTERS)
_ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm("tfidf-logistic", "Logistic on words", (Member((WORDS,), "logistic", 3.0),)),
    Algorithm("tfidf-svm", "Linear SVM on words", (Member((WORDS,), "svm", 0.1),)),
    Algorithm(
        "tfidf-char-logistic",
        "Logistic on words and characters",
        (Member(_BOTH, "logistic", 3.0),),
    ),
    Algorithm("tfidf-char-svm", "Linear SVM on words and characters", (Member(_BOTH, "svm", 0.1),)),
    Algorithm(
        "nb-svm",
        "Linear SVM on log-count ratios of characters",
        (Member((CHARACTERS,), "svm", 0.3, ratio_share=1.0),),
    ),
    Algorithm(
        "tfidf-blend",
        "Mean of a logistic and an SVM on log-count ratios",
        (
            Member(_BOTH, "logistic", 3.0),
            Member((CHARACTERS,), "svm", 0.1, ratio_share=1.0),
        ),
    ),
    Algorithm(
        "kernel-blend",
        "Mean of these two and a Gaussian-kernel SVM on latent directions",
        (
            Member(_BOTH, "logistic", 3.0),
            Member((CHARACTERS,), "svm", 0.1, ratio_share=1.0),
        ),
        has_kernel=True,
    ),
    Algorithm(
        "lsa-logistic",
        "Logistic on latent directions",
        (Member(_BOTH, "logistic", 30.0),),
        is_latent=True,
    ),
)


_EMBEDDED = Algorithm(
    "embedding-logistic",
    "Logistic on embeddings",
    (Member((), "logistic", 10.0),),
    is_embedded=True,
)


def portfolio(*, has_encoder: bool = False) -> tuple[Algorithm, ...]:
    """Cheapest first; the last where a sentence encoder is at hand."""
    return (*_ALGORITHMS, _EMBEDDED) if has_encoder else _ALGORITHMS


def _blended(
    study: TextStudy, fold: int, members: Sequence[Member], loose: float, pause: Pause
) -> Fitted:
    """Weights of terms, averaged over the members: what is served is one linear model."""
    names = [name for name in _BOTH if any(name in one.blocks for one in members)]
    blocks = {name: study.block(name, fold, pause) for name in names}
    outputs = 1 if study.classes == 2 else study.classes
    weights = {name: np.zeros((blocks[name].features.shape[1], outputs)) for name in names}
    bias = np.zeros(outputs)
    for member in members:
        parts, shift = _member(study, fold, (member, loose, blocks), pause)
        share = 1.0
        if len(members) > 1:
            rows = study.fitted_on(fold)
            said = sum(blocks[name].features[rows] @ part for name, part in parts.items())
            share = 1.0 / (len(members) * max(float(np.std(said)), 1e-9))
        for name, part in parts.items():
            weights[name] += share * part
        bias += share * shift
    return of_terms(blocks, weights, bias)


def _member(
    study: TextStudy,
    fold: int,
    asked: tuple[Member, float, dict[str, Block]],
    pause: Pause,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Weights of each block's terms, and the bias."""
    member, loose, blocks = asked
    rows = study.fitted_on(fold)
    taken = [blocks[name].features[rows] for name in member.blocks]
    fit = fit_linear(
        sparse.hstack(taken, format="csr"),
        study.rows.target[rows],
        study.weights(rows),
        LinearSettings(member.loss, member.looseness * loose, member.ratio_share),
        pause,
    )
    ends = np.cumsum([each.shape[1] for each in taken])[:-1]
    parts = np.split(fit.weights, ends)
    return dict(zip(member.blocks, parts, strict=True)), fit.bias


def _with_kernel(study: TextStudy, fold: int, linear: Fitted, members: int, pause: Pause) -> Fitted:
    """The mean of so many linear models and a kernel machine."""
    blocks = {name: study.block(name, fold, pause, is_latent=True) for name in linear.arrays}
    directions = np.concatenate([each.latent() for each in blocks.values()], axis=1)
    rows = study.fitted_on(fold)
    target, weights = study.rows.target[rows], study.weights(rows)
    fit = fit_kernel(directions[rows], target, weights, KERNEL, pause)
    spread = max(float(fit.scores(directions[rows]).std()), 1e-9)
    return with_kernel(linear, blocks, directions, fit.scaled(1.0 / (members * spread)))


def _embedded(study: TextStudy, fold: int, asked: tuple[Member, float], pause: Pause) -> Fitted:
    member, loose = asked
    features, rows = study.embeddings(pause), study.fitted_on(fold)
    fit = fit_linear(
        features[rows].astype(np.float64),
        study.rows.target[rows],
        study.weights(rows),
        LinearSettings(member.loss, member.looseness * loose),
        pause,
    )
    if study.encoder is None:
        raise InvalidInput("embeddings need a sentence encoder: name one as encoder")
    return of_embeddings(study.encoder, study.asked.text, features, fit)


def _latent(study: TextStudy, fold: int, asked: tuple[Member, float], pause: Pause) -> Fitted:
    member, loose = asked
    blocks = {name: study.block(name, fold, pause, is_latent=True) for name in member.blocks}
    features = np.concatenate([each.latent() for each in blocks.values()], axis=1)
    rows = study.fitted_on(fold)
    fit = fit_linear(
        features[rows],
        study.rows.target[rows],
        study.weights(rows),
        LinearSettings(member.loss, member.looseness * loose),
        pause,
    )
    return of_directions(blocks, features, fit.weights, fit.bias)
