"""Files and batches as OpenAI's clients send and read them: `/v1/files`, `/v1/batches`.

Times are whole seconds since 1970. A line of an input file is a request; lines of an output file
are answers, each by its request's `custom_id`.
"""

from typing import Any, Literal

import msgspec

MOST_METADATA, MOST_KEY, MOST_VALUE = 16, 64, 512
Status = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
FINAL: frozenset[str] = frozenset({"failed", "completed", "expired", "cancelled"})


class FileObject(msgspec.Struct, frozen=True, kw_only=True):
    """One file: what was sent, or what a batch made."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    object: str = "file"
    status: str = "processed"


class FileDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A file is gone."""

    id: str
    object: str = "file"
    deleted: bool = True


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/batches`.

    `endpoint` is `/v2/models/NAME/infer` or `/predict/NAME`; `completion_window` is a duration such
    as `24h` or `90min`, by which the batch is done, at the greenest times until then.
    """

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


class BatchError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a batch failed; `line` of the input file, from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class BatchErrors(msgspec.Struct, frozen=True, kw_only=True):
    """The first of them."""

    data: list[BatchError]
    object: str = "list"


class RequestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a batch: all, answered, and refused or failed."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchObject(msgspec.Struct, frozen=True, kw_only=True):
    """One batch, what it cost, and the job that answers it, for `lichen jobs show`."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    status: Status
    created_at: int
    expires_at: int
    request_counts: RequestCounts
    errors: BatchErrors | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    metadata: dict[str, str] | None = None
    job_id: str | None = None
    energy_joules: float | None = None
    carbon_gco2e: float | None = None
    object: str = "batch"


class ListOf(msgspec.Struct, frozen=True, kw_only=True):
    """A page of files or batches; `last_id` is the `after` of the next."""

    data: list[Any]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: str = "list"


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an input file."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class LineResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What a door would have answered."""

    status_code: int
    request_id: str
    body: msgspec.Raw


class LineError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request has no answer at all."""

    code: str
    message: str


class AnswerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an output or error file."""

    id: str
    custom_id: str
    response: LineResponse | None = None
    error: LineError | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a request, as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal."""

    error: Problem
