"""Statistics of a deployed version, as the statistics extension has them: for every protocol.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lichen.core.events import ANSWERED
from lichen.monitoring.totals import BatchTotals, RequestTotals, Totals


@dataclass(frozen=True, slots=True)
class Duration:
    """How often something was seen, and nanoseconds of it in all."""

    count: int
    ns: int

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.count + other.count, self.ns + other.ns)


UNSEEN = Duration(0, 0)
"""What is not measured apart: preparing inputs and taking outputs apart are in `compute_infer`."""


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The executions of one batch size."""

    batch_size: int
    compute_infer: Duration


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """One version of one deployment, over its variants, tenants and workers.

    `last_inference` in milliseconds since 1970, 0 when there was none; `inference_count` counts
    rows and `execution_count` batches; `waiting` requests are queued now.
    """

    name: str
    version: str
    last_inference: int = 0
    inference_count: int = 0
    execution_count: int = 0
    success: Duration = UNSEEN
    fail: Duration = UNSEEN
    queue: Duration = UNSEEN
    compute_infer: Duration = UNSEEN
    batches: tuple[BatchStatistics, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


def statistics(totals: Totals) -> list[ModelStatistics]:
    """Of every version that was ever asked since the platform started, by name and version."""
    found: dict[tuple[str, str], ModelStatistics] = {}
    for (variant, _), requests in totals.requests.items():
        key = (variant.deployment, variant.version)
        found[key] = _with_requests(found.get(key, ModelStatistics(*key)), requests)
    for variant, batches in totals.batches.items():
        key = (variant.deployment, variant.version)
        found[key] = _with_batches(found.get(key, ModelStatistics(*key)), batches)
    return [found[key] for key in sorted(found)]


def statistics_of(totals: Totals, name: str, version: str) -> ModelStatistics:
    """Of one version of one deployment; all zero when it was never asked."""
    for one in statistics(totals):
        if (one.name, one.version) == (name, version):
            return one
    return ModelStatistics(name, version)


def _with_requests(so_far: ModelStatistics, requests: RequestTotals) -> ModelStatistics:
    answered = requests.answered
    failures = Counter(requests.outcomes)
    failures.pop(ANSWERED)
    return replace(
        so_far,
        inference_count=so_far.inference_count + requests.rows,
        success=so_far.success + Duration(answered, requests.total_ns),
        fail=so_far.fail + Duration(failures.total(), requests.failed_ns),
        queue=so_far.queue + Duration(answered, requests.queue_ns),
        compute_infer=so_far.compute_infer + Duration(answered, requests.compute_ns),
        failures=Counter(so_far.failures) + failures,
    )


def _with_batches(so_far: ModelStatistics, batches: BatchTotals) -> ModelStatistics:
    sizes = {one.batch_size: one.compute_infer for one in so_far.batches}
    for size, (count, ns) in batches.sizes.items():
        sizes[size] = sizes.get(size, UNSEEN) + Duration(count, ns)
    return replace(
        so_far,
        last_inference=max(so_far.last_inference, batches.last_ms),
        execution_count=so_far.execution_count + batches.batches,
        batches=tuple(BatchStatistics(size, sizes[size]) for size in sorted(sizes)),
        waiting=so_far.waiting + batches.waiting,
    )
