"""What a model version is: its signature, files, figures and origin, sealed by a digest.

The manifest travels as `lichen.json`, and the registry keeps the very same bytes. Its `seal` is the
SHA-256 of everything else in it, so that a changed byte shows.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from lichen.core.errors import Corrupt, InvalidInput
from lichen.core.figures import Receipt
from lichen.core.ids import Digest, JobId, checked_name, digest_of
from lichen.core.tensors import Signature

FORMAT = "lichen.model/1"
MANIFEST_FILE = "lichen.json"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version; `size` in bytes."""

    name: str
    size: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of the model; `split` says on which rows: `validation`, `test`, ...

    `low` and `high` are the ends of its 95 % confidence interval, where one was computed.
    """

    name: str
    value: float
    unit: str | None
    split: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class DatasetReference:
    """The data version that the model was fitted on."""

    name: str
    version: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model of another framework came from, and how faithful its form here is.

    Attributes:
        format: the form in which it came, as `--format` names it.
        source: what was given: a file's or folder's name, or an address.
        sha256: of what was given, as it came.
        library: what answered the trial: the framework and its version.
        inputs: how many were compared; 0: the framework that made it was not asked.
        largest_difference: of any answer, as a share of the largest or of 1 if that is more.
        tolerance: most that it might have been.
        opset: of its ONNX.
        scan: what was looked for before anything was read, and found.
        notes: what whoever deploys it should know.
    """

    format: str
    source: str
    sha256: Digest
    library: str
    inputs: int = 0
    largest_difference: float = 0.0
    tolerance: float = 0.0
    opset: int | None = None
    scan: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before the registry gave it a number.

    `task` is a word of `lichen train` (`forecast`, ...); `parameters` is JSON: horizon, context,
    seed, ...; `job_id` and `fence` name the job that made it, and registering one job twice gives
    one version.
    """

    model: str
    task: str
    algorithm: str
    signature: Signature
    code_version: str
    metrics: tuple[Metric, ...] = ()
    dataset: DatasetReference | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    receipt: Receipt | None = None
    hardware: str | None = None
    origin: str | None = None
    job_id: JobId | None = None
    fence: int | None = None
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version, immutable. `origin` says where an imported one came from."""

    model: str
    version: int
    created_at: datetime
    task: str
    algorithm: str
    signature: Signature
    files: tuple[File, ...]
    metrics: tuple[Metric, ...]
    dataset: DatasetReference | None
    code_version: str
    parameters: Mapping[str, object]
    receipt: Receipt | None
    hardware: str | None = None
    origin: str | None = None
    job_id: JobId | None = None
    fence: int | None = None
    provenance: Provenance | None = None

    @property
    def reference(self) -> str:
        """`NAME@V`."""
        return f"{self.model}@{self.version}"

    def file(self, name: str) -> File | None:
        """The file of that name, if the version has one."""
        return next((file for file in self.files if file.name == name), None)


def check_draft(draft: Draft) -> None:
    """Refuse a draft that could not be written and read back.

    Raises:
        InvalidInput: which field, and why.
    """
    checked_name(draft.model, "model")
    for metric in draft.metrics:
        if not math.isfinite(metric.value):
            raise InvalidInput(
                f"the metric {metric.name!r} of {draft.model} is {metric.value}: "
                "leave out a score that could not be computed"
            )
    try:
        json.dumps(msgspec.to_builtins(draft.parameters), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise InvalidInput(f"the parameters of {draft.model} are no JSON: {problem}") from problem


def numbered(draft: Draft, version: int, files: tuple[File, ...], created_at: datetime) -> Manifest:
    """The draft as a version, just as it will be read back."""
    manifest = Manifest(
        model=draft.model,
        version=version,
        created_at=created_at,
        task=draft.task,
        algorithm=draft.algorithm,
        signature=draft.signature,
        files=files,
        metrics=draft.metrics,
        dataset=draft.dataset,
        code_version=draft.code_version,
        parameters=draft.parameters,
        receipt=draft.receipt,
        hardware=draft.hardware,
        origin=draft.origin,
        job_id=draft.job_id,
        fence=draft.fence,
        provenance=draft.provenance,
    )
    return decode_manifest(encode_manifest(manifest))


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of `lichen.json`: indented JSON, the same bytes for equal manifests."""
    return _written(msgspec.to_builtins(manifest))


def _written(fields: dict[str, Any]) -> bytes:
    sealed = {"format": FORMAT, "seal": _seal(fields), **fields}
    compact = msgspec.json.encode(sealed, order="deterministic")
    return msgspec.json.format(compact, indent=2) + b"\n"


def is_unedited(content: bytes) -> bool:
    """Whether a manifest that can be decoded is byte for byte as it was written."""
    fields = msgspec.json.decode(content, type=dict[str, Any])
    del fields["format"], fields["seal"]
    return _written(fields) == content


def decode_manifest(content: bytes) -> Manifest:
    """The manifest in `lichen.json`.

    Raises:
        InvalidInput: this is no manifest, or one of another format.
        Corrupt: its seal is broken.
    """
    try:
        fields = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError as problem:
        raise InvalidInput(f"{MANIFEST_FILE} is no JSON object: {problem}") from problem
    written, seal = fields.pop("format", None), fields.pop("seal", None)
    if written != FORMAT:
        raise InvalidInput(
            f"{MANIFEST_FILE} has the format {written!r}, and this Lichen reads {FORMAT!r}: "
            "export the model again with a version of Lichen that both sides have"
        )
    if seal != _seal(fields):
        raise Corrupt(
            f"{MANIFEST_FILE} was changed after it was written, its seal is broken: "
            "export or copy the model again"
        )
    try:
        return msgspec.convert(fields, Manifest)
    except msgspec.ValidationError as problem:
        raise InvalidInput(f"{MANIFEST_FILE} is no manifest: {problem}") from problem


def _seal(fields: dict[str, Any]) -> Digest:
    return digest_of(msgspec.json.encode(fields, order="deterministic"))
