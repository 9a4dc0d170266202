"""The nouns of the control plane for Python: data, jobs, models, deployments, accounts."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict, Unpack
from urllib.parse import quote

import msgspec

from lichen.client.folders import packed
from lichen.client.session import Session
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, WorkFailed, named_error
from lichen.core.ids import checked_name
from lichen.protocol.admin import (
    Alias,
    DataOptions,
    Dataset,
    DatasetRows,
    Deployment,
    DeploymentRequest,
    Finding,
    Job,
    JobKind,
    JobRequest,
    JobState,
    Model,
    ModelVersion,
    NewestInput,
    PullSpec,
    Verification,
)
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import TrainSpec

Watcher = Callable[[Job], None]
"""Called with the job each time it was looked at, the last time with its final state."""

UPLOAD_CHUNK_BYTES = 2**20
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 0.5


class Jobs:
    """`lichen jobs`: what runs, ran and will run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ls(self, state: JobState | None = None) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._session.pages("/jobs", Job, {"state": state}))

    def show(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: there is no such job.
        """
        return self._session.get(f"/jobs/{_part(job_id, 'job')}", Job)

    def logs(self, job_id: str) -> str:
        """What the job wrote."""
        return self._session.send("GET", f"/jobs/{_part(job_id, 'job')}/log").text

    def submit(self, kind: JobKind, spec: object, schedule: ScheduleRequest | None = None) -> Job:
        """Accept a job: durable once this returns; it runs at once without a schedule.

        Raises:
            InvalidInput: spec or schedule cannot be; the message says why and what to do.
            QueueFull: too many jobs wait already.
        """
        request = JobRequest(
            kind=kind, spec=msgspec.to_builtins(spec, str_keys=True), schedule=schedule
        )
        return self._session.post("/jobs", lambda: msgspec.json.encode(request), Job)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end; it ends by SIGTERM, after a grace by SIGKILL."""
        return self._session.post(f"/jobs/{_part(job_id, 'job')}/cancel", lambda: b"", Job)

    def pause(self, job_id: str) -> Job:
        """Let a job stand still until it is resumed: one that runs ends at its next checkpoint.

        Raises:
            Conflict: it has ended, or runs without checkpoints.
        """
        return self._session.post(f"/jobs/{_part(job_id, 'job')}/pause", lambda: b"", Job)

    def resume(self, job_id: str) -> Job:
        """Let a job that was paused go on from its last checkpoint.

        Raises:
            Conflict: it has ended.
        """
        return self._session.post(f"/jobs/{_part(job_id, 'job')}/resume", lambda: b"", Job)

    def wait(self, job_id: str, watcher: Watcher | None = None) -> Job:
        """The job once it has succeeded, however long that takes.

        Raises:
            LichenError: the job failed; the error has the class it had there.
            WorkFailed: the job was cancelled.
        """
        pause = FIRST_PAUSE_SECONDS
        while True:
            job = self.show(job_id)
            if watcher is not None:
                watcher(job)
            if job.state.final:
                return _succeeded(job)
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)


class Data:
    """`lichen data`: datasets and their immutable versions."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs

    def add(
        self,
        name: str,
        file: Path | str,
        timezone: str | None = None,
        watcher: Watcher | None = None,
        options: DataOptions | None = None,
    ) -> Dataset:
        """Upload a file as a new version of a dataset, and wait until it is checked and stored.

        A folder, of pictures in folders named as their class, is packed and sent as a zip file.

        Raises:
            InvalidInput: the file cannot be read as a table; the message names row and remedy.
        """
        with packed(Path(file)) as sent:
            path = _existing(sent)
            query = {"name": name, "filename": path.name, "timezone": timezone}
            query |= _options(options)
            job = self._session.post("/datasets", lambda: _chunks(path), Job, query)
        return self._made(self._jobs.wait(job.id, watcher))

    def append(
        self,
        name: str,
        file: Path | str,
        timezone: str | None = None,
        watcher: Watcher | None = None,
        options: DataOptions | None = None,
    ) -> Dataset:
        """Add a file's rows to a dataset's newest version, as a new version."""
        path = _existing(file)
        query = {"filename": path.name, "timezone": timezone, **_options(options)}
        job = self._session.post(
            f"/datasets/{_part(name, 'dataset')}/rows", lambda: _chunks(path), Job, query
        )
        return self._made(self._jobs.wait(job.id, watcher))

    def ls(self) -> list[Dataset]:
        """The newest version of every dataset."""
        return list(self._session.pages("/datasets", Dataset))

    def show(self, name: str, version: int | None = None) -> Dataset:
        """One version with its columns, findings and profile; the newest unless said.

        Raises:
            NotFound: there is no such dataset or version.
        """
        return self._session.get(
            f"/datasets/{_part(name, 'dataset')}", Dataset, {"version": version}
        )

    def newest(self, name: str, rows: int = 48) -> DatasetRows:
        """The newest rows of each series, column by column.

        Raises:
            NotFound: there is no such dataset.
        """
        return self._session.get(
            f"/datasets/{_part(name, 'dataset')}/newest", DatasetRows, {"rows": rows}
        )

    def check(self, name: str, version: int | None = None) -> list[Finding]:
        """What a person may want to correct in the data before training on it."""
        return self.show(name, version).findings

    def _made(self, job: Job) -> Dataset:
        result = job.result or {}
        return self.show(result["dataset"], result["version"])


class ImportOptions(TypedDict, total=False):
    """What whoever imports a model says of it; what is left out is found out.

    Attributes:
        format: what it is, such as `keras`.
        inputs: its tensors, each as `NAME:FP32:-1,3,224,224`, where its files do not say.
        entry: which of several parts is meant, such as a signature of a SavedModel.
        allow_unsafe: let code that it holds run while it is read, confined; for administrators.
    """

    format: str | None
    inputs: Sequence[str]
    entry: str | None
    allow_unsafe: bool


class Models:
    """`lichen models`: the registry."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs

    def ls(self) -> list[Model]:
        """Every model with its newest version and aliases."""
        return list(self._session.pages("/models", Model))

    def versions(self, name: str) -> list[ModelVersion]:
        """Every version of a model, oldest first."""
        return list(self._session.pages(f"/models/{_part(name, 'model')}/versions", ModelVersion))

    def show(self, reference: str) -> ModelVersion:
        """The version that `NAME`, `NAME@V` or `NAME@ALIAS` means.

        Raises:
            NotFound: there is none.
        """
        return self._session.get(_version_path(reference), ModelVersion)

    def alias(self, reference: str, alias: str) -> Model:
        """Let an alias point at a version."""
        version = self.show(reference)
        path = f"/models/{_part(version.model, 'model')}/aliases/{_part(alias, 'alias')}"
        return self._session.put(path, Alias(version=version.version), Model)

    def card(self, reference: str) -> str:
        """The model card: Markdown with Hugging Face front matter."""
        return self._session.send("GET", f"{_version_path(reference)}/card").text

    def verify(self, reference: str) -> Verification:
        """Whether the stored files still have the digests that the manifest states."""
        return self._session.get(f"{_version_path(reference)}/verify", Verification)

    def export(self, reference: str, target: Path | str, format: str | None = None) -> Path:  # noqa: A002 - as --format
        """Write a version as a tar file, whole or not at all.

        Unless `format` says another form it holds the manifest `lichen.json`.
        """
        path, asked = Path(target), f"?format={quote(format)}" if format else ""
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                for chunk in self._session.download(f"{_version_path(reference)}/export{asked}"):
                    file.write(chunk)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return path

    def import_file(
        self,
        file: Path | str,
        name: str | None = None,
        watcher: Watcher | None = None,
        *,
        columns: Sequence[str] = (),
        labels: Sequence[str] = (),
        **options: Unpack[ImportOptions],
    ) -> ModelVersion:
        """Upload a model's file or the tar of its folder, of whatever framework; its version.

        Args:
            file: its path.
            name: of the model; the file's without one.
            watcher: hears of the job.
            columns: names for the values of a row of a foreign model's only input.
            labels: names for the values of a row of its only output that has so many.
            options: what else the platform cannot find out; see `ImportOptions`.
        """
        path = _existing(file)
        query = {
            "name": name or path.name.partition(".")[0],
            "filename": path.name,
            "columns": ",".join(columns) or None,
            "labels": ",".join(labels) or None,
            "format": options.get("format"),
            "inputs": ";".join(options.get("inputs", ())) or None,
            "entry": options.get("entry"),
            "allow_unsafe": "true" if options.get("allow_unsafe") else None,
        }
        job = self._session.post("/models", lambda: _chunks(path), Job, query)
        return self.made(self._jobs.wait(job.id, watcher))

    def pull(
        self,
        source: str,
        name: str | None = None,
        watcher: Watcher | None = None,
        *,
        columns: Sequence[str] = (),
        labels: Sequence[str] = (),
        **options: Unpack[ImportOptions],
    ) -> Job:
        """Let the platform fetch a model and import it; the finished job, whose result says more.

        Args:
            source: `https://...#sha256=...`, `s3://bucket/key`, `hf://org/name@revision`,
                `oci://registry/repository:tag`, or `file:/path` of the server.
            name: of the model; the source's without one.
            watcher: hears of the job.
            columns: names for the values of an input row, as of `import_file`.
            labels: names for those of an output row.
            options: what else the platform cannot find out.
        """
        given = {"columns": columns, "labels": labels, **options}
        spec = msgspec.convert({"source": source, "name": name or "", **given}, PullSpec)
        job = self._session.post("/models/pull", lambda: msgspec.json.encode(spec), Job)
        return self._jobs.wait(job.id, watcher)

    def made(self, job: Job) -> ModelVersion:
        """The version that a finished training or import job registered."""
        result = job.result or {}
        return self.show(f"{result['model']}@{result['version']}")


class DeploymentOptions(TypedDict, total=False):
    """How a version is served; what is left out is the platform's to choose.

    Attributes:
        min_quality: least quality relative to the full model, 0 to 1.
        p95_ms: milliseconds within which 95 % of answers come.
        batch_wait_ms: how long a request waits for company when nothing else runs.
        threads: with more than one it runs in a process of its own; `auto` measures how many.
        device: what it computes on; `auto`: a GPU only where it makes up for its power.
        cheaper: the deployment that answers in its place while a budget degrades.
        cheaper_quality: how good that one is beside this, 0 to 1, where the registry does not know.
    """

    min_quality: float | None
    p95_ms: float | None
    batch_wait_ms: float
    threads: int | Literal["auto"] | None
    device: Literal["auto", "cpu", "cuda"]
    cheaper: str | None
    cheaper_quality: float | None


class Deployments:
    """`lichen deploy`: names that clients call, and the version behind each."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ls(self) -> list[Deployment]:
        """Every deployment."""
        return list(self._session.pages("/deployments", Deployment))

    def show(self, name: str) -> Deployment:
        """One deployment, desired and observed.

        Raises:
            NotFound: there is no such deployment.
        """
        return self._session.get(f"/deployments/{_part(name, 'deployment')}", Deployment)

    def deploy(
        self,
        reference: str,
        name: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        **options: Unpack[DeploymentOptions],
    ) -> Deployment:
        """Serve a version under a name (default: the model's), and wait until it answers.

        Raises:
            InvalidInput: an option is not a finite number.
            NotFound: there is no such version.
            WorkFailed: the data plane cannot load it, or did not within the timeout.
        """
        for said, figure in options.items():
            if isinstance(figure, float) and not math.isfinite(figure):  # JSON has no word for it
                raise InvalidInput(f"{said} is {figure:g}: give a finite number, or leave it out")
        request = DeploymentRequest(model=reference, **options)
        path = f"/deployments/{_part(name or reference.partition('@')[0], 'deployment')}"
        deployment = self._session.put(path, request, Deployment)
        return self._ready(deployment, timeout_seconds)

    def undeploy(self, name: str) -> None:
        """Stop serving a name.

        Raises:
            NotFound: there is no such deployment.
        """
        self._session.send("DELETE", f"/deployments/{_part(name, 'deployment')}")

    def newest_input(self, name: str, start: datetime | None = None) -> NewestInput:
        """The request that forecasts from the newest rows of the data it was trained on.

        Args:
            name: the deployment.
            start: first step to predict, which looks at rows before it only; None: the step
                after the dataset's last.
        """
        query = {"start": rfc3339(start) if start else None}
        return self._session.get(
            f"/deployments/{_part(name, 'deployment')}/newest-input", NewestInput, query
        )

    def _ready(self, asked: Deployment, timeout_seconds: float) -> Deployment:
        until = time.monotonic() + timeout_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            now = self.show(asked.name)
            if now.state == "ready" or now.generation != asked.generation:
                return now
            if now.state == "failed":
                raise WorkFailed(f"deployment {asked.name!r} cannot be served: {now.message}")
            if time.monotonic() > until:
                raise WorkFailed(
                    f"deployment {asked.name!r} was not ready within {timeout_seconds:g} s: "
                    f"it is {now.state}; look at it with `lichen deploy --json`"
                )
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)


def train_job(jobs: Jobs, spec: TrainSpec, watcher: Watcher | None = None) -> Job:
    """Submit a training and wait for its version."""
    return jobs.wait(jobs.submit(JobKind.TRAIN, spec).id, watcher)


def _succeeded(job: Job) -> Job:
    if job.state is JobState.SUCCEEDED:
        return job
    if job.state is JobState.CANCELLED:
        raise WorkFailed(f"job {job.id} was cancelled")
    if job.error is None:
        raise WorkFailed(f"job {job.id} failed: see `lichen jobs logs {job.id}`")
    raise named_error(job.error.code, job.error.message)


def _options(options: DataOptions | None) -> dict[str, str]:
    return {} if options is None else {"options": msgspec.json.encode(options).decode()}


def file_chunks(file: Path | str) -> Callable[[], Iterator[bytes]]:
    """A file's content for a request, made anew for each attempt.

    Raises:
        InvalidInput: it cannot be read.
    """
    path = _existing(file)
    return lambda: _chunks(path)


def _existing(file: Path | str) -> Path:
    path = Path(file)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror}): name a file that is there and readable"
        ) from error


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(UPLOAD_CHUNK_BYTES):
            yield chunk


def _part(name: str, kind: str) -> str:
    """A name as one part of a path: what would be none, or several, is refused here."""
    if not name or "/" in name:
        checked_name(name, kind)
    return quote(name, safe="")


def _version_path(reference: str) -> str:
    name, _, which = reference.partition("@")
    return f"/models/{_part(name, 'model')}/versions/{_part(which or 'latest', 'version')}"
