"""Models for Python: versions, cards, imports, pulls and exports."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack
from urllib.parse import quote

import msgspec

from lichen.client.jobs import Jobs, Watcher
from lichen.client.paths import part, version_path
from lichen.client.session import Session
from lichen.client.uploads import chunks, existing_file
from lichen.protocol.admin import Alias, Job, Model, ModelVersion, PullSpec, Verification


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
        return list(self._session.pages(f"/models/{part(name, 'model')}/versions", ModelVersion))

    def show(self, reference: str) -> ModelVersion:
        """The version that `NAME`, `NAME@V` or `NAME@ALIAS` means.

        Raises:
            NotFound: there is none.
        """
        return self._session.get(version_path(reference), ModelVersion)

    def alias(self, reference: str, alias: str) -> Model:
        """Let an alias point at a version."""
        version = self.show(reference)
        path = f"/models/{part(version.model, 'model')}/aliases/{part(alias, 'alias')}"
        return self._session.put(path, Alias(version=version.version), Model)

    def card(self, reference: str) -> str:
        """The model card: Markdown with Hugging Face front matter."""
        return self._session.send("GET", f"{version_path(reference)}/card").text

    def verify(self, reference: str) -> Verification:
        """Whether the stored files still have the digests that the manifest states."""
        return self._session.get(f"{version_path(reference)}/verify", Verification)

    def export(self, reference: str, target: Path | str, format: str | None = None) -> Path:  # noqa: A002 - as --format
        """Write a version as a tar file, whole or not at all.

        Unless `format` says another form it holds the manifest `lichen.json`.
        """
        path, asked = Path(target), f"?format={quote(format)}" if format else ""
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                for chunk in self._session.download(f"{version_path(reference)}/export{asked}"):
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
        path = existing_file(file)
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
        job = self._session.post("/models", lambda: chunks(path), Job, query)
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
