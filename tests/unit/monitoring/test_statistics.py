"""Statistics of a deployed version, over variants and tenants."""

from pathlib import Path

from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.monitoring.statistics import (
    UNSEEN,
    BatchStatistics,
    Duration,
    ModelStatistics,
    statistics,
    statistics_of,
)
from lichen.monitoring.totals import Totals, totals


def test_variants_and_tenants_of_a_version_are_summed_and_versions_are_not(tmp_path: Path) -> None:
    slot = Slot.claim(tmp_path)
    metrics = Metrics(slot)
    for variant, tenant, version in (("a", "s", 1), ("b", "t", 1), ("a", "s", 2)):
        subject = Subject("d", "m", version, variant)
        metrics.answered(Answered(subject, TenantId(tenant), "ok", 3, 10, 100, 1000, 1, 1))
        metrics.answered(Answered(subject, TenantId(tenant), "NotFound", 0, 0, 0, 7, None, None))
        metrics.ran(Ran(subject, 1, 3, 5, 90))
    metrics.waiting({Subject("d", "m", 1, "a"): 2})
    slot.close()
    counted = totals(tmp_path)
    one = statistics_of(counted, "d", "1")
    assert (one.inference_count, one.execution_count, one.waiting) == (6, 2, 2)
    assert (one.success, one.fail) == (Duration(2, 2000), Duration(2, 14))
    assert (one.queue, one.compute_infer) == (Duration(2, 20), Duration(2, 200))
    assert one.batches == (BatchStatistics(3, Duration(2, 180)),)
    assert one.failures["NotFound"] == 2
    assert one.last_inference > 0
    assert [each.version for each in statistics(counted)] == ["1", "2"]


def test_what_was_never_asked_is_all_zero() -> None:
    one = statistics_of(Totals(), "d", "1")
    assert one == ModelStatistics("d", "1")
    assert one.success == UNSEEN
