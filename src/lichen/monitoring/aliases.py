"""The same totals under the names that dashboards made for Triton and for KServe read.

Names, types and labels are those of Triton's metrics (docs/user_guide/metrics.md, 2.5x) and of
KServe's model server (kserve/metrics.py, 0.21). A model of theirs is a deployment of ours. What we
do not measure apart (preparing inputs, taking outputs apart) is absent rather than 0 (M5).
"""

from collections.abc import Mapping
from types import MappingProxyType

from lichen.monitoring import families
from lichen.monitoring.layout import SECONDS_BOUNDS, SECONDS_BUCKETS
from lichen.monitoring.samples import Samples, billionths
from lichen.monitoring.statistics import ModelStatistics, statistics
from lichen.monitoring.totals import Totals

_NS_PER_US = 1000
_REASONS = ("REJECTED", "BACKEND", "OTHER")
_REASON_OF: Mapping[str, str] = MappingProxyType(
    {
        "Unavailable": "REJECTED",
        "OverBudget": "REJECTED",
        "DeadlinePassed": "REJECTED",
        "WorkFailed": "BACKEND",
    }
)


def add_triton(samples: Samples, totals: Totals) -> None:
    """The metrics of Triton."""
    for one in statistics(totals):
        labels = (one.name, one.version)
        samples.add(families.NV_SUCCESS, labels, one.success.count)
        samples.add(families.NV_COUNT, labels, one.inference_count)
        samples.add(families.NV_EXECUTIONS, labels, one.execution_count)
        samples.add(families.NV_REQUEST_US, labels, one.success.ns // _NS_PER_US)
        samples.add(families.NV_QUEUE_US, labels, one.queue.ns // _NS_PER_US)
        samples.add(families.NV_INFER_US, labels, one.compute_infer.ns // _NS_PER_US)
        samples.add(families.NV_PENDING, labels, one.waiting)
        _add_failures(samples, labels, one)


def _add_failures(samples: Samples, labels: tuple[str, str], one: ModelStatistics) -> None:
    counts = dict.fromkeys(_REASONS, 0)
    for outcome, count in one.failures.items():
        counts[_REASON_OF.get(outcome, "OTHER")] += count
    for reason, count in counts.items():
        samples.add(families.NV_FAILURE, (*labels, reason), count)


def add_kserve(samples: Samples, totals: Totals) -> None:
    """The metrics of KServe's model server."""
    buckets: dict[str, list[int]] = {}
    spent_ns: dict[str, int] = {}
    for (variant, _), requests in totals.requests.items():
        name = variant.deployment
        known = buckets.setdefault(name, [0] * SECONDS_BUCKETS)
        buckets[name] = [a + b for a, b in zip(known, requests.compute_buckets, strict=True)]
        spent_ns[name] = spent_ns.get(name, 0) + requests.compute_ns
    for name, counts in buckets.items():
        total = billionths(spent_ns[name])
        samples.histogram(families.PREDICT_SECONDS, (name,), SECONDS_BOUNDS, counts, total)
