"""`/v1/files` and `/v1/batches`, as OpenAI's clients ask them, for requests of this platform."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from lichen.api.batch_views import batch_object, file_object
from lichen.api.multipart import Form, FormReader, boundary_of
from lichen.api.oip_http import Door, answered, refusal, whole_body
from lichen.api.statuses import http_status, sentence
from lichen.core.errors import InvalidInput, LichenError, TooLarge
from lichen.core.ids import TenantId
from lichen.protocol.batches import BatchRequest, FileDeleted, ListOf, Problem, ProblemBody
from lichen.security.policy import Action, Kind
from lichen.serving.batch_files import INPUT, BatchFiles, FileRecord
from lichen.serving.batch_records import Batches, endpoint_of
from lichen.store.failures import storage_failures

PAGE, MOST = 20, 100
FILES_PAGE, MOST_FILES = 1000, 10_000
_LARGEST_REQUEST = 64 * 2**10
_FORM_BYTES = 64 * 2**10
"""What a form may have beside its file."""
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """What these paths act on.

    Attributes:
        files, batches: those of all tenants.
        uploads: where a file is received.
        file_bytes: the largest.
    """

    files: BatchFiles
    batches: Batches
    uploads: Path
    file_bytes: int


_Asks = Callable[[Request, TenantId, BatchDoor], Awaitable[Response]]


def batch_routes(door: Door, here: BatchDoor) -> list[Route]:
    """The paths of files and batches."""

    def bound(asks: _Asks) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            principal = request.state.principal
            try:
                door.gate.admit(principal, Action.PREDICT, Kind.DEPLOYMENT, principal.tenant)
                return await asks(request, principal.tenant, here)
            except LichenError as error:
                return problem(error)

        return answer

    async def create(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
        asked = await _asked(request)
        name = endpoint_of(asked.endpoint)
        door.caller(request.headers.get("authorization"), name, None)
        file = await asyncio.to_thread(here.files.get, tenant, asked.input_file_id)
        if file.purpose != INPUT:
            raise InvalidInput(f"file {file.id} is a batch's output: send an input file")
        asker = tenant, request.state.principal.name
        key = request.headers.get("idempotency-key")
        owner = door.plane.find(name, None).deployment.tenant
        made = await asyncio.to_thread(here.batches.create, asker, asked, file, key, owner)
        return answered(_json(batch_object(made)))

    def route(path: str, method: str, asks: _Asks) -> Route:
        return Route(path, bound(asks), methods=[method])

    return [
        route("/v1/files", "POST", _upload),
        route("/v1/files", "GET", _files),
        route("/v1/files/{id}", "GET", _file),
        route("/v1/files/{id}", "DELETE", _delete),
        route("/v1/files/{id}/content", "GET", _content),
        route("/v1/batches", "POST", create),
        route("/v1/batches", "GET", _batches),
        route("/v1/batches/{id}", "GET", _batch),
        route("/v1/batches/{id}/cancel", "POST", _cancel),
    ]


def problem(error: LichenError) -> Response:
    """A refusal in OpenAI's words."""
    plain = refusal(error)
    kind = "invalid_request_error" if http_status(error) < 500 else "server_error"
    body = ProblemBody(error=Problem(message=sentence(error), type=kind))
    headers = {
        name: value
        for name, value in plain.headers.items()
        if name not in ("content-length", "content-type")
    }
    return answered(_json(body), plain.status_code, headers)


async def _upload(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    partial = here.uploads / f"{secrets.token_hex(16)}.partial"
    try:
        form = await _received(request, partial, here.file_bytes)
        if form.filename is None:
            raise InvalidInput("the form has no file: send it as `file`")
        if form.fields.get("purpose") != INPUT:
            raise InvalidInput(f"purpose has to be {INPUT!r}: this platform keeps no other files")
        made = await asyncio.to_thread(here.files.add, tenant, form.filename[:255], partial)
    finally:
        partial.unlink(missing_ok=True)
    return answered(_json(file_object(made)))


async def _received(request: Request, target: Path, most_bytes: int) -> Form:
    """The form; its file is written to `target`.

    Raises:
        TooLarge: it is over the limit; nothing was kept.
        StorageFailed: the disk is full.
    """
    boundary, size = boundary_of(request.headers.get("content-type", "")), 0
    with storage_failures(target), target.open("xb") as file:
        reader = FormReader(boundary, file)
        async for piece in request.stream():
            size += len(piece)
            if size > most_bytes + _FORM_BYTES:
                raise _too_large(most_bytes)
            reader.take(piece)
        if file.tell() > most_bytes:
            raise _too_large(most_bytes)
        return reader.finish()


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(
        f"the file is over {most_bytes} bytes, the limit `batch_file_bytes`: split it, or raise "
        "the limit"
    )


async def _files(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    """Newest first, or oldest first with `order=asc`."""
    limit = _limit(request, FILES_PAGE, MOST_FILES)
    purpose, order = request.query_params.get("purpose"), request.query_params.get("order", "desc")
    after = _after(request)
    found: list[FileRecord] = await asyncio.to_thread(_all_files, here.files, tenant)
    found = [one for one in found if purpose in (None, one.purpose)]
    if order == "asc":
        found.reverse()
    elif order != "desc":
        raise InvalidInput(f"order is {order[:20]!r}: give asc or desc")
    if after:
        places = [place for place, one in enumerate(found) if one.id == after]
        found = found[places[0] + 1 :] if places else []
    shown = [file_object(one) for one in found[:limit]]
    return _listed(shown, has_more=len(found) > limit)


def _all_files(files: BatchFiles, tenant: TenantId) -> list[FileRecord]:
    found: list[FileRecord] = []
    while page := files.page(tenant, found[-1].id if found else "", FILES_PAGE):
        found += page
    return found


async def _file(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    record = await asyncio.to_thread(here.files.get, tenant, request.path_params["id"])
    return answered(_json(file_object(record)))


async def _delete(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    file_id = request.path_params["id"]
    await asyncio.to_thread(here.files.delete, tenant, file_id)
    return answered(_json(FileDeleted(id=file_id)))


async def _content(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    record = await asyncio.to_thread(here.files.get, tenant, request.path_params["id"])
    path = here.files.path(record)
    return FileResponse(path, media_type="application/octet-stream", filename=record.filename)


async def _asked(request: Request) -> BatchRequest:
    body = await whole_body(request, _LARGEST_REQUEST)
    try:
        return msgspec.json.decode(body, type=BatchRequest)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the body is no request for a batch: {error}") from error


async def _batches(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    limit = _limit(request, PAGE, MOST)
    found = await asyncio.to_thread(here.batches.page, tenant, _after(request), limit + 1)
    return _listed([batch_object(one) for one in found[:limit]], has_more=len(found) > limit)


async def _batch(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    record = await asyncio.to_thread(here.batches.get, tenant, request.path_params["id"])
    return answered(_json(batch_object(record)))


async def _cancel(request: Request, tenant: TenantId, here: BatchDoor) -> Response:
    record = await asyncio.to_thread(here.batches.cancel, tenant, request.path_params["id"])
    return answered(_json(batch_object(record)))


def _listed(shown: Sequence[Any], *, has_more: bool) -> Response:
    ids = [one.id for one in shown]
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    page = ListOf(data=list(shown), has_more=has_more, first_id=first, last_id=last)
    return answered(_json(page))


def _limit(request: Request, usual: int, most: int) -> int:
    said = request.query_params.get("limit", str(usual))
    if not (said.isascii() and said.isdigit() and len(said) < 9) or not 1 <= int(said) <= most:
        raise InvalidInput(f"limit is {said[:20]!r}: give a whole number from 1 to {most}")
    return int(said)


def _after(request: Request) -> str:
    return request.query_params.get("after", "")
