"""What `/metrics` says: our own metrics from the totals, and from them what dashboards know.

Joules, grams and seconds are integers of a billionth inside, and are printed whole: what is shown
is exactly what was counted (A5).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lichen.carbon.budgets.alerts import LEVELS, reached_levels
from lichen.carbon.budgets.budget import Budget
from lichen.monitoring import families
from lichen.monitoring.aliases import add_kserve, add_triton
from lichen.monitoring.layout import ROWS_BOUNDS, SECONDS_BOUNDS
from lichen.monitoring.samples import Samples, billionths
from lichen.monitoring.totals import BatchTotals, Process, RequestTotals, Totals, Variant


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment, and which of all its possible states it is in."""

    of: Variant
    state: str


@dataclass(frozen=True, slots=True)
class BudgetGauge:
    """A budget and how it stands, in nano-units; `committed` None where that cannot be known."""

    budget: Budget
    committed: int | None


@dataclass(frozen=True, slots=True)
class Scrape:
    """All that one answer of `/metrics` tells; `states` are those that a deployment may be in."""

    totals: Totals
    standings: Sequence[Standing]
    states: Sequence[str]
    processes: Sequence[Process]
    version: str
    python: str
    budgets: Sequence[BudgetGauge] = ()


def exposition(scrape: Scrape) -> bytes:
    """The whole text, in Prometheus text format 0.0.4."""
    samples = Samples()
    for (variant, tenant), requests in scrape.totals.requests.items():
        _add_requests(samples, (*_names(variant), tenant), requests)
    for variant, batches in scrape.totals.batches.items():
        _add_batches(samples, _names(variant), batches)
    for standing in scrape.standings:
        for state in scrape.states:
            labels = (*_names(standing.of), state)
            samples.add(families.DEPLOYMENTS, labels, int(state == standing.state))
    for gauge in scrape.budgets:
        _add_budget(samples, gauge)
    for process in scrape.processes:
        samples.add(families.STARTED, (process.name,), f"{process.started_seconds:.3f}")
        samples.add(families.RESIDENT, (process.name,), process.resident_bytes)
    samples.add(families.BUILD, (scrape.version, scrape.python), 1)
    add_triton(samples, scrape.totals)
    add_kserve(samples, scrape.totals)
    return samples.text()


def _add_requests(samples: Samples, labels: tuple[str, ...], requests: RequestTotals) -> None:
    for outcome, count in requests.outcomes.items():
        if count or outcome == "ok":
            samples.add(families.REQUESTS, (*labels, outcome), count)
    samples.add(families.ROWS, labels, requests.rows)
    total = billionths(requests.total_ns)
    samples.histogram(families.SECONDS, labels, SECONDS_BOUNDS, requests.total_buckets, total)
    samples.add(families.QUEUE_SECONDS, labels, billionths(requests.queue_ns))
    if requests.nj:  # nothing unmeasured is reported as 0 (M5)
        samples.add(families.JOULES, labels, billionths(requests.nj))
    if requests.ng:
        samples.add(families.GRAMS, labels, billionths(requests.ng))


def _add_batches(samples: Samples, labels: tuple[str, ...], batches: BatchTotals) -> None:
    samples.histogram(families.BATCH_ROWS, labels, ROWS_BOUNDS, batches.rows_buckets, batches.rows)
    samples.add(families.BATCH_CPU, labels, billionths(batches.cpu_ns))
    samples.add(families.QUEUE, labels, batches.waiting)


def _add_budget(samples: Samples, gauge: BudgetGauge) -> None:
    budget, committed = gauge.budget, gauge.committed
    labels = (budget.name, str(budget.scope), budget.tenant, budget.quantity.value)
    samples.add(families.BUDGET_LIMIT, labels, billionths(budget.limit))
    if committed is None:
        return
    samples.add(families.BUDGET_COMMITTED, labels, billionths(committed))
    reached = reached_levels(budget.limit, committed)
    for level in LEVELS:
        samples.add(families.BUDGET_ALERT, (*labels, str(level)), int(level in reached))


def _names(variant: Variant) -> tuple[str, ...]:
    return (variant.deployment, variant.model, variant.version, variant.variant)
