"""Laws of explanations: shares of words sum for any text, drivers and gradients for any model."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.explain.driver_groups import Group
from lichen.explain.drivers import parted_by_sets, parted_exactly, unit_factors
from lichen.explain.integrated import CLOSENESS, Floats, integrated
from lichen.explain.spans import plain_of, shown_words, terms_in
from lichen.explain.words import TermWeights, word_shares
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import plain_text, terms_of, words_of
from lichen.pipeline.words import WordsEncoding

ODD = "aAß ΣςİIﬁﬀＡ1,.。，河水가각\u0301\u0327ｶﾞ\t\n\u3000\u1100\u1161\u11a8"
TEXTS = st.text(max_size=30) | st.text(alphabet=ODD, max_size=25)
FORMS = st.sampled_from([("word", (1, 2)), ("char", (1, 4)), ("char", (3, 3))])
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(TEXTS, FORMS)
def test_every_term_of_any_text_is_found_where_it_stands(
    text: str, form: tuple[str, tuple[int, int]]
) -> None:
    plain = plain_of(text)
    assert plain.text == plain_text(text)
    assert len(plain.sources) == len(plain.text)
    assert all(0 <= start < end <= len(text) for start, end in plain.sources)
    said = Words(column="text", analyzer=form[0], ngrams=form[1], terms=[], weights=[])  # type: ignore[arg-type]
    found = Counter(one.text for one in terms_in(said, plain.text))
    assert found == Counter(terms_of(said)(text))


@settings(max_examples=150, deadline=None)
@given(TEXTS, FORMS, SEEDS)
def test_shares_of_words_sum_for_any_text(
    text: str, form: tuple[str, tuple[int, int]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    empty = Words(column="text", analyzer=form[0], ngrams=form[1], terms=[], weights=[])  # type: ignore[arg-type]
    terms = sorted(set(terms_of(empty)(text)))[::2]
    said = Words(
        column="text",
        analyzer=empty.analyzer,
        ngrams=form[1],
        terms=terms,
        weights=(1 + random.random(len(terms))).tolist(),
    )
    own = TermWeights(said, WordsEncoding(said, 0), random.standard_normal((len(terms), 2)))
    places, values = own.encoding.entries(text.encode(), 0)
    words = shown_words(text, words_of("en"))
    assert all(start < end for start, end in words)
    assert all(one[1] <= other[0] for one, other in pairwise(words))
    found = word_shares([own], text, words)
    total = found.shares.sum(axis=0) + found.rest
    assert np.allclose(total, values @ own.weights[places], rtol=0, atol=1e-9)


def groups(random: np.random.Generator, width: int) -> list[Group]:
    owner = random.integers(0, random.integers(1, 9), width)
    places = [np.flatnonzero(owner == one) for one in np.unique(owner)]
    return [Group(str(number), each) for number, each in enumerate(places)]


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_drivers_sum_for_any_core(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.standard_normal((12, 3))
    features, usual = random.standard_normal((2, 12))
    own = groups(random, 12)

    def line(rows: Floats) -> Floats:
        return rows @ weights

    def bent(rows: Floats) -> Floats:
        return np.tanh(rows @ weights) * (rows[:, :1] > 0)

    exactly = parted_exactly(weights, line, features, usual, own)
    by_sets = parted_by_sets(line, features, usual, own, (128, 0))
    assert np.allclose(exactly.shares, by_sets.shares, atol=1e-9)
    for found in (exactly, by_sets, parted_by_sets(bent, features, usual, own, (128, 0))):
        assert np.allclose(found.usual + found.shares.sum(axis=0), found.said, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_shares_of_a_logarithm_sum_in_units(seed: int) -> None:
    random = np.random.default_rng(seed)
    inner, reference = random.normal(3, 1, (2, 5))
    reference[0] = inner[0]
    shares = random.dirichlet(np.ones(4), 5).T * (inner - reference)
    values, usual = np.exp(inner), np.exp(reference)
    factors = unit_factors(values, usual, inner, reference, values)
    assert np.allclose(usual + (shares * factors).sum(axis=0), values, rtol=1e-9)
    assert factors[0] == values[0]
    assert (factors > 0).all()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_gradients_on_the_way_sum_to_the_change(seed: int, width: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.standard_normal((width, 24)), random.standard_normal(24)

    def model(rows: Floats) -> tuple[Floats, Floats]:
        hidden = rows @ first
        return np.maximum(hidden, 0) @ second, ((hidden > 0) * second) @ first.T

    row, baseline = random.standard_normal((2, width))
    found = integrated(model, row, baseline)
    change = found.prediction - found.base
    scale = max(abs(change), 1e-3 * (abs(found.base) + abs(found.prediction)))
    assert abs(found.contributions.sum() - change) <= 2 * CLOSENESS * scale + 1e-9
