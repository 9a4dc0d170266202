"""Why a job runs when it does, in one sentence for people. Times are UTC."""

from datetime import datetime, timedelta

from lichen.control.planning.alone import Choice, Reason
from lichen.control.planning.need import Span

MOST_SPANS = 3
"""Named one by one; more are counted."""


def why(choice: Choice, now: datetime, at_once_g: float | None, expected_g: float | None) -> str:
    """The sentence."""
    workload = choice.need.workload
    head = "runs on" if workload.running_in else _when_at_once(choice)
    zone = choice.option.zone if choice.option else ""
    sentences = {
        Reason.CLEANER: _cleaner(choice, now, at_once_g, expected_g),
        Reason.NOW_IS_BEST: f"{head}: no cleaner time is expected before its deadline",
        Reason.LITTLE_GAIN: f"{head}: waiting is not expected to save enough to be worth it",
        Reason.NO_TIME: f"{head}: its deadline leaves no time to wait",
        Reason.LATE: f"{head}: its deadline cannot be met any more, and it is to be late by little",
        Reason.FIXED: "runs on: it has started, and cannot be paused",
        Reason.UNKNOWN: f"{head}: nothing is known of the intensity of {zone}",
        Reason.NO_PLACE: _no_place(choice),
        Reason.CROWDED: f"{_times(choice, now)}, late: other jobs hold every place before that",
    }
    return sentences[choice.reason] + _over_budget(choice, expected_g)


def _when_at_once(choice: Choice) -> str:
    return "runs at once" if choice.need.release == 0 else "runs as soon as it may"


def _cleaner(
    choice: Choice, now: datetime, at_once_g: float | None, expected_g: float | None
) -> str:
    times = _times(choice, now)
    zone = choice.option.zone if choice.option else ""
    if not at_once_g or expected_g is None or expected_g >= at_once_g:
        return f"{times}, when a place is free"
    share = round(100 * (1 - expected_g / at_once_g))
    cleaner = "under 1 %" if share < 1 else f"{share} %"
    start = "now" if choice.need.release == 0 else "at its release"
    return f"{times}, when {zone} is expected to be {cleaner} cleaner than {start}"


def _times(choice: Choice, now: datetime) -> str:
    named = [_span(span, now) for span in choice.spans[:MOST_SPANS]]
    more = len(choice.spans) - len(named)
    tail = f" and {more} more span{'s' if more > 1 else ''}" if more else ""
    return f"runs {', '.join(named)}{tail} UTC"


def _span(span: Span, now: datetime) -> str:
    start, end = (now + timedelta(microseconds=moment) for moment in span)
    day = "" if start.date() == now.date() else f"{start:%a %d %b} "
    until = "" if end.date() - start.date() <= timedelta(days=1) else f"{end:%a %d %b} "
    return f"{day}{start:%H:%M}-{until}{end:%H:%M}"


def _no_place(choice: Choice) -> str:
    workload = choice.need.workload
    where = f" in {', '.join(workload.zones)}" if workload.zones else ""
    memory = f" and {workload.memory_bytes / 2**30:.1f} GiB" if workload.memory_bytes else ""
    return f"cannot run: no worker{where} has {workload.cores} cores{memory}"


def _over_budget(choice: Choice, expected_g: float | None) -> str:
    budget = choice.need.workload.budget_g
    if budget is None or expected_g is None or expected_g <= budget:
        return ""
    return f"; its budget of {budget:.3g} g cannot be held: {expected_g:.3g} g are expected"
