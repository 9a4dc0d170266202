"""Messages of the control plane: jobs, datasets, models, deployments, accounts.

Energies are integer nanojoules, carbon integer nanograms, times RFC 3339 UTC.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec

from lichen.core.figures import Receipt
from lichen.core.tensors import Signature
from lichen.protocol.savings import LeverSaving
from lichen.protocol.scheduling import PlannedRun, Schedule, ScheduleRequest
from lichen.protocol.segments import JobSegment

JsonObject = dict[str, Any]
"""A JSON object whose members its reader knows."""

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, as RFC 9457 says; `code` names the class of `core.errors`."""

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    instance: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items of a list; `next` is the cursor of the following page, absent at the end."""

    items: list[T]
    next: str | None = None


class JobKind(StrEnum):
    """What a job does."""

    INGEST = "ingest"
    APPEND = "append"
    TRAIN = "train"
    IMPORT = "import"
    PREDICT = "batch-predict"
    REPORT = "report"
    PULL = "pull"
    EXPLAIN = "explain"


class JobState(StrEnum):
    """Where a job stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed: the class of `core.errors` and its one sentence."""

    code: str
    message: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a running job is; `fraction` from 0 to 1, absent where nobody can know."""

    stage: str
    fraction: float | None = None
    message: str = ""
    nj: int | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job as its tenant sees it; `result` names what it made, such as `{"version": 2}`.

    A queued job that a budget or the plan lets wait is not started before `not_before`; `waits_for`
    says why. `why` says what it was last started for, and `pausing` that it ends at its next
    checkpoint, to go on when it is resumed. `segments` are the spans in which it worked. A job that
    can wait has a `schedule`, and while it waits what is `planned`; of one that has ended `saved`
    says what waiting brought, by the ledger, once that holds its end.
    """

    id: str
    kind: JobKind
    state: JobState
    tenant: str
    spec: JsonObject
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 0
    cancelling: bool = False
    progress: Progress | None = None
    error: JobError | None = None
    result: JsonObject | None = None
    receipt: Receipt | None = None
    not_before: datetime | None = None
    waits_for: str | None = None
    schedule: Schedule | None = None
    pausing: bool = False
    why: str | None = None
    segments: list[JobSegment] = []
    planned: PlannedRun | None = None
    saved: LeverSaving | None = None


class FileSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file waiting in the home: its name there, and the name it had."""

    upload: str
    filename: str


class DataOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sender knows about a file; all that is left out is detected.

    What each field means is said at `lichen.data.options.IngestOptions`, by the same names.
    """

    time: str | None = None
    timezone: str | None = None
    time_format: str | None = None
    series: str | None = None
    targets: list[str] = []
    known: list[str] = []
    units: dict[str, str] = {}
    missing: list[str] = []
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    size: str | None = None


class DataSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Of an `ingest` or `append` job: the file's rows become a version of the dataset."""

    name: str
    file: FileSpec
    options: DataOptions = DataOptions()


class ImportSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Of an `import` job: a model's file, or the tar of its folder, becomes a version.

    Attributes:
        columns: names of the values of a row of the model's only input.
        labels: names of the values of a row of its output.
        format: what it is; found out unless said.
        inputs: its tensors as `NAME:FP32:-1,3,224,224`, where its files do not say.
        entry: which of several parts is meant, such as a signature of a SavedModel.
        allow_unsafe: an administrator lets it run code while it is read, confined.
        source: the address that it was fetched from.
    """

    name: str
    file: FileSpec
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    format: str | None = None
    inputs: tuple[str, ...] = ()
    entry: str | None = None
    allow_unsafe: bool = False
    source: str | None = None


class PullSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST models/pull`, and of a `pull` job: what a source has becomes a version.

    `source` says where it is: `https:`, `s3:`, `hf:`, `oci:` or, on the server, `file:`; `name` is
    the source's own unless said. The others are as in ImportSpec.
    """

    source: str
    name: str = ""
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    format: str | None = None
    inputs: tuple[str, ...] = ()
    entry: str | None = None
    allow_unsafe: bool = False


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `POST jobs` takes: a kind, its spec, and when it may run; at once unless said."""

    kind: JobKind
    spec: JsonObject
    schedule: ScheduleRequest | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a dataset; `role` is time, target, series, known or feature.

    `shape` is there of images alone: height, width, channels.
    """

    name: str
    dtype: str
    role: str
    unit: str | None = None
    shape: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the data that a person may want to act on.

    `severity` is info, warning or error; `rows` and `times` hold the first of `count` places.
    """

    kind: str
    severity: str
    message: str
    remedy: str = ""
    column: str | None = None
    count: int = 0
    rows: list[int] = []
    times: list[str] = []


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version of a dataset; `profile` holds summary figures by column."""

    name: str
    version: int
    rows: int
    columns: list[Column]
    digest: str
    timezone: str | None = None
    step_seconds: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    findings: list[Finding] = []
    profile: JsonObject = {}


class DatasetRows(msgspec.Struct, frozen=True, kw_only=True):
    """The newest rows of a dataset, column by column; null where nothing was recorded."""

    name: str
    version: int
    times: list[datetime]
    columns: dict[str, list[float | str | None]]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One score of a model on one split; `low` and `high` end its 95 % confidence interval."""

    name: str
    value: float
    unit: str | None = None
    split: str | None = None
    low: float | None = None
    high: float | None = None


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version."""

    name: str
    size: int
    sha256: str


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model: its newest version and where its aliases point."""

    name: str
    latest: int
    aliases: dict[str, int] = {}


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version of a model."""

    model: str
    version: int
    task: str
    algorithm: str
    signature: Signature
    files: list[ModelFile]
    metrics: list[Metric]
    parameters: JsonObject
    created_at: datetime
    code_version: str | None = None
    dataset: JsonObject | None = None
    receipt: Receipt | None = None
    aliases: list[str] = []
    provenance: JsonObject | None = None


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT models/{name}/aliases/{alias}`."""

    version: int


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """Whether stored bytes and records are what they should be; `findings` is empty when so."""

    sound: bool
    findings: list[str]


class DeploymentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT deployments/{name}`: `model` is `NAME@V`, `NAME@ALIAS` or `NAME`.

    `cheaper` is the deployment that answers while a budget degrades; `cheaper_quality` states its
    quality relative to this one, 0 to 1, where the registry does not know it.
    """

    model: str
    min_quality: float | None = None
    p95_ms: float | None = None
    batch_wait_ms: float = 0.0
    threads: int | Literal["auto"] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    cheaper: str | None = None
    cheaper_quality: float | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What should answer under this name, and what the data plane says of it."""

    name: str
    model: str
    version: int
    variant: str
    tenant: str
    generation: int
    state: str = "pending"
    message: str = ""
    min_quality: float | None = None
    p95_ms: float | None = None
    batch_wait_ms: float = 0.0
    threads: int | Literal["auto"] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    cheaper: str | None = None
    cheaper_quality: float | None = None


class NewestInput(msgspec.Struct, frozen=True, kw_only=True):
    """The OIP request that forecasts from a dataset's newest rows, and what its answer means.

    `times` are those of the horizon's steps; `targets` and `units` name the answer's last axis,
    `quantile_levels` that of its `quantiles`.
    """

    request: JsonObject
    times: list[datetime]
    targets: list[str]
    units: list[str | None]
    quantile_levels: list[float]


class AccountTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked to one account; the meter's side is negative."""

    account: str
    nj: int
    ng: int | None = None


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts that sum to zero; `entry` is the last sealed entry counted."""

    accounts: list[AccountTotal]
    entry: int | None = None


class MeterChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One meter that this machine has or lacks, and why."""

    name: str
    usable: bool
    reason: str


class Meters(msgspec.Struct, frozen=True, kw_only=True):
    """Which meter is read, what it says now, and how far its figures can be trusted.

    `cores` says which kinds of cores there are, empty where all are alike; `sockets` is null where
    the kernel does not say.
    """

    chosen: str
    reason: str
    method: str
    source: str
    meters: list[MeterChoice]
    window: int | None = None
    nj_per_cpu_ns: float | None = None
    nj_per_cpu_ns_low: float | None = None
    nj_per_cpu_ns_high: float | None = None
    measured: list[str] = []
    modelled: list[str] = []
    unknown: list[str] = []
    processor: str = ""
    threads: int | None = None
    sockets: int | None = None
    cores: str = ""
    virtual_machine: bool = False
    container: bool = False


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone of the grid with the yearly average that ships with the package."""

    zone: str
    name: str
    g_per_kwh: float
    year: int | None = None
    source: str | None = None


class ZoneSource(msgspec.Struct, frozen=True, kw_only=True):
    """One source of intensity: what it says of a zone now, or why it says nothing (C2).

    `asked_at`, `problem` and `refused` concern services that are asked over a network: when they
    were last asked, what went wrong then, and the values that were refused.
    """

    name: str
    answers: bool
    reason: str | None = None
    g_per_kwh: float | None = None
    g_per_kwh_low: float | None = None
    g_per_kwh_high: float | None = None
    source: str | None = None
    signal: str | None = None
    scope: str | None = None
    kind: str | None = None
    resolution_seconds: int | None = None
    asked_at: str | None = None
    problem: str | None = None
    refused: list[str] = []


class ZoneIntensity(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one zone now: every source in the order in which they are asked."""

    zone: str
    at: str
    answered_by: str | None
    sources: list[ZoneSource]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the platform listens: URLs, and host and port of the data plane over gRPC."""

    http: str
    control: str
    grpc: str | None = None


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """This platform: its version, addresses and zone."""

    version: str
    addresses: Addresses
    zone: str
    home: str
    pids: dict[str, int] = {}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Answered without a key: whether the control plane answers."""

    status: str
