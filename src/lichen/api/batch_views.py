"""Records of files and batches as OpenAI's clients read them."""

from collections.abc import Mapping
from datetime import datetime

from lichen.protocol.batches import BatchErrors, BatchObject, FileObject
from lichen.serving.batch_files import FileRecord
from lichen.serving.batch_records import BatchRecord

NANO = 10**9


def file_object(record: FileRecord) -> FileObject:
    """A file as its tenant sees it."""
    return FileObject(
        id=record.id,
        bytes=record.size,
        created_at=int(record.created_at.timestamp()),
        filename=record.filename,
        purpose=record.purpose,
    )


def batch_object(record: BatchRecord) -> BatchObject:
    """A batch as its tenant sees it."""
    return BatchObject(
        id=record.id,
        endpoint=record.endpoint,
        input_file_id=record.input_file_id,
        completion_window=record.completion_window,
        status=record.status,
        created_at=int(record.created_at.timestamp()),
        expires_at=int(record.deadline.timestamp()),
        request_counts=record.counts,
        errors=BatchErrors(data=list(record.errors)) if record.errors else None,
        output_file_id=record.output_file_id,
        error_file_id=record.error_file_id,
        metadata=record.metadata,
        job_id=record.job_id,
        energy_joules=None if record.nj is None else record.nj / NANO,
        carbon_gco2e=None if record.ng is None else record.ng / NANO,
        in_progress_at=_at(record.moments, "in_progress"),
        finalizing_at=_at(record.moments, "finalizing"),
        completed_at=_at(record.moments, "completed"),
        failed_at=_at(record.moments, "failed"),
        expired_at=_at(record.moments, "expired"),
        cancelling_at=_at(record.moments, "cancelling"),
        cancelled_at=_at(record.moments, "cancelled"),
    )


def _at(moments: Mapping[str, datetime], status: str) -> int | None:
    moment = moments.get(status)
    return None if moment is None else int(moment.timestamp())
