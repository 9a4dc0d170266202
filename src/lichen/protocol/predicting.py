"""Of batch prediction: what is to be predicted, and what came out."""

from datetime import datetime
from typing import Literal

import msgspec

from lichen.protocol.admin import FileSpec

MOST_BATCH_ROWS = 2**20
OnError = Literal["fail", "skip"]


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file among the platform's blobs: its SHA-256, and the name that it had."""

    sha256: str
    filename: str


class PredictSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a `batch-predict` job: every row of a table gets the answers of a deployment.

    The rows are those of a file that was uploaded or is kept, or of a dataset (its newest version
    unless `data_version` says which). A forecaster without either starts from the newest rows of
    its own dataset, or before `start`.

    Attributes:
        deployment: its name; the version that it serves when the job first starts answers all.
        on_error: `fail` ends the job at the first row that cannot be read or answered; `skip`
            leaves its answers empty and says why in the column `error`.
        batch_rows: so many rows are computed at once; None: as many as cost the least energy.
        size_bytes: of the file.
        kept: a file that the platform keeps, for work that recurs: the same rows each time.
        owner: the tenant whose deployment it was when the job was accepted; no other's answers.
        batch: which batch of `/v1/batches` asks for it; its requests are the rows then.
    """

    deployment: str
    file: FileSpec | None = None
    data: str | None = None
    data_version: int | None = None
    start: datetime | None = None
    on_error: OnError = "fail"
    batch_rows: int | None = None
    size_bytes: int | None = None
    kept: KeptFile | None = None
    owner: str | None = None
    batch: str | None = None


class PredictResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a `batch-predict` job made: its output under its SHA-256, and what a row took.

    Attributes:
        rows: of the output; `failed_rows` of them have no answer.
        batch_rows: computed at once.
        nj_per_row: nanojoules of the whole job over its rows; None where it was not metered.
        seconds: of work on chunks, whatever the job waited.
        output: SHA-256 of the output, `output_bytes` long, a file of this `filename`.
    """

    deployment: str
    model: str
    version: int
    variant: str
    rows: int
    failed_rows: int
    batch_rows: int
    nj_per_row: int | None
    seconds: float
    output: str
    output_bytes: int
    filename: str
    media_type: str
