"""All metrics by name: what `/metrics` says of each, and the reference page too."""

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
VARIANT = ("deployment", "model", "version", "variant")
SERIES = (*VARIANT, "tenant")
BUDGET = ("budget", "scope", "tenant", "unit")
TRITON = ("model", "version")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, type and labels, and a line of help."""

    name: str
    kind: str
    labels: tuple[str, ...]
    says: str


REQUESTS = Family(
    "lichen_requests_total",
    COUNTER,
    (*SERIES, "outcome"),
    "Requests that came to their end; outcome is ok, or the class of the error.",
)
ROWS = Family("lichen_rows_total", COUNTER, SERIES, "Rows of requests answered ok.")
SECONDS = Family(
    "lichen_request_seconds",
    HISTOGRAM,
    SERIES,
    "Seconds from the plane's door and back to it, of requests answered ok.",
)
QUEUE_SECONDS = Family(
    "lichen_queue_seconds_total",
    COUNTER,
    SERIES,
    "Seconds that requests answered ok waited for their batch.",
)
JOULES = Family(
    "lichen_energy_joules_total",
    COUNTER,
    SERIES,
    "Joules on the receipts of requests; absent where nothing is metered.",
)
GRAMS = Family(
    "lichen_carbon_grams_total",
    COUNTER,
    SERIES,
    "Grams of CO2 equivalent on the receipts of requests; absent where no intensity is known.",
)
BATCH_ROWS = Family("lichen_batch_rows", HISTOGRAM, VARIANT, "Rows of the batches that were run.")
BATCH_CPU = Family(
    "lichen_batch_cpu_seconds_total", COUNTER, VARIANT, "CPU seconds that batches took."
)
QUEUE = Family(
    "lichen_queue_requests", GAUGE, VARIANT, "Requests that wait now, seen five times a second."
)
DEPLOYMENTS = Family(
    "lichen_deployments",
    GAUGE,
    (*VARIANT, "state"),
    "1 for the state that a deployment is in, 0 for the others.",
)
BUDGET_LIMIT = Family(
    "lichen_budget_limit",
    GAUGE,
    BUDGET,
    "Limit of a budget for its period; unit is joules or grams.",
)
BUDGET_COMMITTED = Family(
    "lichen_budget_committed",
    GAUGE,
    BUDGET,
    "What is spent or set aside of a budget in its period; absent where it cannot be known.",
)
BUDGET_ALERT = Family(
    "lichen_budget_alert",
    GAUGE,
    (*BUDGET, "percent"),
    "1 while so many per cent of a budget are used, else 0; percent is 50, 80 or 100.",
)
STARTED = Family(
    "lichen_process_start_time_seconds",
    GAUGE,
    ("process",),
    "When a process started, in seconds since 1970.",
)
RESIDENT = Family(
    "lichen_process_resident_memory_bytes", GAUGE, ("process",), "Resident memory of a process."
)
BUILD = Family("lichen_build_info", GAUGE, ("version", "python"), "1, with what is running.")

NV_SUCCESS = Family(
    "nv_inference_request_success", COUNTER, TRITON, "Number of successful inference requests."
)
NV_FAILURE = Family(
    "nv_inference_request_failure",
    COUNTER,
    (*TRITON, "reason"),
    "Number of failed inference requests; reason is REJECTED, BACKEND or OTHER.",
)
NV_COUNT = Family(
    "nv_inference_count", COUNTER, TRITON, "Number of inferences performed: rows answered."
)
NV_EXECUTIONS = Family(
    "nv_inference_exec_count", COUNTER, TRITON, "Number of model executions: batches that were run."
)
NV_REQUEST_US = Family(
    "nv_inference_request_duration_us",
    COUNTER,
    TRITON,
    "Cumulative duration of successful inference requests in microseconds.",
)
NV_QUEUE_US = Family(
    "nv_inference_queue_duration_us",
    COUNTER,
    TRITON,
    "Cumulative queuing duration of successful inference requests in microseconds.",
)
NV_INFER_US = Family(
    "nv_inference_compute_infer_duration_us",
    COUNTER,
    TRITON,
    "Cumulative compute duration of successful inference requests in microseconds.",
)
NV_PENDING = Family(
    "nv_inference_pending_request_count", GAUGE, TRITON, "Requests that wait to be executed now."
)
PREDICT_SECONDS = Family(
    "request_predict_seconds",
    HISTOGRAM,
    ("model_name",),
    "Predict request latency: seconds in the batch, of requests answered ok.",
)

OWN = (
    *(REQUESTS, ROWS, SECONDS, QUEUE_SECONDS, JOULES, GRAMS, BATCH_ROWS, BATCH_CPU, QUEUE),
    *(BUDGET_LIMIT, BUDGET_COMMITTED, BUDGET_ALERT),
    *(DEPLOYMENTS, STARTED, RESIDENT, BUILD),
)
OF_TRITON = (
    *(NV_SUCCESS, NV_FAILURE, NV_COUNT, NV_EXECUTIONS, NV_REQUEST_US, NV_QUEUE_US, NV_INFER_US),
    NV_PENDING,
)
OF_KSERVE = (PREDICT_SECONDS,)
FAMILIES = (*OWN, *OF_TRITON, *OF_KSERVE)
