"""Records of the rooms below as messages of the control plane."""

import msgspec

from lichen.control.state import Standing
from lichen.control.transitions import JobRecord
from lichen.data.dataset import DatasetVersion
from lichen.protocol.admin import (
    Column,
    Dataset,
    Deployment,
    Finding,
    Job,
    JobKind,
    JsonObject,
    Metric,
    Model,
    ModelFile,
    ModelVersion,
    Progress,
)
from lichen.registry.manifest import Manifest
from lichen.registry.records import ModelEntry


def _told(job: JobRecord) -> JsonObject:
    """What was asked for; of a source without its query, which may be a signature of somebody's."""
    source = job.spec.get("source")
    if job.kind != JobKind.PULL or not isinstance(source, str):
        return job.spec
    address, fragment, digest = source.partition("#")
    shown, query, _ = address.partition("?")
    return {**job.spec, "source": f"{shown}{query and '?...'}{fragment}{digest}"}


def job_view(job: JobRecord, progress: Progress | None = None) -> Job:
    """A job as its tenant sees it: without leases and fences."""
    return Job(
        id=job.id,
        kind=job.kind,
        state=job.state,
        tenant=job.tenant,
        spec=_told(job),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        attempt=job.attempt,
        cancelling=job.cancelling,
        progress=progress,
        error=job.error,
        result=job.result,
        receipt=job.receipt,
        not_before=job.not_before,
        waits_for=job.waits_for,
        pausing=job.pausing,
        why=job.why,
        segments=list(job.segments),
        schedule=job.schedule,
    )


def dataset_view(version: DatasetVersion) -> Dataset:
    """A dataset version with its findings and profile."""
    return Dataset(
        name=version.name,
        version=version.version,
        rows=version.rows,
        columns=[
            Column(
                name=one.name,
                dtype=one.dtype.value,
                role=one.role.value,
                unit=one.unit,
                shape=one.shape or msgspec.UNSET,
            )
            for one in version.schema
        ],
        digest=version.parquet_digest,
        timezone=version.timezone,
        step_seconds=version.step_seconds,
        start=version.start,
        end=version.end,
        created_at=version.created_at,
        findings=[
            Finding(
                kind=one.code,
                severity=one.severity.value,
                message=one.sentence,
                remedy=one.remedy,
                column=one.column,
                count=one.count,
                rows=list(one.rows),
                times=list(one.times),
            )
            for one in version.findings
        ],
        profile={one.column: msgspec.to_builtins(one) for one in version.profile},
    )


def model_view(entry: ModelEntry) -> Model:
    """A model with its aliases."""
    return Model(name=entry.name, latest=entry.latest, aliases=dict(entry.aliases))


def version_view(manifest: Manifest, entry: ModelEntry) -> ModelVersion:
    """A version with the aliases that point at it."""
    return ModelVersion(
        model=manifest.model,
        version=manifest.version,
        task=manifest.task,
        algorithm=manifest.algorithm,
        signature=manifest.signature,
        files=[
            ModelFile(name=one.name, size=one.size, sha256=one.sha256) for one in manifest.files
        ],
        metrics=[
            Metric(
                name=one.name,
                value=one.value,
                unit=one.unit,
                split=one.split,
                low=one.low,
                high=one.high,
            )
            for one in manifest.metrics
        ],
        parameters=dict(manifest.parameters),
        created_at=manifest.created_at,
        code_version=manifest.code_version,
        dataset=None if manifest.dataset is None else msgspec.to_builtins(manifest.dataset),
        receipt=manifest.receipt,
        aliases=sorted(alias for alias, to in entry.aliases.items() if to == manifest.version),
        provenance=(
            None if manifest.provenance is None else msgspec.to_builtins(manifest.provenance)
        ),
    )


def deployment_view(standing: Standing) -> Deployment:
    """A deployment, desired and observed."""
    desired = standing.desired
    return Deployment(
        name=desired.name,
        model=desired.model,
        version=desired.version,
        variant=desired.variant,
        tenant=desired.tenant,
        generation=desired.generation,
        state=standing.state,
        message=standing.message,
        min_quality=desired.level.min_quality,
        p95_ms=desired.level.p95_ms,
        batch_wait_ms=desired.level.batch_wait_ms,
        threads=desired.threads,
        device=desired.device,
        cheaper=None if desired.cheaper is None else desired.cheaper.deployment,
        cheaper_quality=None if desired.cheaper is None else desired.cheaper.quality,
    )
