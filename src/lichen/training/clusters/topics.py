"""What clusters of texts are about: the words that tell each from the others."""

import numpy as np
from numpy.typing import NDArray

from lichen.pipeline.terms import CHINESE
from lichen.training.clusters.function_words import FUNCTION_WORDS
from lichen.training.vocabulary import Counts

WORDS_A_TOPIC = 3
MOST_SHARE = 0.25
"""A word in more of the texts than this is of grammar, not of a topic."""

FEW_ROWS = 40
FEWEST_LETTERS = {CHINESE: 2}
USUAL_LETTERS = 3


def topics(counts: Counts, groups: NDArray[np.int64], clusters: int, language: str) -> list[str]:
    """The words of most weight in each cluster, by class-based TF-IDF (Grootendorst, 2022).

    `tf * log(1 + words a cluster / count)`, where `tf` is how large a share of the words of a
    cluster a word is, and `count` how often it stands in all.
    """
    usable = _usable(counts, language)
    by_cluster = np.zeros((clusters, len(counts.terms)))
    for cluster in range(clusters):
        rows = np.flatnonzero(groups == cluster)
        by_cluster[cluster] = np.asarray(counts.rows[rows].sum(axis=0)).ravel()
    totals = by_cluster.sum(axis=0)
    a_cluster = totals.sum() / clusters
    rarity = np.log1p(np.divide(a_cluster, totals, out=np.zeros_like(totals), where=totals > 0))
    shares = by_cluster / np.maximum(by_cluster.sum(axis=1, keepdims=True), 1.0)
    weights = np.where(usable, shares * rarity, 0.0)
    joint = "、" if language == CHINESE else ", "
    return [joint.join(_best(counts, row)) or f"cluster {n}" for n, row in enumerate(weights)]


def _best(counts: Counts, weights: NDArray[np.float64]) -> list[str]:
    order = np.argsort(-weights, kind="stable")[:WORDS_A_TOPIC]
    return [counts.terms[place] for place in order if weights[place] > 0]


def _usable(counts: Counts, language: str) -> NDArray[np.bool_]:
    texts, terms = counts.rows.shape
    having = np.bincount(counts.rows.indices, minlength=terms)
    fewest = FEWEST_LETTERS.get(language, USUAL_LETTERS)
    grammar = FUNCTION_WORDS.get(language, frozenset())
    named = np.array(
        [
            len(term) >= fewest and not term.isdigit() and term not in grammar
            for term in counts.terms
        ]
    )
    return named & (having <= MOST_SHARE * texts) if texts >= FEW_ROWS else named
