"""The statistics and trace extensions of the Open Inference Protocol as JSON messages.

https://github.com/triton-inference-server/server/tree/main/docs/protocol (extension_statistics.md,
extension_trace.md). Trace settings go as texts, whatever their kind.
"""

from msgspec import UNSET, Struct, UnsetType


class DurationStat(Struct, frozen=True):
    """How often, and nanoseconds in all."""

    count: int = 0
    ns: int = 0


NEVER = DurationStat()


class InferenceStats(Struct, frozen=True):
    """Durations of requests, and of the parts of their execution."""

    success: DurationStat
    fail: DurationStat
    queue: DurationStat
    compute_infer: DurationStat
    compute_input: DurationStat = NEVER
    compute_output: DurationStat = NEVER
    cache_hit: DurationStat = NEVER
    cache_miss: DurationStat = NEVER


class BatchStat(Struct, frozen=True):
    """The executions of one batch size."""

    batch_size: int
    compute_infer: DurationStat
    compute_input: DurationStat = NEVER
    compute_output: DurationStat = NEVER


class ModelStat(Struct, frozen=True):
    """One version of one model; `last_inference` in milliseconds since 1970."""

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: InferenceStats
    batch_stats: list[BatchStat]


class Statistics(Struct, frozen=True):
    """The answer of `GET /v2/models/stats`."""

    model_stats: list[ModelStat]


class TraceSettings(Struct, frozen=True):
    """All settings, as the answers of both methods have them."""

    trace_file: str
    trace_level: list[str]
    trace_rate: str
    trace_count: str
    log_frequency: str


Text = str | int | UnsetType | None


class TraceUpdate(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request changes; null takes a setting back to where it comes from."""

    trace_file: Text = UNSET
    trace_level: list[str] | str | UnsetType | None = UNSET
    trace_rate: Text = UNSET
    trace_count: Text = UNSET
    log_frequency: Text = UNSET
