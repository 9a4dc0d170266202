"""How long a job takes and what it draws: by the receipts of earlier ones like it, else a prior.

Durations and joules of like jobs scatter by a factor, so both are taken as log-normal. With few
jobs the scatter is drawn towards a stated one (`_Scatter`), and the interval of the next job is
the predictive one: of n jobs, standard deviation x sqrt(1 + 1/n). What a job reads may be larger or
smaller than what those read (`size_bytes`): but for starting, it takes as many times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log, sqrt

from lichen.control.estimates import likeness
from lichen.control.transitions import JobRecord
from lichen.core.units import NANOSECONDS_PER_SECOND, joules
from lichen.protocol.admin import JobKind, JobState, JsonObject

MOST_EARLIER = 20
"""So many of the newest like it are looked at."""
LONGEST_MARGIN = 1.25
"""On top of the 99 % quantile of its duration, or of the longest that was seen."""
START_JOULES = 8.0
"""Of starting a job's process again (2 CPU-seconds of imports at 4 W); less where a whole job of
the kind was cheaper."""
_TENTH, _NINETY_NINTH = 1.2816, 2.3263
"""Quantiles of the standard normal distribution, 90 % and 99 %."""
_LEAST_SECONDS, _LEAST_JOULES = 0.1, 0.01
_A_YEAR_S = 366 * 86400.0
"""No job is taken to run for longer: whoever seems to, the clock was set while it ran."""
_MOST_TIMES = 10**6
"""By no more is a job taken to be larger or smaller than one that is known."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a quantity with its 10 % and 90 % quantiles."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Spread":
        """The same, scaled."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a job needs.

    Attributes:
        seconds: that it runs, at full speed.
        joules: that it draws.
        cpu_seconds: of all its threads; None where no earlier job says.
        longest: how long it may take at worst; a deadline is kept for that.
        pause_j: joules of one pause and resume: its process starts again. It pauses at a
            checkpoint, so no work is repeated.
        basis: where this is from, in words.
        is_known: whether jobs on the same data by the same algorithm said so.
        is_prior: whether no job of the kind has ended yet.
    """

    seconds: Spread
    joules: Spread
    cpu_seconds: Spread | None
    longest: timedelta
    pause_j: float
    basis: str
    is_known: bool
    is_prior: bool = False

    @property
    def power_w(self) -> float:
        """Drawn while it runs, above the idle machine."""
        return self.joules.median / self.seconds.median

    @property
    def duration(self) -> timedelta:
        """Its median."""
        return timedelta(seconds=self.seconds.median)


@dataclass(frozen=True, slots=True)
class _Scatter:
    """The standard deviation of a logarithm that is assumed, as if seen in `weight` jobs."""

    deviation: float
    weight: float = 2.0


_ALIKE, _SAME_KIND = _Scatter(0.2), _Scatter(0.7)
_SCATTER_OF_SIZE = 0.1
"""More deviation for a size that is so many times another, by the natural logarithm of that."""
_START_SECONDS = 2.0
_PRIOR_SECONDS = {
    JobKind.INGEST: 5.0,
    JobKind.APPEND: 5.0,
    JobKind.TRAIN: 60.0,
    JobKind.IMPORT: 5.0,
    JobKind.PREDICT: 60.0,
    JobKind.REPORT: 5.0,
    JobKind.PULL: 60.0,
    JobKind.EXPLAIN: 20.0,
}
_OTHER_PRIOR_SECONDS = 60.0
_PRIOR_WATTS = 4.0
"""One busy thread of a server (M2)."""
_PRIOR_DEVIATION = 1.5


def expectation(kind: JobKind, spec: JsonObject, earlier: Iterable[JobRecord]) -> Expectation:
    """What a job needs.

    Args:
        kind: what it does.
        spec: to what.
        earlier: jobs of the tenant, oldest first; those that succeeded count.
    """
    ended = [job for job in earlier if job.kind is kind and job.state is JobState.SUCCEEDED]
    alike = _runs((job for job in ended if likeness(job.spec) == likeness(spec)), spec)
    of_kind = _runs(ended, spec)
    start_j = min([START_JOULES, *(run.whole_joules for run in of_kind)])
    if alike:
        basis = f"the median of {len(alike)} like it"
        return _of_runs(alike, _ALIKE, start_j, basis, is_known=True)
    if of_kind:
        basis = f"the median of {len(of_kind)} other {kind} jobs"
        return _of_runs(of_kind, _SAME_KIND, start_j, basis, is_known=False)
    return _prior(kind, start_j)


@dataclass(frozen=True, slots=True)
class _Run:
    """What an earlier job took, as if it had read as much as the one that is asked for.

    `grown` is the logarithm of by how many times that was made larger or smaller.
    """

    seconds: float
    joules: float
    cpu_seconds: float | None
    whole_joules: float
    grown: float


def _runs(jobs: Iterable[JobRecord], spec: JsonObject) -> list[_Run]:
    found = [_run_of(job, spec) for job in jobs]
    return [run for run in found if run is not None][-MOST_EARLIER:]


def _run_of(job: JobRecord, spec: JsonObject) -> _Run | None:
    """A job's seconds at work and its joules; None where it does not say."""
    if job.receipt is None:
        return None
    seconds = seconds_at_work(job)
    if seconds is None:
        return None
    times, whole = _times_as_large(job.spec, spec), joules(job.receipt.energy.nj)
    told = [one.cpu_ns for one in job.segments if one.cpu_ns is not None]
    cpu_s = sum(told) / NANOSECONDS_PER_SECOND if told else None
    return _Run(
        min(max(_scaled(seconds, _START_SECONDS, times), _LEAST_SECONDS), _A_YEAR_S),
        max(_scaled(whole, START_JOULES, times), _LEAST_JOULES),
        None if cpu_s is None else max(_scaled(cpu_s, _START_SECONDS, times), _LEAST_SECONDS),
        max(whole, _LEAST_JOULES),
        abs(log(times)),
    )


def _times_as_large(earlier: JsonObject, spec: JsonObject) -> float:
    """What a job reads beside what an earlier one read; 1 where either does not say."""
    sizes = [one.get("size_bytes") for one in (earlier, spec)]
    known = [size for size in sizes if isinstance(size, int) and size > 0]
    if len(known) < len(sizes):
        return 1.0
    had, has = known
    if has > had * _MOST_TIMES:
        return _MOST_TIMES
    return 1 / _MOST_TIMES if had > has * _MOST_TIMES else has / had


def _scaled(amount: float, start: float, times: float) -> float:
    """Starting costs the same whatever the size, and is taken for half of a job at most."""
    fixed = min(amount / 2, start)
    return fixed + (amount - fixed) * times


def seconds_at_work(job: JobRecord) -> float | None:
    """How long an ended job ran; None where it was interrupted and nobody counted."""
    if job.segments:
        return sum((one.ended_at - one.started_at).total_seconds() for one in job.segments)
    if job.started_at is None or job.finished_at is None or job.attempt != 1:
        return None
    return (job.finished_at - job.started_at).total_seconds()


def seconds_so_far(job: JobRecord, now: datetime) -> float:
    """How long an unfinished job has run, its attempt that runs now included."""
    ended = sum((one.ended_at - one.started_at).total_seconds() for one in job.segments)
    running = 0.0 if job.running_since is None else (now - job.running_since).total_seconds()
    return ended + max(0.0, running)


def _of_runs(
    runs: Sequence[_Run], scatter: _Scatter, start_j: float, basis: str, *, is_known: bool
) -> Expectation:
    seconds = [run.seconds for run in runs]
    told = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    scatter = _grown(scatter, runs)
    deviation = _deviation(seconds, scatter)
    worst = max(_median(seconds) * exp(_NINETY_NINTH * deviation), *seconds, 0.0)
    return Expectation(
        seconds=_spread(seconds, deviation),
        joules=_next([run.joules for run in runs], scatter),
        cpu_seconds=_next(told, scatter) if told else None,
        longest=timedelta(seconds=min(LONGEST_MARGIN * worst, _A_YEAR_S)),
        pause_j=start_j,
        basis=basis,
        is_known=is_known,
    )


def _prior(kind: JobKind, start_j: float) -> Expectation:
    seconds = _PRIOR_SECONDS.get(kind, _OTHER_PRIOR_SECONDS)
    spread = _spread([seconds], _PRIOR_DEVIATION)
    return Expectation(
        seconds=spread,
        joules=spread.times(_PRIOR_WATTS),
        cpu_seconds=None,
        longest=timedelta(seconds=LONGEST_MARGIN * seconds * exp(_NINETY_NINTH * _PRIOR_DEVIATION)),
        pause_j=start_j,
        basis=f"assumed, since no {kind} job has ended yet",
        is_known=False,
        is_prior=True,
    )


def _grown(scatter: _Scatter, runs: Sequence[_Run]) -> _Scatter:
    """The less alike in size, the less sure."""
    grown = sum(run.grown for run in runs) / len(runs)
    return _Scatter(scatter.deviation + _SCATTER_OF_SIZE * grown, scatter.weight)


def _next(figures: Sequence[float], scatter: _Scatter) -> Spread:
    return _spread(figures, _deviation(figures, scatter))


def _deviation(figures: Sequence[float], scatter: _Scatter) -> float:
    """Of the logarithm of the next figure, by those that were seen and the assumed scatter."""
    logs = [log(one) for one in figures]
    mean = sum(logs) / len(logs)
    squares = sum((one - mean) ** 2 for one in logs)
    freedom = scatter.weight + len(logs) - 1
    variance = (scatter.weight * scatter.deviation**2 + squares) / freedom
    return sqrt(variance * (1 + 1 / len(logs)))


def _spread(figures: Sequence[float], deviation: float) -> Spread:
    median = _median(figures)
    return Spread(median, median * exp(-_TENTH * deviation), median * exp(_TENTH * deviation))


def _median(figures: Sequence[float]) -> float:
    ordered = sorted(figures)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a job."""

    duration: timedelta
    at_worst: timedelta


def left_of(expected: Expectation, ran_s: float = 0.0, fraction: float | None = None) -> Left:
    """What is left of a job that has run for some time.

    What its progress says counts for the part that is done, the earlier jobs for the rest. Where
    it says nothing, a job that has run longer than expected is taken to need half as long again.

    Args:
        expected: what a job like it needs.
        ran_s: seconds for which it ran.
        fraction: how much of it is done, 0 to 1, where it says so.
    """
    longest_s = expected.longest.total_seconds()
    if fraction is None or not 0.0 < fraction <= 1.0:
        left_s = max(expected.seconds.median - ran_s, ran_s / 2)
        return _left(left_s, longest_s - ran_s)
    open_share = 1.0 - fraction
    at_this_pace = LONGEST_MARGIN * ran_s / fraction * open_share
    left_s = expected.seconds.median * open_share
    return _left(left_s, max(longest_s * open_share, at_this_pace))


def _left(seconds: float, at_worst: float) -> Left:
    likely = min(max(seconds, _LEAST_SECONDS), _A_YEAR_S)
    worst = min(max(at_worst, LONGEST_MARGIN * likely), _A_YEAR_S)
    return Left(timedelta(seconds=likely), timedelta(seconds=worst))
