"""The law of metrics: what is exposed is the sum of what happened, however it was spread."""

import re
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import TenantId
from lichen.monitoring.exposition import Scrape, exposition
from lichen.monitoring.layout import OUTCOMES
from lichen.monitoring.metrics import Metrics
from lichen.monitoring.slots import Slot
from lichen.monitoring.totals import totals

SAMPLE = re.compile(r"^(\w+)\{.*\} ([0-9.]+)$", re.MULTILINE)
LAST_BUCKET = re.compile(r'^(\w+_bucket)\{.*le="\+Inf"\} ([0-9]+)$', re.MULTILINE)

subjects = st.builds(
    Subject,
    st.sampled_from(["d", "e", 'quo"te']),
    st.sampled_from(["m", "n"]),
    st.integers(1, 2),
    st.sampled_from(["fp32", "int8"]),
)
spans = st.integers(0, 10**11)
figures = st.none() | st.integers(0, 10**12)
answers = st.builds(
    Answered,
    subjects,
    st.sampled_from([TenantId("t"), TenantId("u\n")]),
    st.sampled_from(OUTCOMES),
    st.integers(0, 5000),
    spans,
    spans,
    spans,
    figures,
    figures,
)
batches = st.builds(Ran, subjects, st.integers(1, 64), st.integers(1, 5000), spans, spans)


def told(text: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for name, value in SAMPLE.findall(text):
        if not name.endswith("_bucket"):
            sums[name] += Decimal(value) * 10**9  # type: ignore[assignment]  # exact, whole
    for name, value in LAST_BUCKET.findall(text):
        sums[name] += int(value) * 10**9
    return sums


def microseconds(requests: list[Answered], span: str) -> int:
    """Whole microseconds of each deployed version, in billionths."""
    sums: Counter[tuple[str, int]] = Counter()
    for one in requests:
        sums[one.subject.deployment, one.subject.version] += getattr(one, span)
    return sum(value // 1000 for value in sums.values()) * 10**9


@given(
    events=st.lists(st.tuples(st.integers(0, 1), answers | batches), max_size=40),
    restarts=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_the_exposition_is_the_sum_of_the_events(
    *, events: list[tuple[int, Answered | Ran]], restarts: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slots = [Slot.claim(folder), Slot.claim(folder)]
        workers = [Metrics(slot) for slot in slots]
        for number, (worker, event) in enumerate(events):
            if restarts and number == len(events) // 2:
                slots[0].close()
                slots[0] = Slot.claim(folder)
                workers[0] = Metrics(slots[0])
            if isinstance(event, Ran):
                workers[worker].ran(event)
            else:
                workers[worker].answered(event)
        text = exposition(Scrape(totals(folder), [], [], [], "0", "3")).decode()
        assert len(list(folder.iterdir())) == 2
        for slot in slots:
            slot.close()
    requests = [one for _, one in events if isinstance(one, Answered)]
    good = [one for one in requests if one.outcome == "ok"]
    runs = [one for _, one in events if isinstance(one, Ran)]
    sums = told(text)
    assert {name: value for name, value in sums.items() if value} == {
        name: value
        for name, value in {
            "lichen_requests_total": len(requests) * 10**9,
            "lichen_rows_total": sum(one.rows for one in good) * 10**9,
            "lichen_request_seconds_sum": sum(one.total_ns for one in good),
            "lichen_request_seconds_count": len(good) * 10**9,
            "lichen_request_seconds_bucket": len(good) * 10**9,
            "lichen_queue_seconds_total": sum(one.queue_ns for one in good),
            "lichen_energy_joules_total": sum(one.nj or 0 for one in requests),
            "lichen_carbon_grams_total": sum(one.ng or 0 for one in requests),
            "lichen_batch_rows_sum": sum(one.rows for one in runs) * 10**9,
            "lichen_batch_rows_count": len(runs) * 10**9,
            "lichen_batch_rows_bucket": len(runs) * 10**9,
            "lichen_batch_cpu_seconds_total": sum(one.cpu_ns for one in runs),
            "lichen_build_info": 10**9,
            "nv_inference_request_success": len(good) * 10**9,
            "nv_inference_request_failure": (len(requests) - len(good)) * 10**9,
            "nv_inference_count": sum(one.rows for one in good) * 10**9,
            "nv_inference_exec_count": len(runs) * 10**9,
            "nv_inference_request_duration_us": microseconds(good, "total_ns"),
            "nv_inference_queue_duration_us": microseconds(good, "queue_ns"),
            "nv_inference_compute_infer_duration_us": microseconds(good, "compute_ns"),
            "request_predict_seconds_sum": sum(one.compute_ns for one in good),
            "request_predict_seconds_count": len(good) * 10**9,
            "request_predict_seconds_bucket": len(good) * 10**9,
        }.items()
        if value
    }
