"""Batches of `/v1/batches`: every request of a file answered once, in the bodies of the doors.

Requests come as lines and go through the plane a chunk at a time. A chunk's answers and refusals
are two parts, written whole and flushed, then committed by the checkpoint that counts them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import msgspec

from lichen.api.forms import formed, read, with_classes
from lichen.api.statuses import http_status, sentence
from lichen.core.batch import Array
from lichen.core.errors import LichenError
from lichen.core.ids import TenantId, digest_of
from lichen.protocol.batches import AnswerLine, LineResponse, RequestCounts
from lichen.protocol.classification import rankings
from lichen.protocol.codec import Decoded
from lichen.protocol.demands import Demands
from lichen.protocol.oip import error_body
from lichen.protocol.plain import PlainForm
from lichen.server.work import batch_standing as checkpoints
from lichen.server.work.batch_ground import (
    Kept,
    complete,
    deployed,
    keep,
    parts_folder,
    parts_of,
    scratch,
    widen,
    width_of,
)
from lichen.server.work.batch_standing import Settled, Standing
from lichen.server.work.job_plane import JobPlane
from lichen.server.work.workbench import Workbench
from lichen.serving.batch_files import new_output
from lichen.serving.batch_lines import lines_of, parsed
from lichen.serving.batch_records import Batches, BatchRecord, changes_of, is_plain
from lichen.serving.ticket import Answer, Outcome, Query
from lichen.store.blobs import flush_folder
from lichen.store.documents import Change
from lichen.store.failures import storage_failures

CHUNK_LINES, CHUNK_BYTES = 256, 8 * 2**20
"""A chunk has at most so many requests, and ends with the one that fills so many bytes."""
MEDIA_TYPE = "application/jsonl"
_ERRORS = ".errors"
_OK = 200
_json = msgspec.json.Encoder().encode
Line = tuple[int, bytes]
Shaped = Callable[[Outcome], bytes]
"""Makes the body of one answer."""


def answer_lines(bench: Workbench, key: str) -> None:
    """Answer every request; the keeping of the answers is the job's and the batch's completion."""
    batches = Batches(bench.documents, bench.clock)
    record, _ = batches.read(key)
    standing = checkpoints.load(bench.watch)
    deployment = (
        standing.settled.deployment
        if standing
        else deployed(bench, record.deployment, record.owner)
    )
    bench.watch.tell("loading")
    chosen = standing.settled.chosen if standing else ()
    with JobPlane(parts_of(bench), deployment, chosen) as plane:
        if standing is None:
            width = width_of(bench, deployment)
            standing = Standing(Settled(deployment, width, plane.chosen, 0, CHUNK_LINES))
            checkpoints.save(bench.watch, standing)
        widen(plane, standing.settled.width)
        answers = LineAnswers(plane, record)
        standing = _answered(bench, batches, record, answers, standing)
    _finish(bench, batches, record, standing)


class LineAnswers:
    """The requests of one batch as queries, and what they get as lines."""

    def __init__(self, plane: JobPlane, record: BatchRecord) -> None:
        self._plane = plane
        self._record = record
        self._plain = PlainForm(plane.signature) if is_plain(record.endpoint) else None

    def answer(self, lines: Sequence[Line]) -> tuple[list[bytes], list[bytes]]:
        """The lines of those that were answered, and of those that were refused or failed."""
        asked = [self._query(parsed(line).body) for _, line in lines]
        queries = [one[0] for one in asked if not isinstance(one, LichenError)]
        outcomes = iter(self._plane.ask_all(queries))
        good: list[bytes] = []
        bad: list[bytes] = []
        for line, one in zip(lines, asked, strict=True):
            if isinstance(one, LichenError):
                status, body = http_status(one), error_body(sentence(one))
            else:
                status, body = _told(next(outcomes), one[1])
            (good if status == _OK else bad).append(self._line(line, status, body))
        return good, bad

    def _query(self, body: msgspec.Raw) -> tuple[Query, Shaped] | LichenError:
        try:
            return self._plain_query(bytes(body)) if self._plain else self._oip_query(bytes(body))
        except LichenError as error:
            return error

    def _oip_query(self, body: bytes) -> tuple[Query, Shaped]:
        asked: Decoded = read(body, None)
        ranked = None if asked.classes is None else rankings(asked.classes, self._plane.signature)

        def shaped(outcome: Outcome) -> bytes:
            answer = _answer(outcome)
            answer = answer if ranked is None else with_classes(answer, ranked)
            return formed(answer, asked.id, None, None).body

        return self._made(asked.tensors, asked.demands, asked.outputs), shaped

    def _plain_query(self, body: bytes) -> tuple[Query, Shaped]:
        assert self._plain is not None  # noqa: S101 - for the type checker
        form, asked = self._plain, self._plain.read(body)

        def shaped(outcome: Outcome) -> bytes:
            return form.write(_answer(outcome).outputs, is_bare=asked.is_bare)

        return self._made(asked.tensors, asked.demands, None), shaped

    def _made(
        self, tensors: dict[str, Array], demands: Demands, outputs: tuple[str, ...] | None
    ) -> Query:
        """Nobody waits for it, so its own timeout does not count."""
        patient = msgspec.structs.replace(demands, timeout_us=None)
        record = self._record
        return Query(
            record.deployment, tensors, None, outputs, TenantId(record.tenant), "", patient
        )

    def _line(self, line: Line, status: int, body: bytes) -> bytes:
        number, text = line
        mark = digest_of(f"{self._record.id} {number}".encode())[:24]
        response = LineResponse(
            status_code=status, request_id=f"req_{mark}", body=msgspec.Raw(body)
        )
        told = AnswerLine(
            id=f"batch_req_{mark}", custom_id=parsed(text).custom_id, response=response
        )
        return _json(told)


def _answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, LichenError):
        raise outcome
    return outcome


def _told(outcome: Outcome, shaped: Shaped) -> tuple[int, bytes]:
    try:
        return _OK, shaped(outcome)
    except LichenError as error:
        return http_status(error), error_body(sentence(error))


def chunks_of(path: Path) -> Iterator[list[Line]]:
    """The requests of a file, a chunk at a time; always the same chunks."""
    chunk: list[Line] = []
    size = 0
    for line in lines_of(path):
        chunk.append(line)
        size += len(line[1])
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _answered(
    bench: Workbench,
    batches: Batches,
    record: BatchRecord,
    answers: LineAnswers,
    standing: Standing,
) -> Standing:
    """Answer and commit what is not committed yet."""
    path, fence = bench.blobs.path(record.input_digest), bench.job.fence
    total, done = max(1, record.counts.total), 0
    for number, lines in enumerate(chunks_of(path)):
        done += len(lines)
        if number < standing.chunks:
            continue
        bench.watch.tell("predicting", min(1.0, (done - len(lines)) / total))
        began = monotonic()
        good, bad = answers.answer(lines)
        part = checkpoints.part_path(parts_folder(bench), number, fence)
        _write(part, good)
        _write(_errors_of(part), bad)
        standing = standing.with_chunk(fence, len(bad), monotonic() - began)
        checkpoints.save(bench.watch, standing)
        failed = standing.failed_rows
        counts = RequestCounts(total=total, completed=done - failed, failed=failed)
        batches.change(record.key, partial(_counted, counts))
    return standing


def _counted(counts: RequestCounts, record: BatchRecord) -> BatchRecord:
    return replace(record, counts=counts)


def _errors_of(part: Path) -> Path:
    return part.with_suffix(_ERRORS)


def _write(target: Path, lines: Sequence[bytes]) -> None:
    """Write a part whole, and flush it."""
    fresh = target.with_name(f".{target.name}")
    with storage_failures(target):
        target.parent.mkdir(exist_ok=True)
        with fresh.open("wb") as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        flush_folder(target.parent)


def _finish(bench: Workbench, batches: Batches, record: BatchRecord, standing: Standing) -> None:
    bench.watch.tell("joining", 1.0)
    parts = list(standing.parts(parts_folder(bench)))
    output, answered = _joined(bench, parts, f"{record.id}-output.jsonl")
    errors, failed = _joined(
        bench, [_errors_of(part) for part in parts], f"{record.id}-errors.jsonl"
    )
    counts = RequestCounts(total=answered + failed, completed=answered, failed=failed)

    def also() -> Sequence[Change]:
        """The files, and the batch that names them; judged anew with each attempt to commit."""
        now = bench.clock.now()
        before, version = batches.read(record.key)
        made = [
            new_output(before.tenant, kept.filename, kept.digest, kept.size, now)
            if kept.size
            else None
            for kept in (output, errors)
        ]
        ids = [None if one is None else one.key.rpartition("/")[2] for one in made]
        after = replace(before, counts=counts, output_file_id=ids[0], error_file_id=ids[1])
        paid = bench.spending.receipt()
        ng = None if paid.carbon is None else paid.carbon.ng
        after = replace(after, nj=paid.energy.nj, ng=ng)
        after = after.entered("finalizing", now).entered("completed", now)
        files = [one for one in made if one is not None]
        return [*files, *changes_of(before, after, version)]

    complete(bench, standing, answered + failed, output, also)


def _joined(bench: Workbench, parts: Sequence[Path], filename: str) -> tuple[Kept, int]:
    """The parts as one file that is kept, and its lines."""
    target, lines = scratch(bench) / filename, 0
    with storage_failures(target), target.open("wb") as file:
        for part in parts:
            content = part.read_bytes()
            lines += content.count(b"\n")
            file.write(content)
    return keep(bench, target, filename, MEDIA_TYPE), lines
