"""Laws of alarms, windows and recommenders, whatever the rows."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.evaluation.alarms import area_under_roc, average_precision, joint_thresholds, share
from lichen.frameworks.estimation import no_pause
from lichen.protocol.columns import TableForm
from lichen.protocol.windows import windows
from lichen.training.recommendations.als import Setting, factorise
from lichen.training.recommendations.interactions import Taken

SEEDS = st.integers(0, 10**6)


@given(
    seed=SEEDS,
    statistics=st.integers(1, 4),
    rate=st.floats(0.02, 0.5),
    has_ties=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_more_of_the_calibrated_rows_alarm_than_was_stated(
    seed: int, statistics: int, rate: float, *, has_ties: bool
) -> None:
    drawn = np.random.default_rng(seed).exponential(size=(60, statistics))
    drawn = np.round(drawn, 1) if has_ties else drawn
    thresholds = joint_thresholds(drawn, rate)
    assert (drawn > thresholds).any(axis=1).mean() <= rate
    assert (thresholds > 0).all()
    lenient = joint_thresholds(drawn, min(0.5, rate * 1.5))
    assert (lenient <= thresholds).all()


@given(SEEDS, st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_areas_stay_the_same_when_scores_are_stretched_and_turn_when_they_are_turned(
    seed: int, anomalous: int
) -> None:
    random = np.random.default_rng(seed)
    truth = np.arange(60) < anomalous
    scores = np.round(random.normal(size=60), 1)
    roc = area_under_roc(scores, truth)
    assert np.isclose(area_under_roc(np.exp(scores), truth).value, roc.value)
    assert np.isclose(area_under_roc(-scores, truth).value, 1 - roc.value)
    for found in (roc, average_precision(scores, truth)):
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(1, 500), st.data())
def test_the_interval_of_a_share_holds_it(total: int, data: st.DataObject) -> None:
    found = share(data.draw(st.integers(0, total)), total)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(SEEDS, st.integers(1, 12), st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_windows_of_a_table_are_the_same_however_it_is_parted(
    seed: int, rows: int, length: int, size: int
) -> None:
    columns = ("a", "b")
    values = np.random.default_rng(seed).normal(size=(rows, 2))
    spec = TensorSpec("window", Datatype.FP64, (-1, length, 2), columns=columns)
    form = TableForm(Signature((spec,), ()), columns)
    found = []
    for first in range(0, rows, size):
        before, count = min(first, form.rows_before), min(size, rows - first)
        part = values[first - before : first + count]
        arrays = {name: part[:, at] for at, name in enumerate(columns)}
        found.append(form.read(arrays, count, before).tensors["window"])
    whole = windows(values, length)
    assert np.array_equal(np.concatenate(found), whole)
    assert np.array_equal(whole[:, -1], values)


@given(SEEDS, st.integers(1, 6), st.floats(0.05, 20), st.floats(0.1, 50))
@settings(max_examples=25, deadline=None)
def test_the_loss_of_a_factorisation_never_rises(
    seed: int, factors: int, l2: float, weight: float
) -> None:
    random = np.random.default_rng(seed)
    pairs = np.unique(random.integers(0, 8 * 6, 20))
    strength = random.uniform(0.1, 3.0, len(pairs))
    taken = Taken(8, 6, pairs // 6, pairs % 6, strength)
    losses = factorise(taken, Setting(factors, l2, weight), seed, no_pause).losses
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(losses))
