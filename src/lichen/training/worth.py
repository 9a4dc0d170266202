"""The rule by which a dearer algorithm replaces a cheaper one, and the sentence that says so."""

from dataclasses import dataclass
from math import log10

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
}


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
        f"{TITLES.get(dearer.algorithm, dearer.algorithm)}: {_gain_text(gain)} than "
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
