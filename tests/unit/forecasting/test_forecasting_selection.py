from dataclasses import replace

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.declaration import Shape, declared, is_flag, scaled, window_only
from lichen.forecasting.fitting import MOST_WINDOWS, fit, fitted_origins
from lichen.forecasting.panel import Panel
from lichen.forecasting.selection import Split, declared_candidates, window_candidates
from lichen.forecasting.specification import Kind, Specification

DAY = 24
BASE = Specification(
    targets=("load",), step_seconds=3600, horizon=DAY, context=DAY, known=("T", "holiday")
)
MIDNIGHTS = replace(BASE, start_seconds=0)


def panel(days: int = 90) -> Panel:
    generator = np.random.default_rng(3)
    rows = days * DAY
    degrees = 15 + 5 * np.sin(np.arange(rows) / 60) + generator.normal(size=rows)
    flag = np.repeat((np.arange(days) % 11 == 0).astype(float), DAY)
    hours = np.sin(2 * np.pi * np.arange(rows) / DAY)
    load = 50 + 5 * hours + 0.8 * np.maximum(degrees - 18, 0) + generator.normal(size=rows)
    known = np.column_stack([degrees, flag])
    return Panel(np.datetime64("2014-01-01T00:00:00", "s"), 3600, load[:, None], known)


def test_flags_are_told_from_quantities() -> None:
    assert is_flag([0.0, 1.0, 1.0])
    assert not is_flag([0.0, 0.5])


def test_declared_features_name_what_they_are_made_of() -> None:
    said = declared(MIDNIGHTS, panel(), Shape(48, 0, knots=3, past_blocks=4))
    kinds = [(feature.kind, feature.column) for feature in said.features]
    assert kinds == [
        (Kind.WEEKDAY, "holiday"),
        (Kind.ANNUAL, None),
        (Kind.AHEAD, "T"),
        (Kind.PAST, "T"),
    ]
    assert said.anytime[0].kind is Kind.TIME_OF_DAY
    assert [len(feature.knots) for feature in said.features[2:]] == [3, 3]
    assert said.features[3].lengths == (24, 6)


def test_without_a_usual_start_the_hour_is_among_the_features() -> None:
    said = declared(BASE, panel(), Shape(48, 0))
    assert said.features[0].kind is Kind.TIME_OF_DAY
    assert said.anytime == ()


def test_a_series_near_zero_stays_off_the_logarithm() -> None:
    data = panel()
    assert scaled(BASE, data).logarithm
    lower = replace(data, values=data.values - data.values.min() + 0.01)
    assert not scaled(BASE, lower).logarithm
    with pytest.raises(InvalidInput, match="no number at all"):
        scaled(BASE, replace(data, values=data.values * np.nan))


def test_scaled_values_have_spread_one() -> None:
    said = scaled(BASE, panel())
    shown = (np.log(panel().values) - said.centres[0]) / said.scales[0]
    assert shown.mean() == pytest.approx(0, abs=1e-9)
    assert shown.std() == pytest.approx(1)


def test_window_candidates_share_their_rows_and_can_be_fitted() -> None:
    data, split = panel(), Split(60 * DAY, 75 * DAY)
    tried = list(window_candidates(scaled(BASE, data), data, split, (24, 48)))
    assert {candidate.specification.context for candidate in tried} == {24, 48}
    best = min(tried, key=lambda candidate: candidate.error)
    assert best.error < max(candidate.error for candidate in tried)
    weights = fit(best.specification, data, (best.penalty,))
    assert weights.shape == (best.specification.context + 1, DAY)
    assert best.specification == window_only(
        best.specification,
        Shape(best.specification.context, best.specification.normalisation),
    )


@pytest.mark.parametrize(("base", "refit"), [(MIDNIGHTS, True), (MIDNIGHTS, False), (BASE, False)])
def test_declared_candidates_find_that_covariates_matter(base: Specification, refit: bool) -> None:  # noqa: FBT001
    data, split = panel(), Split(60 * DAY, 75 * DAY)
    with_t = declared_candidates(scaled(base, data), data, split, (48,), refit=refit)
    bare = replace(scaled(base, data), known=())
    alone = replace(data, known=data.known[:, :0])
    without = declared_candidates(bare, alone, split, (48,), refit=refit)
    best = min(candidate.error for candidate in with_t)
    assert best < min(candidate.error for candidate in without)


def test_rows_after_the_validation_part_are_never_looked_at() -> None:
    data, split = panel(), Split(60 * DAY, 75 * DAY)
    poisoned = replace(data, values=data.values.copy(), known=data.known.copy())
    poisoned.values[split.validate :] = 1e9
    poisoned.known[split.validate :] = 1e9
    base = scaled(MIDNIGHTS, data.until(split.train))
    for search in (window_candidates, declared_candidates):
        honest = [candidate.error for candidate in search(base, data, split, (24,))]
        assert honest == [candidate.error for candidate in search(base, poisoned, split, (24,))]


def test_contexts_that_do_not_fit_are_refused_with_the_numbers() -> None:
    data = panel(10)
    with pytest.raises(InvalidInput, match=r"48 rows to fit on .* one context \(168\)"):
        list(window_candidates(BASE, data, Split(48, 96), (168,)))
    with pytest.raises(InvalidInput, match="too few for a horizon of 24"):
        list(window_candidates(BASE, data, Split(25, 96)))


def test_a_short_series_gets_a_short_context() -> None:
    data = panel(10)
    tried = list(window_candidates(scaled(BASE, data), data, Split(120, 200)))
    assert {candidate.specification.context for candidate in tried} == {48}


def test_a_second_flag_is_a_covariate_of_its_own() -> None:
    data = panel()
    both = replace(data, known=np.column_stack([data.known, 1 - data.known[:, 1]]))
    said = declared(replace(MIDNIGHTS, known=("T", "holiday", "workday")), both, Shape(48, 0))
    assert (Kind.AHEAD, "workday") in [(one.kind, one.column) for one in said.features]


def test_every_hour_is_met_when_only_some_windows_are_laid_out() -> None:
    data = panel(1000)
    said = declared(BASE, data, Shape(24, 0))
    rows = fitted_origins(said, data, 0, 0, data.rows)
    assert len(rows) <= MOST_WINDOWS < data.rows
    assert set(rows % DAY) == set(range(DAY))


def test_too_few_rows_to_compare_on_are_refused() -> None:
    data = panel(30)
    with pytest.raises(InvalidInput, match="leave room for one horizon"):
        list(declared_candidates(scaled(MIDNIGHTS, data), data, Split(600, 610), (48,)))
