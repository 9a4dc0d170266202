"""Datasets and deployments for Python; `jobs` and `models` hold what they are named for."""

import math
import time
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import msgspec

from lichen.client.folders import packed
from lichen.client.jobs import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Jobs, Watcher
from lichen.client.paths import part
from lichen.client.session import Session
from lichen.client.uploads import chunks, existing_file
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.protocol.admin import (
    DataOptions,
    Dataset,
    DatasetRows,
    Deployment,
    DeploymentRequest,
    Finding,
    Job,
    NewestInput,
)


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
            path = existing_file(sent)
            query = {"name": name, "filename": path.name, "timezone": timezone}
            query |= _options(options)
            job = self._session.post("/datasets", lambda: chunks(path), Job, query)
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
        path = existing_file(file)
        query = {"filename": path.name, "timezone": timezone, **_options(options)}
        job = self._session.post(
            f"/datasets/{part(name, 'dataset')}/rows", lambda: chunks(path), Job, query
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
            f"/datasets/{part(name, 'dataset')}", Dataset, {"version": version}
        )

    def newest(self, name: str, rows: int = 48) -> DatasetRows:
        """The newest rows of each series, column by column.

        Raises:
            NotFound: there is no such dataset.
        """
        return self._session.get(
            f"/datasets/{part(name, 'dataset')}/newest", DatasetRows, {"rows": rows}
        )

    def check(self, name: str, version: int | None = None) -> list[Finding]:
        """What a person may want to correct in the data before training on it."""
        return self.show(name, version).findings

    def _made(self, job: Job) -> Dataset:
        result = job.result or {}
        return self.show(result["dataset"], result["version"])


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
        return self._session.get(f"/deployments/{part(name, 'deployment')}", Deployment)

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
        path = f"/deployments/{part(name or reference.partition('@')[0], 'deployment')}"
        deployment = self._session.put(path, request, Deployment)
        return self._ready(deployment, timeout_seconds)

    def undeploy(self, name: str) -> None:
        """Stop serving a name.

        Raises:
            NotFound: there is no such deployment.
        """
        self._session.send("DELETE", f"/deployments/{part(name, 'deployment')}")

    def newest_input(self, name: str, start: datetime | None = None) -> NewestInput:
        """The request that forecasts from the newest rows of the data it was trained on.

        Args:
            name: the deployment.
            start: first step to predict, which looks at rows before it only; None: the step
                after the dataset's last.
        """
        query = {"start": rfc3339(start) if start else None}
        return self._session.get(
            f"/deployments/{part(name, 'deployment')}/newest-input", NewestInput, query
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


def _options(options: DataOptions | None) -> dict[str, str]:
    return {} if options is None else {"options": msgspec.json.encode(options).decode()}
