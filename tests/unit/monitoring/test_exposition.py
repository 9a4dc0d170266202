"""The text that Prometheus reads: exact figures, every label, names of ours and of others."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from lichen.carbon.budgets.budget import Budget, Period, PeriodKind, Quantity, Scope
from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.exposition import BudgetGauge, Scrape, Standing, exposition
from lichen.monitoring.families import FAMILIES, OF_KSERVE, OF_TRITON, OWN, Family
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.samples import billionths
from lichen.monitoring.slots import Slot
from lichen.monitoring.totals import Process, Totals, Variant, totals

PAGE = Path(__file__).parents[3] / "docs/reference/metrics.md"
A, B = Subject("d", "m", 1, "fp32"), Subject("d", "m", 1, "int8")
Read = dict[tuple[str, frozenset[tuple[str, str]]], Decimal]


def scrape(counted: Totals) -> Scrape:
    standings = [Standing(Variant("d", "m", "1", "fp32"), "ready")]
    processes = [Process("dataplane-0", 1.5, 4096)]
    return Scrape(counted, standings, ["loading", "ready"], processes, "0.1", "3.11.7")


def counted(folder: Path) -> Totals:
    slot = Slot.claim(folder)
    metrics = Metrics(slot)
    for subject, tenant, outcome, nj in (
        (A, "t", "ok", 1_234_567_890_123_456_789),
        (A, 'q"\\\n', "ok", 1),
        (B, "t", "ok", None),
        (B, "t", "WorkFailed", None),
        (B, "t", "Unavailable", None),
        (B, "t", "NotFound", None),
    ):
        durations = (2_000, 3_000_000, 4_000_999)
        metrics.answered(Answered(subject, TenantId(tenant), outcome, 8, *durations, nj, nj))
    metrics.ran(Ran(A, 2, 16, 1_000, 3_000_000))
    metrics.waiting({A: 5, B: 1})
    slot.close()
    return totals(folder)


def named(read: Read, name: str) -> dict[frozenset[tuple[str, str]], Decimal]:
    return {labels: value for (one, labels), value in read.items() if one == name}


def test_energy_is_told_to_the_nanojoule_and_absent_where_unmetered(
    tmp_path: Path, exposed: Callable[[bytes], Read]
) -> None:
    read = exposed(exposition(scrape(counted(tmp_path))))
    for name in ("lichen_energy_joules_total", "lichen_carbon_grams_total"):
        found = {dict(labels)["tenant"]: value for labels, value in named(read, name).items()}
        assert found == {
            "t": Decimal("1234567890.123456789"),
            r"q\"\\\n": Decimal("0.000000001"),
        }


def test_budgets_are_told_with_their_levels_and_without_a_use_that_nobody_knows(
    tmp_path: Path, exposed: Callable[[bytes], Read]
) -> None:
    daily = Period(PeriodKind.DAY)
    known = Budget("lab", Scope.parse("tenant:t"), Quantity.JOULES, 10**12, daily)
    damaged = Budget("g", Scope.parse("jobs:train"), Quantity.GRAMS, 5, daily)
    budgets = [BudgetGauge(known, 850 * 10**9), BudgetGauge(damaged, None)]
    read = exposed(exposition(replace(scrape(counted(tmp_path)), budgets=budgets)))
    labels = {"budget": "lab", "scope": "tenant:t", "tenant": "default", "unit": "joules"}
    of = frozenset(labels.items())
    assert named(read, "lichen_budget_committed") == {of: Decimal(850)}
    assert named(read, "lichen_budget_limit")[of] == Decimal(1000)
    assert len(named(read, "lichen_budget_limit")) == 2
    levels = {
        dict(one)["percent"]: value for one, value in named(read, "lichen_budget_alert").items()
    }
    assert levels == {"50": 1, "80": 1, "100": 0}


def test_billionths_are_printed_whole() -> None:
    assert billionths(0) == "0.000000000"
    assert billionths(10**27 + 1) == "1000000000000000000.000000001"


def test_triton_dashboards_find_their_names_summed_by_deployment(
    tmp_path: Path, exposed: Callable[[bytes], Read]
) -> None:
    read = exposed(exposition(scrape(counted(tmp_path))))
    of = frozenset({("model", "d"), ("version", "1")})
    told = {name: value for (name, labels), value in read.items() if labels == of}
    assert told == {
        "nv_inference_request_success": 3,
        "nv_inference_count": 24,
        "nv_inference_exec_count": 1,
        "nv_inference_request_duration_us": 12_002,
        "nv_inference_queue_duration_us": 6,
        "nv_inference_compute_infer_duration_us": 9_000,
        "nv_inference_pending_request_count": 6,
    }
    failed = named(read, "nv_inference_request_failure")
    assert {dict(labels)["reason"]: value for labels, value in failed.items()} == {
        "REJECTED": 1,
        "BACKEND": 1,
        "OTHER": 1,
    }


def test_kserve_dashboards_find_their_histogram(
    tmp_path: Path, exposed: Callable[[bytes], Read]
) -> None:
    read = exposed(exposition(scrape(counted(tmp_path))))
    of = frozenset({("model_name", "d")})
    assert read["request_predict_seconds_count", of] == 3
    assert read["request_predict_seconds_sum", of] == Decimal("0.009")
    assert read["request_predict_seconds_bucket", of | {("le", "0.0025")}] == 0
    assert read["request_predict_seconds_bucket", of | {("le", "0.005")}] == 3
    assert read["request_predict_seconds_bucket", of | {("le", "+Inf")}] == 3


def test_states_processes_and_build_are_told(exposed: Callable[[bytes], Read]) -> None:
    read = exposed(exposition(scrape(Totals())))
    states = named(read, "lichen_deployments")
    assert {dict(labels)["state"]: value for labels, value in states.items()} == {
        "loading": 0,
        "ready": 1,
    }
    of = frozenset({("process", "dataplane-0")})
    assert read["lichen_process_start_time_seconds", of] == Decimal("1.5")
    assert read["lichen_process_resident_memory_bytes", of] == 4096
    assert read["lichen_build_info", frozenset({("version", "0.1"), ("python", "3.11.7")})] == 1


def test_every_sample_belongs_to_a_metric_that_was_announced(tmp_path: Path) -> None:
    text = exposition(scrape(counted(tmp_path))).decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert kinds == {family.name: family.kind for family in FAMILIES}
    for line in text.splitlines():
        if not line.startswith("#"):
            name = line.partition("{")[0]
            histogram = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in kinds or kinds[histogram] == "histogram"
    assert text.endswith("\n")


def row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.says} |"


def test_the_reference_page_has_every_metric_and_no_other() -> None:
    page = PAGE.read_text()
    rows = [
        line for line in page.splitlines() if line.startswith(("| `lichen_", "| `nv_", "| `re"))
    ]
    assert rows == [row(family) for family in (*OWN, *OF_TRITON, *OF_KSERVE)]
