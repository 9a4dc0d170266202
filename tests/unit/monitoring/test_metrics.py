"""What the observer counts of each event."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.core import errors
from lichen.core.events import ANSWERED, Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.layout import NS_BOUNDS, OUTCOME_WORDS, OUTCOMES, SUBJECTS
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.monitoring.totals import Totals, Variant, totals

SUBJECT = Subject("d", "m", 1, "fp32")
VARIANT = Variant("d", "m", "1", "fp32")


def kinds(of: type[errors.LichenError]) -> Iterator[type[errors.LichenError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    slot = Slot.claim(tmp_path)
    yield Metrics(slot)
    slot.close()


def event(outcome: str = "ok", tenant: str = "default", nj: int | None = 9) -> Answered:
    return Answered(SUBJECT, TenantId(tenant), outcome, 4, 100, 1_000, 300_000, nj, nj)


def test_an_answer_is_counted_in_all_that_it_is_about(metrics: Metrics, tmp_path: Path) -> None:
    metrics.answered(event())
    one = totals(tmp_path).requests[VARIANT, "default"]
    assert (one.answered, one.rows, one.queue_ns, one.compute_ns) == (1, 4, 100, 1_000)
    assert (one.total_ns, one.failed_ns, one.nj, one.ng) == (300_000, 0, 9, 9)
    assert one.total_buckets.index(1) == NS_BOUNDS.index(500_000)
    assert one.compute_buckets.index(1) == 0


def test_a_refusal_counts_as_itself_and_in_no_duration_of_answers(
    metrics: Metrics, tmp_path: Path
) -> None:
    metrics.answered(event("DeadlinePassed", nj=None))
    metrics.answered(event("SomethingNew", nj=None))
    one = totals(tmp_path).requests[VARIANT, "default"]
    said = {name: count for name, count in one.outcomes.items() if count}
    assert said == {"DeadlinePassed": 1, "LichenError": 1}
    assert (one.rows, one.total_ns, one.failed_ns, one.nj) == (0, 0, 600_000, 0)
    assert sum(one.total_buckets) == 0


def test_every_error_of_ours_is_an_outcome() -> None:
    of_ours = [kind for kind in kinds(errors.LichenError) if kind.__module__ == errors.__name__]
    assert {kind.__name__ for kind in of_ours} == set(OUTCOMES) - {"ok"}
    assert len(OUTCOMES) == len(set(OUTCOMES)) <= OUTCOME_WORDS
    assert (OUTCOMES[0], OUTCOMES[-1]) == (ANSWERED, "LichenError")


def test_tenants_are_counted_apart(metrics: Metrics, tmp_path: Path) -> None:
    for tenant in ("a", "b", "b"):
        metrics.answered(event(tenant=tenant))
    counted = totals(tmp_path)
    assert [counted.requests[VARIANT, tenant].answered for tenant in "ab"] == [1, 2]


def test_batches_are_counted_by_their_size(metrics: Metrics, tmp_path: Path) -> None:
    for rows in (1, 5, 5, 256, 300, 5000):
        metrics.ran(Ran(SUBJECT, 1, rows, 10, 20))
    one = totals(tmp_path).batches[VARIANT]
    assert (one.batches, one.rows) == (6, 5567)
    assert (one.cpu_ns, one.wall_ns) == (60, 120)
    assert one.sizes == {1: (1, 20), 5: (2, 40), 256: (1, 20)}
    assert one.rows_buckets == (1, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 1)
    assert one.last_ms > 1_700_000_000_000


def test_who_waits_no_more_is_taken_back(metrics: Metrics, tmp_path: Path) -> None:
    metrics.waiting({SUBJECT: 3})
    assert totals(tmp_path).batches[VARIANT].waiting == 3
    metrics.waiting({})
    assert totals(tmp_path).batches[VARIANT].waiting == 0


def test_those_beyond_the_bound_wait_together(metrics: Metrics, tmp_path: Path) -> None:
    many = {Subject(f"d{number}", "m", 1, "fp32"): 2 for number in range(SUBJECTS.records + 4)}
    metrics.waiting(many)
    waiting = {one.deployment: both.waiting for one, both in totals(tmp_path).batches.items()}
    assert waiting["other"] == 10
    assert sum(waiting.values()) == 2 * len(many)


def test_names_are_looked_up_again_when_too_many_were_seen(
    metrics: Metrics, tmp_path: Path
) -> None:
    for number in range(5000):
        subject = Subject("d", "m", number % 7, "fp32")
        metrics.answered(Answered(subject, TenantId(str(number)), "ok", 1, 1, 1, 1, 1, 1))
        metrics.ran(Ran(Subject("d", "m", number, "fp32"), 1, 1, 1, 1))
    counted = totals(tmp_path)
    assert sum(one.answered for one in counted.requests.values()) == 5000
    assert sum(one.batches for one in counted.batches.values()) == 5000


def test_a_tracer_is_told_only_while_there_is_one(metrics: Metrics) -> None:
    told: list[Answered] = []

    class Tracer:
        def answered(self, event: Answered) -> None:
            told.append(event)

        def ran(self, event: Ran) -> None:
            raise AssertionError(event)

    metrics.answered(event())
    metrics.tracer = Tracer()
    metrics.answered(event("NotFound"))
    metrics.ran(Ran(SUBJECT, 1, 1, 1, 1))
    assert [one.outcome for one in told] == ["NotFound"]


def test_no_folder_no_figures(tmp_path: Path) -> None:
    assert totals(tmp_path / "absent") == Totals()
