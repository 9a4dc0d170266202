"""Files that come as a request's raw body: straight to disk, whole or not at all."""

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from lichen.api.admin_routes import Plane, Upload
from lichen.core.errors import TooLarge
from lichen.core.ids import Digest
from lichen.store.blobs import flush_folder
from lichen.store.failures import storage_failures

PARTIAL = ".partial"


async def receive_upload(request: Request, plane: Plane) -> Upload:
    """The body, empty or not, as a file in the uploads folder: durable once this returns.

    Raises:
        TooLarge: it is over the limit; nothing was kept.
        StorageFailed: the disk is full; nothing was kept.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > plane.upload_bytes:
        raise _too_large(plane)
    name = secrets.token_hex(16)
    partial = plane.uploads / (name + PARTIAL)
    try:
        with storage_failures(plane.uploads):
            with partial.open("xb") as file:
                size, digest = await _receive(request, file, plane)
                await run_in_threadpool(_flush, file)
            partial.replace(plane.uploads / name)
            await run_in_threadpool(flush_folder, plane.uploads)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Upload(name, size, digest)


def discard(plane: Plane, upload: Upload | None) -> None:
    """Remove an upload for which no job was accepted."""
    discard_named(plane, upload.name if upload else None)


def discard_named(plane: Plane, name: str | None) -> None:
    """Remove an upload that nobody needs any more."""
    if name:
        (plane.uploads / Path(name).name).unlink(missing_ok=True)


async def _receive(request: Request, file: BinaryIO, plane: Plane) -> tuple[int, Digest]:
    size, seen = 0, sha256()
    async for chunk in request.stream():
        size += len(chunk)
        if size > plane.upload_bytes:
            raise _too_large(plane)
        seen.update(chunk)
        file.write(chunk)
    return size, Digest(seen.hexdigest())


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(plane: Plane) -> TooLarge:
    return TooLarge(
        f"the file is over {plane.upload_bytes} bytes, the limit: send a smaller one, or raise "
        "the setting `upload_bytes`"
    )
