"""What joules must bring: when a dearer algorithm replaces a cheaper one, when a search stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log10

LEAST_GAIN = 0.005
"""Gains under this are within the noise of one validation part."""

GAIN_PER_TENFOLD = 0.02
"""How much better each tenfold of joules per forecast must make the forecasts."""

ASSUMED_RATIO = 10.0
"""What a dearer algorithm is taken to cost, times the cheaper, where nothing was metered."""

TITLES = {
    "naive-day": "Same as the day before",
    "naive-week": "Same as the week before",
    "ridge": "Ridge",
    "ridge-calendar": "Ridge with calendar and covariates",
    "lightgbm": "LightGBM",
    "mlp": "Multi-layer perceptron",
    "patch-transformer": "Patch transformer",
    "fracast": "Fracast-0, pretrained",
    "pretrained": "The pretrained model",
}


def title_of(algorithm: str) -> str:
    """What a sentence begins with."""
    return TITLES.get(algorithm, algorithm)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the rule looks at: an algorithm, its validation error and what a forecast costs.

    Attributes:
        algorithm: its name in the portfolio.
        score: error on the validation part, lower is better.
        cost: joules of one forecast as served, in any unit that is the same for all; None where
            nothing metered it.
    """

    algorithm: str
    score: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the dearer one is worth it, and why in one sentence."""

    worth: bool
    sentence: str


def needed_gain(joule_ratio: float) -> float:
    """How much lower the error must be for `joule_ratio` times the joules per forecast.

    `max(LEAST_GAIN, GAIN_PER_TENFOLD * log10(ratio))`: 0.5 % at equal cost, 2 % at ten times,
    4 % at a hundred times.
    """
    return max(LEAST_GAIN, GAIN_PER_TENFOLD * log10(max(joule_ratio, 1.0)))


def weigh(held: Scored, dearer: Scored) -> Verdict:
    """Whether `dearer` should replace `held`, the best that was found cheaper."""
    gain = 1 - dearer.score / held.score if held.score > 0 else 0.0
    ratio = joule_ratio(held, dearer)
    needed = needed_gain(ASSUMED_RATIO if ratio is None else ratio)
    worth = gain >= needed
    outcome = "worth it" if worth else f"not chosen (worth it from {needed:.1%} better)"
    return Verdict(
        worth,
        f"{title_of(dearer.algorithm)}: {_gain_text(gain)} than "
        f"{held.algorithm}, {_ratio_text(ratio)} the joules per forecast: "
        + outcome.replace("%", " %"),
    )


def joule_ratio(held: Scored, dearer: Scored) -> float | None:
    """Joules of a forecast by `dearer` over one by `held`; None where either was not metered."""
    if not held.cost or not dearer.cost:
        return None
    return dearer.cost / held.cost


def _gain_text(gain: float) -> str:
    return f"{abs(gain) * 100:.1f} % {'better' if gain >= 0 else 'worse'}"


def _ratio_text(ratio: float | None) -> str:
    if ratio is None:
        return f"not metered, taken as {ASSUMED_RATIO:.0f}x"
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


TENTH = 0.001
"""A tenth of a per cent, of an error whose worst is 1."""

FIRST_TENTH_NJ = 2_000_000_000
"""The least that a tenth of a per cent may cost unless a price is stated, in nanojoules: half a
second of a core. It lets a portfolio be walked on small tables, where everything is cheap."""

TENTH_SHARE = 0.03
"""Unless a price is stated, a further tenth of a per cent may cost this share of what was spent."""

UNTRIED_SHARE = 0.2
"""Of the best error so far, what an algorithm that was not tried yet is expected to take off."""

FRUITLESS_SHARE = 0.5
"""What is left of that for each algorithm in a row that took nothing off."""

TUNED_SHARE = 0.08
"""Of an algorithm's error, what a first draw of its hyperparameters is expected to move."""


def stop_price_nj(stated_nj: int | None, spent_nj: float, first_nj: float = 0.0) -> float:
    """Nanojoules that a further tenth of a per cent may be expected to cost.

    Args:
        stated_nj: what the caller said, if anything.
        spent_nj: what the search has spent so far.
        first_nj: the least of what nobody stated: algorithms that were not tried yet are let in
            at `FIRST_TENTH_NJ`, unless they are large by nature.
    """
    if stated_nj is not None:
        return float(stated_nj)
    return max(first_nj, TENTH_SHARE * spent_nj)


def gain_of_untried(best: float, fruitless: int) -> float:
    """How much an algorithm that was not tried yet is expected to lower the error `best`.

    Args:
        best: the lowest error so far.
        fruitless: how many algorithms in a row did not lower it by `LEAST_GAIN`.
    """
    return UNTRIED_SHARE * best * FRUITLESS_SHARE**fruitless


def expected_gain(errors: Sequence[float], best: float) -> float:
    """How much one more draw of an algorithm's hyperparameters is expected to lower `best`.

    The errors of draws that do well are taken to fall off exponentially, as the tails of most
    distributions do (Pickands, 1975), with the mean excess `s` of the better half as its scale.
    The `n + 1`-th draw then sets a record with chance `1 / (n + 1)` that lies `s` below the last
    one on average (Renyi, 1962); where the algorithm trails by `d`, that is `s * exp(-d / s)`.

    Args:
        errors: of the algorithm's draws so far, the defaults among them.
        best: the lowest error of any algorithm.
    """
    ordered = sorted(errors)
    draws = len(ordered)
    prior = TUNED_SHARE * ordered[0]
    better = ordered[: max(2, (draws + 1) // 2)]
    seen = sum(better[-1] - one for one in better) / max(1, len(better) - 1)
    scale = (prior + (draws - 1) * seen) / draws
    if scale <= 0:
        return 0.0
    return scale / (draws + 1) * exp(-(ordered[0] - best) / scale)


def is_worth_trying(gain: float, cost_nj: float, price_nj: float) -> bool:
    """Whether an expected gain is worth its expected cost at so much a tenth of a per cent."""
    return cost_nj <= gain / TENTH * price_nj
